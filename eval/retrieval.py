"""Retrieval: our own queries over war cases, by kind and by channel, and public question → paragraph sets.

Our queries are shaped like those held back by whoever judges: typed on a phone, in the customer's words, as a
recogniser writes them, in English, by facets, in several parts, with near-duplicate cases beside the right one.
Weights were fitted on their `dev` half; figures named `test_` are on families that took no part.

The second set, `facts_`, is made of pairs of cases that tell one story and differ in one fact (trade, size, weeks,
outcome, budget, competitor, stage, region, product, percent, count, role); each query words that fact its own way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from domain.cases import WarCase
from eval.public_retrieval import public_figures
from eval.rankings import is_above, ndcg_at, recall_at
from eval.result import EvalResult, Figure, mean, proportion
from retrieval.fusion import FEATURES, default_weights, features
from retrieval.index import Group
from retrieval.memory_index import MemoryIndex
from retrieval.passages import case_facets, case_passages
from retrieval.query import read_query
from retrieval.testing import case_sources
from wire.documents import read

if TYPE_CHECKING:
    from language.encoder import Encoder
    from zhanqing.bootstrap import Parts

SUITE = "retrieval"
HALVES = ("dev", "test")
CHANNELS: Mapping[str, tuple[str, ...]] = {
    "dense": ("dense_best", "dense_question", "dense_mean"),
    "lexical": ("lexical_best", "lexical_group"),
    "fused": FEATURES,
}
"""What each column of the table may use; weights are the same in all."""

_EVERY_CASE = 10_000
_SETS = files("eval") / "sets" / "retrieval"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySet:
    """Queries and the cases that are written for them; the sample cases are always among those searched.

    Attributes:
        prefix: Of its figures' names.
    """

    prefix: str
    cases: str
    queries: str


OWN = QuerySet(prefix="", cases="cases.jsonl", queries="queries.jsonl")
FACTS = QuerySet(prefix="facts_", cases="fact_cases.jsonl", queries="fact_queries.jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseQuery:
    """A query, the case that answers it, and the near-duplicate that must not come before."""

    id: str
    half: str
    kind: str
    text: str
    case_id: str
    trap: str | None = None
    family: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A query's ranking by each channel: channel → case ids, best first."""

    query: CaseQuery
    rankings: Mapping[str, tuple[str, ...]]


def run(data: Path, *, half: str, parts: Parts) -> EvalResult:
    """Measure on our own queries and, where `data` has them, on the public sets' `half`."""
    figures: list[Figure] = []
    rows: list[Mapping[str, object]] = []
    for asked in (OWN, FACTS):
        outcomes = rank_queries(parts.search_encoder, asked)
        figures += [figure for name in HALVES for figure in _half_figures(name, outcomes, asked.prefix)]
        rows += [_row(outcome) for outcome in outcomes]
    figures += public_figures(data, half, parts.search_encoder)
    return EvalResult(suite=SUITE, data=f"own queries and {half} public sets", figures=tuple(figures), rows=tuple(rows))


@cache
def cases_of(asked: QuerySet) -> tuple[WarCase, ...]:
    """Return the sample cases and the ones written for the set."""
    texts = (files("examples") / "cases.jsonl", _SETS / asked.cases)
    lines = [line for text in texts for line in text.read_text(encoding="utf-8").splitlines()]
    return tuple(read(WarCase, json.loads(line), what="case") for line in lines)


@cache
def queries_of(asked: QuerySet) -> tuple[CaseQuery, ...]:
    """Return every query of both halves."""
    text = (_SETS / asked.queries).read_text(encoding="utf-8")
    return tuple(CaseQuery(**json.loads(line)) for line in text.splitlines())


def rank_queries(encoder: Encoder, asked_of: QuerySet) -> list[Outcome]:
    """Rank all cases for every query, by each channel alone and by all together."""
    index = index_cases(cases_of(asked_of), encoder)
    weights = {
        channel: np.asarray([default_weights()[name] if name in used else 0.0 for name in FEATURES])
        for channel, used in CHANNELS.items()
    }
    outcomes = []
    for asked in queries_of(asked_of):
        query = read_query(asked.text, encoder)
        candidates = index.candidates(query, limit=_EVERY_CASE, facets={})
        matrix = features(candidates, query.facts, weights=default_weights())
        rankings = {
            channel: tuple(candidates.groups[place] for place in np.argsort(-(matrix @ used), kind="stable"))
            for channel, used in weights.items()
        }
        outcomes.append(Outcome(query=asked, rankings=rankings))
    return outcomes


def index_cases(cases: Sequence[WarCase], encoder: Encoder) -> MemoryIndex:
    """Index cases as if they were published."""
    passages = [case_passages(case, case_sources(case)) for case in cases]
    vectors = encoder.encode([passage.text for found in passages for passage in found], prefix="passage")
    ends = np.cumsum([len(found) for found in passages])
    index = MemoryIndex(encoder.dimension)
    index.put(
        [
            Group(id=case.id, passages=found, vectors=vectors[end - len(found) : end], facets=case_facets(case))
            for case, found, end in zip(cases, passages, ends, strict=True)
        ]
    )
    return index


def _half_figures(half: str, outcomes: Sequence[Outcome], prefix: str) -> list[Figure]:
    chosen = [outcome for outcome in outcomes if outcome.query.half == half]
    half = prefix + half
    figures = []
    for channel in CHANNELS:
        figures += _channel_figures(f"{half}_{channel}", chosen, channel)
    for kind in sorted({outcome.query.kind for outcome in chosen}):
        of_kind = [outcome for outcome in chosen if outcome.query.kind == kind]
        for channel in CHANNELS:
            figures.append(_ndcg(f"{half}_{kind}_{channel}_ndcg10", of_kind, channel))
        figures.append(_loss(f"{half}_{kind}_fused_below_better_in_se", figures[-len(CHANNELS) :]))
    return figures


def _channel_figures(name: str, outcomes: Sequence[Outcome], channel: str) -> list[Figure]:
    found = [recall_at(outcome.rankings[channel], outcome.query.case_id, 5) for outcome in outcomes]
    trapped = [
        is_above(outcome.rankings[channel], outcome.query.trap, outcome.query.case_id)
        for outcome in outcomes
        if outcome.query.trap is not None
    ]
    return [
        mean(f"{name}_recall5", found),
        _ndcg(f"{name}_ndcg10", outcomes, channel),
        proportion(f"{name}_trap_above", sum(trapped), len(trapped)),
    ]


def _ndcg(name: str, outcomes: Sequence[Outcome], channel: str) -> Figure:
    return mean(name, [ndcg_at(outcome.rankings[channel], outcome.query.case_id, 10) for outcome in outcomes])


def _loss(name: str, channels: Sequence[Figure]) -> Figure:
    """How far fused lies below the better single channel, in that channel's standard errors; 0 when it does not."""
    dense, lexical, fused = channels
    better = max(dense, lexical, key=lambda figure: figure.value or 0.0)
    if better.value is None or fused.value is None or not better.standard_error:
        return Figure(name=name, value=None, n=fused.n, note="no spread to compare with")
    return Figure(name=name, value=max(0.0, (better.value - fused.value) / better.standard_error), n=fused.n)


def _row(outcome: Outcome) -> Mapping[str, object]:
    fused = outcome.rankings["fused"]
    asked = outcome.query
    place = fused.index(asked.case_id) + 1
    return {"id": asked.id, "half": asked.half, "kind": asked.kind, "rank": place, "first": fused[0]}
