"""Unit vectors by row: exact while they are few, a navigable graph (HNSW) once they are many."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

EXACT_LIMIT = 20_000
"""Rows up to which every vector is compared; above it the graph is faster than reading them all."""

_LINKS = 24
_EFFORT_BUILD = 80
_EFFORT_SEARCH = 192
# A filter that leaves fewer rows than this is answered exactly: a graph walk would mostly meet rows it must skip.
_EXACT_SUBSET = 8_000
_GRAPH_BATCH = 2_000
_AT_ONCE = 1_000


class VectorIndex:
    """Vectors in the order in which they were added; row numbers are never reused.

    Vectors are kept once, in a matrix. Beyond `exact_limit` rows a FAISS graph holds its own copy and answers
    for the rows it has taken in; rows added since are compared exactly, so that a new row is found at once.
    `build_graph` lets it catch up and may run in a thread of its own.

    Args:
        dimension: Length of a vector.
        exact_limit: Rows up to which no graph is used.
    """

    def __init__(self, dimension: int, *, exact_limit: int = EXACT_LIMIT) -> None:
        self._dimension = dimension
        self._exact_limit = exact_limit
        self._matrix = np.zeros((0, dimension), np.float32)
        self._count = 0
        self._graph: Any = None
        self._building = threading.Lock()

    def __len__(self) -> int:
        return self._count

    @property
    def matrix(self) -> Floats:
        """All vectors, (n, dimension)."""
        return self._matrix[: self._count]

    def add(self, vectors: Floats) -> None:
        """Append rows, float32 (m, dimension), each of length 1."""
        needed = self._count + len(vectors)
        if needed > len(self._matrix):
            grown = np.empty((max(needed, 2 * len(self._matrix), 64), self._dimension), np.float32)
            grown[: self._count] = self.matrix
            self._matrix = grown
        self._matrix[self._count : needed] = vectors
        self._count = needed

    def scores(self, vector: Floats, rows: Rows) -> Floats:
        """Return the cosines of the given rows, (len(rows),)."""
        product: Floats = self._matrix[rows] @ vector
        return product

    def nearest(self, vector: Floats, *, limit: int, allowed: Mask) -> tuple[Rows, Floats]:
        """Return at most `limit` allowed rows and their cosines, best first.

        Args:
            vector: The query, float32 (dimension,), of length 1.
            limit: How many rows.
            allowed: Which rows may be returned, (n,).
        """
        matrix, count = self.matrix, len(self)
        in_graph = 0 if self._graph is None else int(self._graph.ntotal)
        if not in_graph:
            return _best(matrix @ vector, limit, allowed)
        allowed_rows = np.flatnonzero(allowed)
        if len(allowed_rows) <= _EXACT_SUBSET:
            return _best_of(allowed_rows, self.scores(vector, allowed_rows), limit)
        fresh = np.arange(in_graph, count)[allowed[in_graph:]]
        rows, scores = self._walk(vector, limit, allowed[:in_graph])
        return _best_of(np.r_[rows, fresh], np.r_[scores, self.scores(vector, fresh)], limit)

    @property
    def graph_is_behind(self) -> bool:
        """Whether `build_graph` has work to do that is worth it."""
        in_graph = 0 if self._graph is None else int(self._graph.ntotal)
        return len(self) > self._exact_limit and len(self) - in_graph > _GRAPH_BATCH

    def build_graph(self, stop: threading.Event | None = None) -> None:
        """Let the graph take in every row; searches go on meanwhile, on the graph before.

        Args:
            stop: Once set, the work ends within a second or so and leaves the graph before as it is.
        """
        import faiss

        with self._building:
            if not self.graph_is_behind:
                return
            # A graph that is being changed must not be walked: the next one grows beside the present one.
            graph = faiss.clone_index(self._graph) if self._graph is not None else self._new_graph(faiss)
            wanted = len(self)
            while graph.ntotal < wanted:
                if stop is not None and stop.is_set():
                    return
                graph.add(np.ascontiguousarray(self._matrix[graph.ntotal : min(graph.ntotal + _AT_ONCE, wanted)]))
            self._graph = graph

    def save_graph(self, path: Path) -> bool:
        """Write the graph, if there is one, and say whether there was."""
        import faiss

        if self._graph is None:
            return False
        faiss.write_index(self._graph, str(path))
        return True

    def load_graph(self, path: Path) -> None:
        """Read a graph over the rows that are here already.

        Raises:
            ValueError: It is over other rows than these.
        """
        import faiss

        try:
            graph = faiss.read_index(str(path))
        except RuntimeError as error:
            raise ValueError("the graph file cannot be read") from error
        if graph.d != self._dimension or graph.ntotal > len(self):
            raise ValueError("the graph does not belong to these vectors")
        self._graph = graph

    def _new_graph(self, faiss: Any) -> Any:
        graph = faiss.IndexHNSWFlat(self._dimension, _LINKS, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = _EFFORT_BUILD
        return graph

    def _walk(self, vector: Floats, limit: int, allowed: Mask) -> tuple[Rows, Floats]:
        faiss: Any = importlib.import_module("faiss")
        bits = np.packbits(allowed, bitorder="little")
        chosen = faiss.IDSelectorBitmap(len(allowed), faiss.swig_ptr(bits))
        effort = max(_EFFORT_SEARCH, 2 * limit)
        parameters = faiss.SearchParametersHNSW(sel=None if allowed.all() else chosen, efSearch=effort)
        scores, rows = self._graph.search(vector[None, :], limit, params=parameters)
        found = rows[0] >= 0
        return rows[0][found], scores[0][found]


def _best(scores: Floats, limit: int, allowed: Mask) -> tuple[Rows, Floats]:
    masked = np.where(allowed, scores, -np.inf)
    rows, best = _best_of(np.arange(len(scores)), masked, limit)
    found = np.isfinite(best)
    return rows[found], best[found]


def _best_of(rows: Rows, scores: Floats, limit: int) -> tuple[Rows, Floats]:
    """Return the best rows in falling order; equal scores in order of row, so that two replicas agree."""
    if len(rows) > limit:
        kept = np.argpartition(-scores, limit - 1)[:limit]
        rows, scores = rows[kept], scores[kept]
    order = np.lexsort((rows, -scores))
    return rows[order], scores[order]
