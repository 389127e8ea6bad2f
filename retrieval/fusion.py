"""From raw scores to one order: what each channel says of a group, weighed.

Dense scores are put on the query's own scale (standard deviations above the corpus), lexical ones on an
absolute scale (share of the query's informative words that are there). The weight of a channel therefore
depends on the query by itself: an English question shares few words with anything and is left to the encoder,
an exact name or number shares nearly all with the right case.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from domain.cases import Passage
from retrieval.amounts import amounts
from retrieval.facts import HeldNumbers, QueryFacts, match_facets, match_numbers
from retrieval.index import Candidates, Floats

FEATURES = (
    "dense_best",
    "dense_question",
    "dense_mean",
    "lexical_best",
    "lexical_group",
    "sound_group",
    "industry",
    "size",
    "outcome",
    "numbers",
)
"""What is weighed, in the order of the columns of `features`."""

_QUESTION = "customer_question"
_ASKED = frozenset({"customer_question", "title"})
_SMALLEST_SPREAD = 0.01
# Numbers are read for the groups that could still come first; reading them is the slow part.
_NUMBERS_READ_FOR = 12

Weights = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One candidate group: its place in the candidates, its fused score, its passages' places best first."""

    place: int
    score: float
    passages: tuple[int, ...]
    passage_scores: tuple[float, ...]


@cache
def default_weights() -> Weights:
    """Return the weights fitted by `eval.fit_fusion` on the development half of our own queries."""
    table = tomllib.loads((files("retrieval") / "fusion.toml").read_text(encoding="utf-8"))
    weights: dict[str, float] = table["weights"]
    return weights


def rank(candidates: Candidates, facts: QueryFacts, *, top_k: int, weights: Weights | None = None) -> list[Ranked]:
    """Order the candidate groups and, inside each, its passages.

    Args:
        candidates: From a `PassageIndex`.
        facts: Of the query.
        top_k: How many groups to return.
        weights: Feature to weight; the fitted ones unless given.

    Returns:
        Best first; equal scores by the newer closing date, then by id.
    """
    if not candidates.groups:
        return []
    weighed = weights or default_weights()
    matrix = features(candidates, facts, weights=weighed)
    scores = matrix @ np.asarray([weighed[name] for name in FEATURES])
    order = sorted(range(len(scores)), key=lambda place: _key(candidates, place, float(scores[place])))
    return [_ranked(candidates, place, float(scores[place]), weighed) for place in order[:top_k]]


def features(candidates: Candidates, facts: QueryFacts, *, weights: Weights) -> NDArray[np.float64]:
    """Return what every channel says of every group, float64 (groups, len(FEATURES))."""
    dense = _standard_dense(candidates)
    starts = _starts(candidates)
    best = np.maximum.reduceat(dense, starts)
    is_question = np.asarray([passage.column == _QUESTION for passage in candidates.passages])
    question = np.maximum.reduceat(np.where(is_question, dense, -np.inf), starts)
    counts = np.diff(np.r_[starts, len(dense)])
    matrix = np.column_stack(
        [
            best,
            np.where(np.isfinite(question), question, best),
            np.add.reduceat(dense, starts) / counts,
            np.maximum.reduceat(candidates.lexical_share, starts),
            candidates.group_lexical_share,
            candidates.group_sound_share,
            np.zeros((len(starts), 4)),
        ]
    ).astype(np.float64)
    _add_facts(matrix, candidates, facts, weights)
    return matrix


def _add_facts(matrix: NDArray[np.float64], candidates: Candidates, facts: QueryFacts, weights: Weights) -> None:
    first_fact = FEATURES.index("industry")
    for row, match in zip(matrix, match_facets(facts, candidates.facets), strict=True):
        row[first_fact : first_fact + 3] = match.industry, match.size, match.outcome
    if not facts.numbers:
        return
    so_far = matrix @ np.asarray([weights[name] for name in FEATURES])
    likely = np.argsort(-so_far, kind="stable")[:_NUMBERS_READ_FOR]
    starts, ends = _starts(candidates), np.r_[_starts(candidates)[1:], len(candidates.passages)]
    held = [_numbers(candidates.passages[starts[place] : ends[place]]) for place in likely]
    matrix[likely, FEATURES.index("numbers")] = match_numbers(facts, held)


def _numbers(passages: Sequence[Passage]) -> HeldNumbers:
    asked = [amounts(passage.text) for passage in passages if passage.column in _ASKED]
    told = [amounts(passage.text) for passage in passages if passage.column not in _ASKED]
    return HeldNumbers(all=frozenset().union(*asked, *told), asked=frozenset().union(*asked))


def _standard_dense(candidates: Candidates) -> Floats:
    spread = max(candidates.dense_spread, _SMALLEST_SPREAD)
    return (candidates.dense - np.float32(candidates.dense_mean)) / np.float32(spread)


def _starts(candidates: Candidates) -> NDArray[np.int64]:
    return np.searchsorted(candidates.group_of, np.arange(len(candidates.groups)))


def _key(candidates: Candidates, place: int, score: float) -> tuple[float, int, str]:
    closed_at = next(iter(candidates.facets[place].get("closed_at", ())), "")
    newest_first = -date.fromisoformat(closed_at).toordinal() if closed_at else 0
    return -round(score, 6), newest_first, candidates.groups[place]


def _ranked(candidates: Candidates, place: int, score: float, weights: Weights) -> Ranked:
    """Order a group's passages by what the passage itself holds: meaning and words."""
    rows = np.flatnonzero(candidates.group_of == place)
    dense = _standard_dense(candidates)[rows]
    of_dense = weights["dense_best"] + weights["dense_question"] + weights["dense_mean"]
    of_words = weights["lexical_best"] + weights["lexical_group"]
    scores = of_dense * dense + of_words * candidates.lexical_share[rows]
    order = np.lexsort((rows, -scores))
    return Ranked(
        place=place,
        score=score,
        passages=tuple(int(row) for row in rows[order]),
        passage_scores=tuple(float(value) for value in scores[order]),
    )
