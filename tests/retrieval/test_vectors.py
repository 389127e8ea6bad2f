"""Nearest vectors, exact and by the graph."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from retrieval import vectors as vectors_module
from retrieval.vectors import VectorIndex

RANDOM = np.random.default_rng(7)


def unit(count: int, dimension: int = 32) -> np.ndarray:
    vectors = RANDOM.standard_normal((count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def graph_over(vectors: np.ndarray) -> VectorIndex:
    index = VectorIndex(vectors.shape[1], exact_limit=100)
    index.add(vectors)
    index.build_graph()
    return index


def exact(vectors: np.ndarray, query: np.ndarray, limit: int, allowed: np.ndarray) -> list[int]:
    scores = np.where(allowed, vectors @ query, -np.inf)
    return np.argsort(-scores, kind="stable")[: min(limit, int(allowed.sum()))].tolist()


@pytest.mark.parametrize("limit", [1, 5, 50])
def test_few_vectors_are_compared_one_by_one(limit: int) -> None:
    vectors, allowed = unit(80), RANDOM.random(80) < 0.5
    index = VectorIndex(32)
    index.add(vectors[:30])
    index.add(vectors[30:])
    query = unit(1)[0]
    rows, scores = index.nearest(query, limit=limit, allowed=allowed)
    assert rows.tolist() == exact(vectors, query, limit, allowed)
    assert scores.tolist() == pytest.approx((vectors[rows] @ query).tolist(), abs=1e-6)


def test_equal_scores_come_in_order_of_rows() -> None:
    index = VectorIndex(32)
    index.add(np.repeat(unit(1), 6, axis=0))
    rows, _ = index.nearest(unit(1)[0], limit=6, allowed=np.ones(6, np.bool_))
    assert rows.tolist() == [0, 1, 2, 3, 4, 5]


def test_the_graph_finds_nearly_all_that_is_nearest() -> None:
    vectors = unit(12_000)
    index = graph_over(vectors)
    everything = np.ones(len(vectors), np.bool_)
    found = 0
    for query in unit(50):
        rows, _ = index.nearest(query, limit=10, allowed=everything)
        found += len(set(rows.tolist()) & set(exact(vectors, query, 10, everything)))
    assert found / 500 >= 0.98


def test_a_row_added_after_the_graph_is_found_at_once() -> None:
    index = graph_over(unit(3_000))
    fresh = unit(1)
    index.add(fresh)
    rows, scores = index.nearest(fresh[0], limit=1, allowed=np.ones(3_001, np.bool_))
    assert (rows.tolist(), scores[0]) == ([3_000], pytest.approx(1.0, abs=1e-5))


@pytest.mark.parametrize("share", [0.9, 0.3, 0.002])
def test_rows_that_are_not_allowed_never_come_back(share: float) -> None:
    vectors = unit(10_000)
    index = graph_over(vectors)
    allowed = RANDOM.random(len(vectors)) < share
    for query in unit(10):
        rows, _ = index.nearest(query, limit=20, allowed=allowed)
        assert allowed[rows].all()
        assert len(rows) == min(20, int(allowed.sum()))


def test_a_graph_is_built_only_where_it_pays() -> None:
    index = VectorIndex(32, exact_limit=100)
    index.add(unit(90))
    assert not index.graph_is_behind
    index.add(unit(3_000))
    assert index.graph_is_behind
    index.build_graph()
    assert not index.graph_is_behind


def test_a_saved_graph_answers_alike_and_a_strange_one_is_refused(tmp_path: Path) -> None:
    vectors = unit(3_000)
    index = graph_over(vectors)
    assert index.save_graph(tmp_path / "graph")
    again = VectorIndex(32, exact_limit=100)
    again.add(vectors)
    again.load_graph(tmp_path / "graph")
    query, everything = unit(1)[0], np.ones(3_000, np.bool_)
    for found, expected in zip(
        again.nearest(query, limit=5, allowed=everything),
        index.nearest(query, limit=5, allowed=everything),
        strict=True,
    ):
        assert found.tolist() == expected.tolist()
    smaller = VectorIndex(32)
    smaller.add(vectors[:10])
    with pytest.raises(ValueError, match="does not belong"):
        smaller.load_graph(tmp_path / "graph")
    (tmp_path / "broken").write_bytes(b"no graph")
    with pytest.raises(ValueError, match="cannot be read"):
        again.load_graph(tmp_path / "broken")


def test_a_graph_that_is_told_to_stop_leaves_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors_module, "_GRAPH_BATCH", 10)
    monkeypatch.setattr(vectors_module, "_AT_ONCE", 16)
    index = VectorIndex(8, exact_limit=10)
    rows = np.random.default_rng(1).standard_normal((100, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    index.add(rows)
    stop = threading.Event()
    stop.set()
    index.build_graph(stop)
    assert index.graph_is_behind
    index.build_graph()
    assert not index.graph_is_behind
    found, _ = index.nearest(rows[7], limit=1, allowed=np.ones(100, np.bool_))
    assert found.tolist() == [7]
