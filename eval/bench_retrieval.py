"""Speed beside LangChain's EnsembleRetriever: same passages, same vectors, same run.

`python -m eval.bench_retrieval [--sizes 1000,10000,100000] [--queries 40] [--out FILE]`

The peer is what its documentation shows: BM25Retriever (rank_bm25, jieba words for Chinese) and FAISS, joined by
weighted reciprocal ranks. Vectors are given to both, so encoding is in neither's time. Passages are sentences of
our own cases in new combinations; vectors are random, which no graph finds easy.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.cases import Passage
from eval.retrieval import own_cases
from language.encoder import Prefix
from language.sentences import clauses
from retrieval.fusion import rank
from retrieval.index import Group
from retrieval.memory_index import MemoryIndex
from retrieval.query import read_query

DIMENSION = 384
TOP_K = 5
PASSAGES_PER_GROUP = 10
SIZES = (1_000, 10_000, 100_000)
_SEED = 7

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One system at one size; times in milliseconds, memory as growth of the process in MB."""

    system: str
    passages: int
    build_us_per_passage: float
    query_p50_ms: float
    query_p95_ms: float
    memory_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """What both systems get."""

    texts: Sequence[str]
    vectors: Floats
    queries: Sequence[str]
    query_vectors: Floats


class GivenVectors:
    """An encoder that knows the vectors already."""

    dimension = DIMENSION
    fingerprint = "given"

    def __init__(self, vectors: dict[str, Floats]) -> None:
        self._vectors = vectors

    def encode(self, texts: Sequence[str], *, prefix: Prefix) -> Floats:
        """Look the vectors up."""
        return np.stack([self._vectors[text] for text in texts])


def make_corpus(size: int, queries: int) -> Corpus:
    """Make passages and queries, the same for the same numbers."""
    pick, draw = random.Random(_SEED), np.random.default_rng(_SEED)  # noqa: S311  # a benchmark, no secret
    columns = ("customer_question", "background", "blocker", "talk_track", "result", "turning_point")
    pieces = [span.text for case in own_cases() for column in columns for span in clauses(getattr(case, column))]
    texts = ["，".join(pick.sample(pieces, 4)) + "。" for _ in range(size)]
    asked = list(dict.fromkeys("，".join(pick.sample(pieces, 2)) for _ in range(queries)))
    return Corpus(texts=texts, vectors=_units(draw, size), queries=asked, query_vectors=_units(draw, len(asked)))


def time_ours(corpus: Corpus) -> Timing:
    """Build our index and search it, query reading and ranking included."""
    encoder = GivenVectors(dict(zip(corpus.queries, corpus.query_vectors, strict=True)))
    index = MemoryIndex(DIMENSION)
    groups = _groups(corpus)

    def search(query: str) -> object:
        asked = read_query(query, encoder)
        return rank(index.candidates(asked, limit=50, facets={}), asked.facts, top_k=TOP_K)

    return _measure("zhanqing", corpus, lambda: index.put(groups), search)


