"""The index in this process: FAISS vectors, two inverted indexes (words, sounds) and facets as sets."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from domain.cases import Passage
from retrieval.index import Candidates, Facets, Floats, Group, no_candidates
from retrieval.lexical import LexicalIndex, LexicalMatch, Rows
from retrieval.query import Query
from retrieval.tokens import lexical_tokens, phonetic_tokens
from retrieval.vectors import EXACT_LIMIT, VectorIndex

FIELD_WEIGHTS = {"customer_question": 2.5, "title": 2.0, "blocker": 1.5, "background": 1.2}
"""How much a column's words count in its case (BM25F); the question is the key. Others count 1."""

_NAMED_FACETS = ("industry", "product", "customer_size", "stage", "rep", "tags")
"""Short columns whose words are found with the first passage of their case."""

_SAMPLE = 1_024
"""Rows that the mean and spread of the cosines are taken from, evenly spaced."""

_REBUILD_ROWS = 5_000
_REBUILD_SHARE = 0.5

Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]


class MemoryIndex:
    """`PassageIndex` in memory; rows are only ever appended, a changed group gets new ones.

    Args:
        dimension: Length of the vectors.
        exact_limit: Passages up to which vectors are compared one by one.
    """

    def __init__(self, dimension: int, *, exact_limit: int = EXACT_LIMIT) -> None:
        self._dimension, self._exact_limit = dimension, exact_limit
        self._lock = threading.RLock()
        self._edition = 0
        self._clear()

    def _clear(self) -> None:
        self._vectors = VectorIndex(self._dimension, exact_limit=self._exact_limit)
        self._words, self._sounds = LexicalIndex(), LexicalIndex()
        self._passages: list[Passage | None] = []
        self._ids: list[str] = []
        self._facets: list[Facets] = []
        self._numbers: dict[str, int] = {}
        self._first = np.zeros(1, np.int64)  # first row of each group number, then the end, (g + 1,)
        self._live = np.zeros(0, np.bool_)  # (g,)
        self._rows = Rows(group=np.zeros(0, np.int32), weight=np.zeros(0, np.float32), alive=np.zeros(0, np.bool_))
        self._holders: dict[tuple[str, str], set[int]] = {}

    def __len__(self) -> int:
        """Number of live passages."""
        return int(np.count_nonzero(self._rows.alive))

    def put(self, groups: Sequence[Group]) -> None:
        """Replace groups; see `PassageIndex.put`."""
        latest = {group.id: group for group in groups}
        with self._lock:
            for group_id in latest:
                self._withdraw(group_id)
            self._append([group for group in latest.values() if group.passages])
            if self._is_mostly_dead():
                live = list(self.groups())
                self._clear()
                self._append(live)
            self._edition += 1
            self._rows = replace(self._rows, edition=self._edition)

    def held(self) -> dict[str, str]:
        """Nothing outlives the process; see `PassageIndex.held`."""
        return {}

    def groups(self) -> Iterator[Group]:
        """Yield every live group, in the order of its rows."""
        for group_id, number in sorted(self._numbers.items(), key=lambda item: item[1]):
            rows = slice(self._first[number], self._first[number + 1])
            yield Group(
                id=group_id,
                passages=tuple(passage for passage in self._passages[rows] if passage is not None),
                vectors=self._vectors.matrix[rows].copy(),
                facets=self._facets[number],
            )

    @property
    def graph_is_behind(self) -> bool:
        """Whether `build_graph` has work that is worth it."""
        return self._vectors.graph_is_behind

    def build_graph(self, stop: threading.Event | None = None) -> None:
        """Let the vector graph take in new rows, while searches go on, unless `stop` is set meanwhile."""
        self._vectors.build_graph(stop)

    def nearest_rows(self, vector: Floats, *, limit: int, allowed: Mask) -> Numbers:
        """Return the rows nearest to a vector as the searches find them, by the graph where there is one."""
        return self._vectors.nearest(vector, limit=limit, allowed=allowed)[0]

    def save_graph(self, path: Path) -> bool:
        """Write the vector graph, if there is one, and say whether there was."""
        return self._vectors.save_graph(path)

    def load_graph(self, path: Path) -> None:
        """Take a graph that was made of the very rows that are here.

        Raises:
            ValueError: It was not, or cannot be read.
        """
        self._vectors.load_graph(path)

    def row_ids(self) -> Iterator[str]:
        """Yield the passage id of each row, empty for a withdrawn one."""
        with self._lock:
            rows = list(self._passages)
        return ("" if passage is None else passage.id for passage in rows)

    def facet_values(self, column: str) -> frozenset[str]:
        """Return the values of a facet column; see `PassageIndex.facet_values`."""
        with self._lock:
            return frozenset(value for (name, value), holders in self._holders.items() if name == column and holders)

    def candidates(self, query: Query, *, limit: int, facets: Facets) -> Candidates:
        """Score the best groups of each channel; see `PassageIndex.candidates`."""
        with self._lock:
            allowed = self._allowed(facets)
            if not allowed.any():
                return no_candidates()
            words = self._words.match(query.words, self._rows)
            sounds = self._sounds.match(query.sounds, self._rows)
            chosen = self._choose(query, words, sounds, allowed, limit)
            return self._scored(query, words, sounds, chosen)

    def _allowed(self, facets: Facets) -> Mask:
        """Which group numbers are live and pass the filter, (g,)."""
        allowed = self._live.copy()
        for column, values in facets.items():
            holders = np.zeros_like(allowed)
            for value in values:
                holders[list(self._holders.get((column, value), ()))] = True
            allowed &= holders
        return allowed

    def _choose(self, query: Query, words: LexicalMatch, sounds: LexicalMatch, allowed: Mask, limit: int) -> Numbers:
        """Return the numbers of the groups that any channel puts among its first, ascending."""
        if np.count_nonzero(allowed) <= limit:
            return np.flatnonzero(allowed)
        group = self._rows.group
        rows, _ = self._vectors.nearest(query.vector, limit=4 * limit, allowed=self._rows.alive & allowed[group])
        best_rows = _top(np.where(allowed[group], words.passages, 0), 4 * limit)
        found = [
            _first_distinct(group[rows], limit),
            _first_distinct(group[best_rows], limit),
            _top(np.where(allowed, words.groups, 0), limit),
            _top(np.where(allowed, sounds.groups, 0), limit),
        ]
        return np.unique(np.concatenate(found))

    def _scored(self, query: Query, words: LexicalMatch, sounds: LexicalMatch, chosen: Numbers) -> Candidates:
        starts, ends = self._first[chosen], self._first[chosen + 1]
        rows = np.concatenate([np.arange(start, end) for start, end in zip(starts, ends, strict=True)])
        mean, spread = self._background(query.vector)
        return Candidates(
            groups=tuple(self._ids[number] for number in chosen),
            facets=tuple(self._facets[number] for number in chosen),
            group_of=np.repeat(np.arange(len(chosen)), ends - starts),
            passages=tuple(passage for row in rows if (passage := self._passages[row]) is not None),
            dense=self._vectors.scores(query.vector, rows),
            lexical=words.passages[rows],
            lexical_share=_share(words.passages[rows], words.passage_ceiling),
            sound_share=_share(sounds.passages[rows], sounds.passage_ceiling),
            group_lexical_share=_share(words.groups[chosen], words.group_ceiling),
            group_sound_share=_share(sounds.groups[chosen], sounds.group_ceiling),
            dense_mean=mean,
            dense_spread=spread,
        )

    def _background(self, vector: Floats) -> tuple[float, float]:
        alive = np.flatnonzero(self._rows.alive)
        scores = self._vectors.scores(vector, alive[:: max(1, len(alive) // _SAMPLE)])
        return float(scores.mean()), float(scores.std())

    def _withdraw(self, group_id: str) -> None:
        number = self._numbers.pop(group_id, None)
        if number is None:
            return
        for key in _facet_keys(self._facets[number]):
            self._holders[key].discard(number)
        rows = range(self._first[number], self._first[number + 1])
        self._live[number] = False
        self._rows.alive[rows.start : rows.stop] = False
        # The words of what is withdrawn must not stay in memory either.
        self._facets[number] = {}
        for row in rows:
            self._passages[row] = None

    def _append(self, groups: Sequence[Group]) -> None:
        if not groups:
            return
        first, sizes = len(self._ids), np.asarray([len(group.passages) for group in groups])
        passages = [passage for group in groups for passage in group.passages]
        self._vectors.add(np.concatenate([group.vectors for group in groups]))
        self._words.add(tokens for group in groups for tokens in _group_tokens(group))
        self._sounds.add(phonetic_tokens(passage.text) for passage in passages)
        numbers = np.arange(first, first + len(groups))
        weights = np.asarray([FIELD_WEIGHTS.get(passage.column, 1.0) for passage in passages], np.float32)
        self._rows = Rows(
            group=np.r_[self._rows.group, np.repeat(numbers, sizes).astype(np.int32)],
            weight=np.r_[self._rows.weight, weights],
            alive=np.r_[self._rows.alive, np.ones(len(passages), np.bool_)],
        )
        self._first = np.r_[self._first, self._first[-1] + np.cumsum(sizes)]
        self._live = np.r_[self._live, np.ones(len(groups), np.bool_)]
        self._passages += passages
        for number, group in zip(numbers.tolist(), groups, strict=True):
            self._ids.append(group.id)
            self._facets.append(group.facets)
            self._numbers[group.id] = number
            for key in _facet_keys(group.facets):
                self._holders.setdefault(key, set()).add(number)

    def _is_mostly_dead(self) -> bool:
        rows = len(self._rows.alive)
        return rows > _REBUILD_ROWS and len(self) < (1 - _REBUILD_SHARE) * rows


def _group_tokens(group: Group) -> Iterator[list[str]]:
    names = " ".join(value for column in _NAMED_FACETS for value in group.facets.get(column, ()))
    for place, passage in enumerate(group.passages):
        yield lexical_tokens(f"{passage.text} {names}" if place == 0 else passage.text)


def _facet_keys(facets: Facets) -> Iterator[tuple[str, str]]:
    return ((column, value) for column, values in facets.items() for value in values)


def _share(scores: Floats, ceiling: float) -> Floats:
    return scores / np.float32(ceiling) if ceiling > 0 else np.zeros_like(scores)


def _top(scores: Floats, limit: int) -> Numbers:
    """Return the positions of the best positive scores, best first."""
    positive = np.flatnonzero(scores > 0)
    if len(positive) > limit:
        positive = positive[np.argpartition(-scores[positive], limit - 1)[:limit]]
    return positive[np.lexsort((positive, -scores[positive]))]


def _first_distinct(numbers: NDArray[np.int32], limit: int) -> Numbers:
    distinct, places = np.unique(numbers, return_index=True)
    return distinct[np.argsort(places)][:limit].astype(np.int64)
