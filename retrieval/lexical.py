"""BM25 over passages and over whole groups (cases) in one walk of the postings; grows without a rebuild.

Document frequencies are counted while the postings are walked, so that an added or withdrawn row
changes every later score at once and replicas that hold the same rows give the same scores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

# A handful of segments costs a query nothing; past it they are merged.
_MAX_SEGMENTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What the index must know of its rows; a group's rows are contiguous.

    Attributes:
        group: Group number of each row, non-decreasing, (n,).
        weight: How much a row's words count in its group, (n,).
        alive: Rows that may count and be found, (n,).
        edition: Another number after every change, so that what follows from lengths alone is worked out once.
    """

    group: NDArray[np.int32]
    weight: Floats
    alive: NDArray[np.bool_]
    edition: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LexicalMatch:
    """Scores of one query.

    Attributes:
        passages: BM25 of each row, (n,).
        groups: BM25F of each group, its rows as weighted fields, (g,).
        passage_ceiling: What a row would score that held every word of the query often.
        group_ceiling: The same for a group.
    """

    passages: Floats
    groups: Floats
    passage_ceiling: float
    group_ceiling: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Norms:
    """What the lengths of the rows alone say, whatever is asked.

    Attributes:
        rows: Length normalisation of each row, (n,).
        groups: The same of each group, (g,).
        alive: How many rows count.
    """

    edition: int | None
    rows: Floats
    groups: Floats
    alive: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Segment:
    """Postings of a stretch of rows: tokens sorted, each with its rows ascending."""

    tokens: NDArray[np.int64]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    counts: Floats

    def slices(self, wanted: Ints) -> tuple[Ints, Ints]:
        """Return start and length of the postings of each wanted token id; length 0 where absent."""
        at = np.searchsorted(self.tokens, wanted)
        at = np.minimum(at, len(self.tokens) - 1)
        found = self.tokens[at] == wanted
        starts = self.starts[at]
        return starts, np.where(found, self.starts[at + 1] - starts, 0)