def time_peer(corpus: Corpus) -> Timing:
    """Build LangChain's ensemble and search it."""
    import jieba
    from langchain_classic.retrievers import EnsembleRetriever  # type: ignore[import-not-found, unused-ignore]  # only beside peers
    from langchain_community.retrievers import BM25Retriever  # type: ignore[import-not-found, unused-ignore]  # only beside peers
    from langchain_community.vectorstores import FAISS  # type: ignore[import-not-found, unused-ignore]  # only beside peers
    from langchain_core.embeddings import Embeddings

    known = dict(zip(corpus.queries, corpus.query_vectors, strict=True))

    class Given(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            raise NotImplementedError

        def embed_query(self, text: str) -> list[float]:
            found: list[float] = known[text].tolist()
            return found

    jieba.initialize()
    made: dict[str, Any] = {}
    pairs = [(text, vector.tolist()) for text, vector in zip(corpus.texts, corpus.vectors, strict=True)]

    def build() -> None:
        words = BM25Retriever.from_texts(list(corpus.texts), preprocess_func=jieba.lcut, k=TOP_K)
        dense = FAISS.from_embeddings(pairs, Given()).as_retriever(search_kwargs={"k": TOP_K})
        made["search"] = EnsembleRetriever(retrievers=[words, dense], weights=[0.5, 0.5])

    return _measure("langchain-ensemble", corpus, build, lambda query: made["search"].invoke(query))


def graph_figures(corpus: Corpus) -> dict[str, float]:
    """Build the vector graph and compare its ten nearest with the exact ones, as seen through the index."""
    from retrieval.vectors import VectorIndex

    exact, walked = VectorIndex(DIMENSION, exact_limit=len(corpus.texts)), VectorIndex(DIMENSION, exact_limit=0)
    for index in (exact, walked):
        index.add(corpus.vectors)
    began = time.perf_counter()
    walked.build_graph()
    built_s = time.perf_counter() - began
    everything = np.ones(len(corpus.texts), np.bool_)
    found = 0
    for vector in corpus.query_vectors:
        near = [set(index.nearest(vector, limit=10, allowed=everything)[0].tolist()) for index in (exact, walked)]
        found += len(near[0] & near[1])
    return {"build_s": built_s, "recall_at_10": found / (10 * len(corpus.query_vectors))}


def _measure(system: str, corpus: Corpus, build: Callable[[], None], search: Callable[[str], object]) -> Timing:
    before = _resident_mb()
    began = time.perf_counter()
    build()
    built_s = time.perf_counter() - began
    search(corpus.queries[0])
    times = []
    for query in corpus.queries:
        began = time.perf_counter()
        search(query)
        times.append((time.perf_counter() - began) * 1e3)
    return Timing(
        system=system,
        passages=len(corpus.texts),
        build_us_per_passage=built_s / len(corpus.texts) * 1e6,
        query_p50_ms=float(np.percentile(times, 50)),
        query_p95_ms=float(np.percentile(times, 95)),
        memory_mb=_resident_mb() - before,
    )


def _groups(corpus: Corpus) -> list[Group]:
    groups = []
    for first in range(0, len(corpus.texts), PASSAGES_PER_GROUP):
        rows = range(first, min(first + PASSAGES_PER_GROUP, len(corpus.texts)))
        passages = tuple(_passage(first, row, corpus.texts[row]) for row in rows)
        groups.append(
            Group(id=f"g{first}", passages=passages, vectors=corpus.vectors[rows.start : rows.stop], facets={})
        )
    return groups


def _passage(group: int, row: int, text: str) -> Passage:
    return Passage(
        id=f"p{row}",
        source_id=f"case:g{group}:c{row}",
        version=1,
        column="customer_question" if row == group else "background",
        start=0,
        end=len(text),
        text=text,
        case_id=f"g{group}",
    )


def _units(draw: np.random.Generator, count: int) -> Floats:
    vectors = draw.standard_normal((count, DIMENSION)).astype(np.float32)
    unit: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _resident_mb() -> float:
    """Memory held now; the peak where the system does not tell."""
    status = Path("/proc/self/statm")
    if status.is_file():
        return int(status.read_text().split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure every size and print a table; `--out` keeps it as JSON."""
    parser = argparse.ArgumentParser(description="Retrieval speed beside LangChain's EnsembleRetriever.")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--graph", action="store_true", help="also build and judge the vector graph (minutes)")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    timings, graphs = [], {}
    for size in map(int, options.sizes.split(",")):
        corpus = make_corpus(size, options.queries)
        for timed in (time_ours, time_peer):
            timings.append(timed(corpus))
            sys.stdout.write(_line(timings[-1]) + "\n")
            sys.stdout.flush()
        if options.graph:
            graphs[size] = graph_figures(corpus)
            sys.stdout.write(f"graph {size}: {graphs[size]}\n")
    if options.out:
        document = {"timings": [asdict(timing) for timing in timings], "graphs": graphs}
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(document, indent=1), encoding="utf-8")


def _line(timing: Timing) -> str:
    return (
        f"{timing.system:<20}{timing.passages:>8} passages  build {timing.build_us_per_passage:7.0f} us each  "
        f"p50 {timing.query_p50_ms:8.1f} ms  p95 {timing.query_p95_ms:8.1f} ms  +{timing.memory_mb:.0f} MB"
    )


if __name__ == "__main__":
    main()
