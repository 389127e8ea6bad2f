"""Speed beside LangChain's EnsembleRetriever: same passages, same vectors, same run.

`python -m eval.bench_retrieval [--sizes 1000 10000 100000] [--queries 40] [--encoded] [--out FILE]`

Prints both systems' build time a passage, p50 and p95 of a whole hybrid search and growth of memory, then how many
times lower ours are, and the recall of the vector graph (HNSW) against the exact neighbours where the corpus is large
enough to have one. Ours is timed as `serve` runs it: with the graph once it is built, whose building is said apart.

The peer is what its documentation shows: BM25Retriever (rank_bm25, jieba words for Chinese) and FAISS, joined by
weighted reciprocal ranks. Vectors are given to both, so encoding is in neither's time. Passages are clauses of our own
cases in new combinations; a passage's vector is the mean of its clauses' vectors, so that 100,000 of them lie as the
encoder would put them without an hour of encoding. `--encoded` encodes every passage instead.
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
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.cases import Passage
from eval.retrieval import OWN, cases_of
from language.encoder import Encoder, Prefix
from language.sentences import clauses
from retrieval.amounts import amounts
from retrieval.fusion import rank
from retrieval.index import Group
from retrieval.memory_index import MemoryIndex
from retrieval.query import read_query
from retrieval.tokens import lexical_tokens, phonetic_tokens
from zhanqing.bootstrap import build

TOP_K = 5
PASSAGES_PER_GROUP = 10
SIZES = (1_000, 10_000, 100_000)
PEERS_MISSING = (
    "the peer is not installed: pip install --no-deps --target out/peers rank-bm25 langchain-community "
    "langchain-classic langchain-text-splitters, and set PYTHONPATH=out/peers"
)
TARGET_RATIO, TARGET_RECALL = 10.0, 0.98
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

    fingerprint = "given"

    def __init__(self, vectors: dict[str, Floats]) -> None:
        self._vectors = vectors
        self.dimension = len(next(iter(vectors.values())))

    def encode(self, texts: Sequence[str], *, prefix: Prefix) -> Floats:
        """Look the vectors up."""
        return np.stack([self._vectors[text] for text in texts])


def make_corpus(size: int, queries: int, encoder: Encoder, *, is_encoded: bool = False) -> Corpus:
    """Make passages and queries, the same for the same numbers."""
    pick = random.Random(_SEED)  # noqa: S311  # a benchmark, no secret
    columns = ("customer_question", "background", "blocker", "talk_track", "result", "turning_point")
    spans = [span.text for case in cases_of(OWN) for column in columns for span in clauses(getattr(case, column))]
    pieces = sorted(set(spans))
    drawn = [pick.sample(range(len(pieces)), 4) for _ in range(size)]
    texts = ["，".join(pieces[place] for place in places) + "。" for places in drawn]
    asked = {"，".join(pieces[place] for place in places): places for places in _draws(pick, len(pieces), queries)}
    if is_encoded:
        vectors = encoder.encode(texts, prefix="passage")
    else:
        vectors = _means(encoder.encode(pieces, prefix="passage"), drawn)
    query_vectors = encoder.encode(list(asked), prefix="query")
    return Corpus(texts=texts, vectors=vectors, queries=list(asked), query_vectors=query_vectors)


def _draws(pick: random.Random, pieces: int, count: int) -> list[list[int]]:
    return [pick.sample(range(pieces), 2) for _ in range(count)]


def _means(vectors: Floats, drawn: Sequence[Sequence[int]]) -> Floats:
    """Return the mean of each draw's vectors, scaled to length 1, float32 (len(drawn), dimension)."""
    places = np.asarray(drawn)
    means = sum(vectors[places[:, turn]] for turn in range(places.shape[1]))  # all at once would take 600 MB
    unit: Floats = (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)
    return unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The vector graph: seconds to build it, share of the ten exact neighbours that it finds."""

    build_s: float
    recall_at_10: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How many times lower ours are than the peer's."""

    passages: int
    build: float
    query_p50: float
    query_p95: float
    memory: float


def time_ours(corpus: Corpus) -> tuple[Timing, Graph | None]:
    """Build our index and search it, query reading and ranking included."""
    encoder = GivenVectors(dict(zip(corpus.queries, corpus.query_vectors, strict=True)))
    index = MemoryIndex(encoder.dimension)
    groups = _groups(corpus)

    def search(query: str) -> object:
        asked = read_query(query, encoder)
        return rank(index.candidates(asked, limit=50, facets={}), asked.facts, top_k=TOP_K)

    _warm(corpus.texts[0], encoder, corpus.queries[0])
    graphs: list[Graph] = []

    def grow() -> None:
        if index.graph_is_behind:
            graphs.append(_grow_graph(index, corpus))

    timing = _measure("zhanqing", corpus, lambda: index.put(groups), search, before_queries=grow)
    return timing, graphs[0] if graphs else None