class LexicalIndex:
    """Inverted index of token lists.

    References:
        Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009 (BM25F in 3.6).
    """

    def __init__(self, *, k1: float = 1.2, b: float = 0.75, group_b: float = 0.5) -> None:
        self._k1, self._b, self._group_b = k1, b, group_b
        self._ids: dict[str, int] = {}
        self._segments: list[_Segment] = []
        self._lengths = np.zeros(0, np.float32)
        self._norms: _Norms | None = None

    def add(self, documents: Iterable[Sequence[str]]) -> None:
        """Append one row per token list."""
        base = len(self._lengths)
        tokens: list[int] = []
        rows: list[int] = []
        counts: list[int] = []
        lengths: list[int] = []
        for offset, document in enumerate(documents):
            tally = Counter(document)
            tokens += [self._ids.setdefault(token, len(self._ids)) for token in tally]
            rows += [base + offset] * len(tally)
            counts += tally.values()
            lengths.append(len(document))
        self._lengths = np.concatenate([self._lengths, np.asarray(lengths, np.float32)])
        if tokens:
            self._segments.append(
                _segment(np.asarray(tokens, np.int64), np.asarray(rows, np.int32), np.asarray(counts, np.float32))
            )
        if len(self._segments) > _MAX_SEGMENTS:
            self._segments = [_merge(self._segments)]

    def match(self, query: Iterable[str], rows: Rows) -> LexicalMatch:
        """Score every row and every group against the query's distinct tokens.

        Args:
            query: The query's tokens.
            rows: The rows as they are now; dead rows neither count nor score.
        """
        n = len(self._lengths)
        known, unknown = self._known(query)
        group_count = int(rows.group[-1]) + 1 if n else 0
        token, row, count = self._postings(known, rows.alive)
        norms = self._norms_of(rows, group_count)
        alive = norms.alive
        idf = _idf(alive, np.bincount(token, minlength=len(known)))
        passages = _sum(row, idf[token] * _saturate(count, self._k1 * norms.rows[row], self._k1), n)
        groups, group_idf = self._group_scores(token, row, count, rows, len(known), norms.groups)
        ceiling = self._k1 + 1
        return LexicalMatch(
            passages=passages,
            groups=groups,
            passage_ceiling=float(ceiling * (idf.sum() + unknown * _idf(alive, np.zeros(1, np.int64))[0])),
            group_ceiling=float(ceiling * (group_idf.sum() + unknown * _idf(group_count, np.zeros(1, np.int64))[0])),
        )

    def _known(self, query: Iterable[str]) -> tuple[Ints, int]:
        distinct = list(dict.fromkeys(query))
        ids = [self._ids[token] for token in distinct if token in self._ids]
        return np.asarray(sorted(ids), np.int64), len(distinct) - len(ids)

    def _postings(self, known: Ints, alive: NDArray[np.bool_]) -> tuple[Ints, NDArray[np.int32], Floats]:
        """Return query position, row and count of every live posting, ordered by position, then row."""
        parts = []
        for segment in self._segments if len(known) else ():
            starts, lengths = segment.slices(known)
            position = np.repeat(np.arange(len(known)), lengths)
            ends = np.cumsum(lengths)
            at = np.repeat(starts - (ends - lengths), lengths) + np.arange(ends[-1])
            parts.append((position, segment.rows[at], segment.counts[at]))
        if not parts:
            return np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)
        token, row, count = (np.concatenate(column) for column in zip(*parts, strict=True))
        if len(parts) > 1:
            order = np.lexsort((row, token))
            token, row, count = token[order], row[order], count[order]
        keep = alive[row]
        return token[keep], row[keep], count[keep]

    def _norms_of(self, rows: Rows, groups: int) -> _Norms:
        kept = self._norms
        if kept is not None and kept.edition is not None and kept.edition == rows.edition:
            return kept
        mean = float(self._lengths[rows.alive].mean()) if rows.alive.any() else 1.0
        of_rows = 1 - self._b + self._b * self._lengths / max(mean, 1.0)
        length = np.bincount(rows.group, weights=self._lengths * rows.weight * rows.alive, minlength=groups)
        said = length[length > 0]
        group_mean = max(float(said.mean()), 1.0) if len(said) else 1.0
        self._norms = _Norms(
            edition=rows.edition,
            rows=of_rows.astype(np.float32),
            groups=(1 - self._group_b + self._group_b * length / group_mean).astype(np.float32),
            alive=int(np.count_nonzero(rows.alive)),
        )
        return self._norms

    def _group_scores(
        self, token: Ints, row: NDArray[np.int32], count: Floats, rows: Rows, tokens: int, norm: Floats
    ) -> tuple[Floats, Floats]:
        groups = len(norm)
        if not len(token):
            return np.zeros(groups, np.float32), _idf(groups, np.zeros(tokens, np.int64))
        group = rows.group[row]
        first = np.flatnonzero(np.r_[True, (np.diff(token) != 0) | (np.diff(group) != 0)])
        total = np.add.reduceat(count * rows.weight[row], first)
        token, group = token[first], group[first]
        idf = _idf(groups, np.bincount(token, minlength=tokens))
        return _sum(group, idf[token] * _saturate(total, self._k1 * norm[group], self._k1), groups), idf


def _idf(documents: int, frequency: Ints) -> Floats:
    return np.log1p((documents - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)


def _saturate(count: Floats, norm: Floats, k1: float) -> Floats:
    return count * np.float32(k1 + 1) / (count + norm)


def _sum(keys: NDArray[np.int32], values: Floats, size: int) -> Floats:
    return np.bincount(keys, weights=values, minlength=size).astype(np.float32)


def _segment(tokens: Ints, rows: NDArray[np.int32], counts: Floats) -> _Segment:
    order = np.argsort(tokens, kind="stable")
    tokens, rows, counts = tokens[order], rows[order], counts[order]
    distinct, starts = np.unique(tokens, return_index=True)
    return _Segment(tokens=distinct, starts=np.r_[starts, len(tokens)], rows=rows, counts=counts)


def _merge(segments: Sequence[_Segment]) -> _Segment:
    tokens = np.concatenate([np.repeat(one.tokens, np.diff(one.starts)) for one in segments])
    rows = np.concatenate([one.rows for one in segments])
    counts = np.concatenate([one.counts for one in segments])
    return _segment(tokens, rows, counts)
