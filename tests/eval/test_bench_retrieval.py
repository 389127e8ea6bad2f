"""The search bench measures what it says: the same corpus for both, ratios the right way round, a graph that is judged."""

from __future__ import annotations

import numpy as np
import pytest

from eval import bench_retrieval
from eval.bench_retrieval import Timing, compare, make_corpus, time_ours
from language.testing import HashingEncoder
from retrieval import vectors
from retrieval.memory_index import MemoryIndex


def timing(system: str, *, build: float, p50: float, p95: float, memory: float) -> Timing:
    return Timing(
        system=system,
        passages=10,
        build_us_per_passage=build,
        query_p50_ms=p50,
        query_p95_ms=p95,
        memory_mb=memory,
    )


def test_a_corpus_is_the_same_for_the_same_numbers_and_its_vectors_are_unit() -> None:
    one, again = (make_corpus(50, 5, HashingEncoder()) for _ in range(2))
    assert (one.texts, one.queries) == (again.texts, again.queries)
    np.testing.assert_array_equal(one.vectors, again.vectors)
    np.testing.assert_allclose(np.linalg.norm(one.vectors, axis=1), 1, atol=1e-5)


def test_ratios_say_how_many_times_lower_ours_are() -> None:
    ours = timing("ours", build=100, p50=2, p95=4, memory=50)
    times = compare(ours, timing("peer", build=300, p50=40, p95=60, memory=100))
    assert (times.build, times.query_p50, times.query_p95, times.memory) == (3.0, 20.0, 15.0, 2.0)


def test_a_small_corpus_has_no_graph_and_a_large_one_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = make_corpus(400, 5, HashingEncoder())
    assert time_ours(corpus)[1] is None
    monkeypatch.setattr(vectors, "_GRAPH_BATCH", 10)
    monkeypatch.setattr(vectors, "_EXACT_SUBSET", 10)
    monkeypatch.setattr(bench_retrieval, "MemoryIndex", lambda dimension: MemoryIndex(dimension, exact_limit=100))
    timed, graph = time_ours(corpus)
    assert timed.passages == 400
    assert graph is not None and graph.recall_at_10 > 0.9