def compare(ours: Timing, peer: Timing) -> Comparison:
    """Divide the peer's figures by ours."""
    return Comparison(
        passages=ours.passages,
        build=peer.build_us_per_passage / ours.build_us_per_passage,
        query_p50=peer.query_p50_ms / ours.query_p50_ms,
        query_p95=peer.query_p95_ms / ours.query_p95_ms,
        memory=peer.memory_mb / max(ours.memory_mb, 1.0),
    )


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


def _warm(text: str, encoder: GivenVectors, query: str) -> None:
    """Load dictionaries before the clock runs, as `jieba.initialize` does for the peer."""
    lexical_tokens(text)
    phonetic_tokens(text)
    amounts(text)
    read_query(query, encoder)


def _grow_graph(index: MemoryIndex, corpus: Corpus) -> Graph:
    """Build the graph and compare its ten nearest with the exact ones."""
    began = time.perf_counter()
    index.build_graph()
    built_s = time.perf_counter() - began
    everything = np.ones(len(corpus.texts), np.bool_)
    found = 0
    for vector in corpus.query_vectors:
        exact = set(np.argsort(-(corpus.vectors @ vector), kind="stable")[:10].tolist())
        walked = index.nearest_rows(vector, limit=10, allowed=everything)
        found += len(exact & set(walked.tolist()))
    return Graph(build_s=built_s, recall_at_10=found / (10 * len(corpus.query_vectors)))


def _measure(
    system: str,
    corpus: Corpus,
    build: Callable[[], None],
    search: Callable[[str], object],
    *,
    before_queries: Callable[[], None] = lambda: None,
) -> Timing:
    before = _resident_mb()
    began = time.perf_counter()
    build()
    built_s = time.perf_counter() - began
    before_queries()
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


def _resident_mb() -> float:
    """Memory held now; the peak where the system does not tell."""
    status = Path("/proc/self/statm")
    if status.is_file():
        return int(status.read_text().split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure every size and print a table; `--out` keeps it as JSON."""
    parser = argparse.ArgumentParser(description="Retrieval speed beside LangChain's EnsembleRetriever.")
    parser.add_argument("--sizes", nargs="+", default=[str(size) for size in SIZES])
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--encoded", action="store_true", help="encode every passage (minutes at 20,000)")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    encoder = build().search_encoder
    sizes = [int(size) for given in options.sizes for size in given.split(",")]
    corpora = (make_corpus(size, options.queries, encoder, is_encoded=options.encoded) for size in sizes)
    rows = [_run_size(corpus) for corpus in corpora]
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps({"sizes": rows}, indent=1), encoding="utf-8")


def _run_size(corpus: Corpus) -> dict[str, Any]:
    """Measure both systems at one size and print what came of it, line by line."""
    ours, graph = time_ours(corpus)
    _print(_line(ours))
    if graph is not None:
        _print(
            f"{'graph (HNSW)':<20}{ours.passages:>8} passages  build {graph.build_s:5.0f} s  "
            f"recall@10 against exact {graph.recall_at_10:.4f} (target {TARGET_RECALL})"
        )
    measured: dict[str, Any] = {"timings": [asdict(ours)], "graph": asdict(graph) if graph else None}
    if find_spec("rank_bm25") is None:
        _print(PEERS_MISSING)
        return measured
    peer = time_peer(corpus)
    _print(_line(peer))
    times = compare(ours, peer)
    _print(
        f"{'times lower':<20}{times.passages:>8} passages  build {times.build:5.1f}x  p50 {times.query_p50:5.1f}x  "
        f"p95 {times.query_p95:5.1f}x (target {TARGET_RATIO:.0f}x at 100,000)  memory {times.memory:.2f}x"
    )
    return {**measured, "timings": [asdict(ours), asdict(peer)], "times_lower": asdict(times)}


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _line(timing: Timing) -> str:
    return (
        f"{timing.system:<20}{timing.passages:>8} passages  build {timing.build_us_per_passage:7.0f} us each  "
        f"p50 {timing.query_p50_ms:8.1f} ms  p95 {timing.query_p95_ms:8.1f} ms  +{timing.memory_mb:.0f} MB"
    )


if __name__ == "__main__":
    main()
