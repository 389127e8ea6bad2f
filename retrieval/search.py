"""Case search: an index of each tenant in this process, kept in step with the database by its corpus version."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
import structlog

from domain.cases import CASE_COLUMNS, CaseHit, Outcome, Passage, PassageHit
from domain.errors import ModelError, ZhanqingError
from domain.messages import text as message
from language.encoder import Encoder
from retrieval import snapshot
from retrieval.fusion import Ranked, rank
from retrieval.index import Candidates, Facets, Floats, Group, PassageIndex
from retrieval.memory_index import MemoryIndex
from retrieval.query import Query, read_query
from retrieval.rerankers import DEPTH, Reranker
from retrieval.results import FacetFilter, SearchResult, normalised
from store.passages import GroupState, PassageGroup
from store.work import Store

log = structlog.get_logger(__name__)

CANDIDATES = 50
"""Groups that each channel sends to the ranking; measured on CMRC2018, more changes nothing."""

GROUP_KIND = "group"
"""The facet that keeps cases and documents apart in one index."""

CASE, DOCUMENT = "case", "document"

_ENCODE_AT_ONCE = 64
_KEEP_AT_ONCE = 1_024
"""Vectors that are kept together: what a process that is killed meanwhile has encoded is not encoded again."""

_COLUMN_ORDER = {column: place for place, column in enumerate(CASE_COLUMNS)}

Wanted = dict[str, tuple[str, ...]]

IndexFactory = Callable[[str, int], PassageIndex]
"""Tenant and dimension → an empty index."""

Progress = Callable[[int, int], None]
"""Texts encoded and texts to encode."""


def index_in_memory(_tenant: str, dimension: int) -> PassageIndex:
    """The default index."""
    return MemoryIndex(dimension)


class CaseSearch:
    """`retrieval.results.Search` over the published cases of the database.

    Each search compares the corpus version and first takes over what changed, so a case that was published or
    withdrawn by any process before the search began is found, or not, accordingly.

    Args:
        store: Where the passages are.
        encoder: Makes query and passage vectors; vectors of passages are kept in the store.
        make_index: The backend.
        snapshots: Folder of the vector graphs of large corpora; without one they are built anew by each process.
        reranker: Reads the first cases once more; when it fails the order of the fusion stands, with a warning.
        lang: Language of warnings.
    """

    def __init__(
        self,
        store: Store,
        encoder: Encoder,
        *,
        make_index: IndexFactory = index_in_memory,
        snapshots: Path | None = None,
        reranker: Reranker | None = None,
        lang: str = "zh",
    ) -> None:
        self._store, self._encoder, self._reranker = store, encoder, reranker
        self._make_index, self._snapshots, self._lang = make_index, snapshots, lang
        self._copies: dict[str, _Copy] = {}

    async def search(
        self, tenant: str, text: str, *, top_k: int = 5, facets: FacetFilter | None = None
    ) -> SearchResult:
        """Return at most `top_k` distinct published cases, best first, each with all its passages best first.

        An unknown facet value gives no hits and a warning. A text without words gives no hits.

        Raises:
            UpstreamError: The database is out of reach.
            ModelError: The encoder failed.
        """
        copy = await self._current(tenant)
        wanted = normalised(facets)
        warnings = self._warnings(copy.index, wanted)
        if not text.strip() or top_k < 1:
            return SearchResult(hits=(), warnings=warnings, corpus_version=copy.version)
        depth = top_k if self._reranker is None else max(top_k, DEPTH)
        hits, version = await asyncio.to_thread(self._find, copy, text, wanted, depth)
        hits, more = await self._reranked(text, hits)
        return SearchResult(hits=hits[:top_k], warnings=warnings + more, corpus_version=version)

    async def search_documents(self, tenant: str, text: str, *, top_k: int = 5) -> tuple[PassageHit, ...]:
        """Return the best passages of live documents (policies, price lists, products), best first.

        Raises:
            UpstreamError: The database is out of reach.
            ModelError: The encoder failed.
        """
        copy = await self._current(tenant)
        if not text.strip() or top_k < 1:
            return ()
        return await asyncio.to_thread(self._find_passages, copy, text, top_k)

    async def refresh(self, tenant: str, *, on_progress: Progress | None = None) -> int:
        """Take over every change and return the corpus version; done before each search, useful after an import."""
        return (await self._current(tenant, on_progress)).version

    async def build_graphs(self) -> int:
        """Bring the vector graphs of large corpora up to date and save them; return how many were built.

        Minutes of work at 100,000 passages, in a thread, while searches go on exactly as before: for a process
        that stays, at its start and from time to time. Cancelling it ends the thread soon.
        """
        built = 0
        stop = threading.Event()
        for tenant, copy in list(self._copies.items()):
            index = copy.index
            if isinstance(index, MemoryIndex) and index.graph_is_behind:
                try:
                    await asyncio.to_thread(index.build_graph, stop)
                finally:
                    stop.set()
                stop.clear()
                built += 1
                if self._snapshots is not None:
                    manifest = self._manifest(index, copy.version)
                    await asyncio.to_thread(snapshot.save, self._snapshots, tenant, index, manifest)
        return built

    async def _reranked(self, text: str, hits: tuple[CaseHit, ...]) -> tuple[tuple[CaseHit, ...], tuple[str, ...]]:
        """Order cases by what the reranker says of their best passages; `score` is then the reranker's."""
        if self._reranker is None or not hits:
            return hits, ()
        passages = [hit.best.passage.text for hit in hits]
        try:
            scores = await asyncio.to_thread(self._reranker.scores, text, passages)
        except ModelError as error:
            log.warning("rerank.failed", code=error.code)
            return hits, (error.line(self._lang),)
        order = np.argsort(-scores, kind="stable")
        return tuple(replace(hits[place], score=float(scores[place])) for place in order), ()

    def _manifest(self, index: MemoryIndex, version: int) -> snapshot.Manifest:
        encoder = self._encoder
        return snapshot.manifest_of(
            index, encoder=encoder.fingerprint, dimension=encoder.dimension, corpus_version=version
        )

    def _restore(self, tenant: str, copy: _Copy) -> None:
        if self._snapshots is not None and isinstance(copy.index, MemoryIndex) and copy.index.graph_is_behind:
            snapshot.restore(self._snapshots, tenant, copy.index, self._manifest(copy.index, copy.version))

    def _find(
        self, copy: _Copy, text: str, facets: dict[str, tuple[str, ...]], top_k: int
    ) -> tuple[tuple[CaseHit, ...], int]:
        """Return the hits and the corpus version that they are of."""
        query = read_query(text, self._encoder)
        wanted = {**facets, GROUP_KIND: (CASE,)}
        candidates, version = copy.candidates(query, limit=max(CANDIDATES, top_k), facets=wanted)
        return tuple(_hit(candidates, ranked) for ranked in rank(candidates, query.facts, top_k=top_k)), version

    def _find_passages(self, copy: _Copy, text: str, top_k: int) -> tuple[PassageHit, ...]:
        query = read_query(text, self._encoder)
        wanted = {GROUP_KIND: (DOCUMENT,)}
        candidates, _ = copy.candidates(query, limit=max(CANDIDATES, top_k), facets=wanted)
        groups = rank(candidates, query.facts, top_k=top_k)
        found = [hit for ranked in groups for hit in _passage_hits(candidates, ranked)]
        return tuple(sorted(found, key=lambda hit: (-hit.score, hit.passage.id))[:top_k])

    def _warnings(self, index: PassageIndex, facets: Wanted) -> tuple[str, ...]:
        lines = []
        for column, values in facets.items():
            known = index.facet_values(column)
            strangers = [value for value in values if value not in known]
            if strangers:
                key = "retrieval.unknown_facet_value" if column in _FACETS else "retrieval.unknown_facet"
                lines.append(message(key, self._lang, column=column, values=", ".join(strangers)))
        return tuple(lines)

    async def _current(self, tenant: str, on_progress: Progress | None = None) -> _Copy:
        copy = self._copies.get(tenant)
        if copy is None:
            copy = self._copies.setdefault(tenant, _Copy(self._make_index(tenant, self._encoder.dimension)))
        async with self._store.read(tenant) as work:
            if await work.corpus.version() == copy.version:
                return copy
        async with copy.turn():
            await self._catch_up(tenant, copy, on_progress)
        return copy

    async def _catch_up(self, tenant: str, copy: _Copy, on_progress: Progress | None) -> None:
        """Read what changed from one snapshot, encode what has no vector yet, then change the index at once."""
        if copy.version == 0:
            await asyncio.to_thread(copy.adopt)
        async with self._store.read(tenant) as work:
            version = await work.corpus.version()
            if version == copy.version:
                return
            states = {name: _named(state) for name, state in (await work.passages.groups()).items()}
            # In order of id, so that every process that reads this version has the same rows.
            changed = sorted(group_id for group_id, state in states.items() if copy.states.get(group_id) != state)
            groups = await work.passages.load(changed)
            passage_ids = [passage.id for group in groups for passage in group.passages]
            kept = await work.passages.vectors(self._encoder.fingerprint, passage_ids)
        vectors = await self._vectors(tenant, groups, kept, on_progress)
        indexed = [_indexed(group, vectors, states[group.id]) for group in groups]
        is_first = copy.version == 0
        await asyncio.to_thread(copy.take_over, version, states, indexed)
        if is_first:
            await asyncio.to_thread(self._restore, tenant, copy)
        log.info("index.caught_up", corpus_version=version, changed=len(changed))

    async def _vectors(
        self, tenant: str, groups: Sequence[PassageGroup], kept: dict[str, bytes], on_progress: Progress | None
    ) -> dict[str, Floats]:
        """Return every passage's vector; those that are missing are encoded, each text once, and kept on the way."""
        vectors = {passage_id: np.frombuffer(raw, "<f4") for passage_id, raw in kept.items()}
        missing: dict[str, list[str]] = {}
        for group in groups:
            for passage in group.passages:
                if passage.id not in vectors:
                    missing.setdefault(passage.text, []).append(passage.id)
        texts = sorted(missing, key=lambda text: (len(text), text))  # those of one length go through the model together
        for at in range(0, len(texts), _KEEP_AT_ONCE):
            fresh: dict[str, Floats] = {}
            for first in range(at, min(at + _KEEP_AT_ONCE, len(texts)), _ENCODE_AT_ONCE):
                batch = texts[first : min(first + _ENCODE_AT_ONCE, at + _KEEP_AT_ONCE)]
                made = await asyncio.to_thread(self._encoder.encode, batch, prefix="passage")
                fresh |= {name: row for text, row in zip(batch, made, strict=True) for name in missing[text]}
                if on_progress is not None:
                    on_progress(first + len(batch), len(texts))
            await self._keep(tenant, fresh)
            vectors |= fresh
            if len(texts) > _KEEP_AT_ONCE:
                log.info("index.encoded", texts=min(at + _KEEP_AT_ONCE, len(texts)), of=len(texts))
        return vectors

    async def _keep(self, tenant: str, vectors: dict[str, Floats]) -> None:
        """Spare the next process the encoding; not being able to is no reason not to answer."""
        if not vectors:
            return
        raw = {passage_id: np.asarray(vector, "<f4").tobytes() for passage_id, vector in vectors.items()}
        try:
            async with self._store.begin(tenant) as work:
                await work.passages.keep_vectors(self._encoder.fingerprint, raw)
        except ZhanqingError as error:
            log.warning("vectors.not_kept", code=error.code, vectors=len(raw))


_FACETS = frozenset({*CASE_COLUMNS, "id"})
_NONE = np.zeros((0, 0), np.float32)


class _Copy:
    """What this process holds of one tenant's corpus."""

    def __init__(self, index: PassageIndex) -> None:
        self.index = index
        self.version = 0
        self.states: dict[str, str] = {}
        self._lock = threading.Lock()
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    def turn(self) -> asyncio.Lock:
        """One task of a loop at a time reads what changed; the others wait for it instead of doing the same."""
        return self._gates.setdefault(asyncio.get_running_loop(), asyncio.Lock())

    def candidates(self, query: Query, *, limit: int, facets: Facets) -> tuple[Candidates, int]:
        """Return what the index finds, and the very version that it was of."""
        with self._lock:
            return self.index.candidates(query, limit=limit, facets=facets), self.version

    def adopt(self) -> None:
        """Take over what a durable backend kept; what is no longer so in the database goes with the first change."""
        with self._lock:
            if self.version == 0:
                self.states = dict(self.index.held())

    def take_over(self, version: int, states: dict[str, str], changed: Sequence[Group]) -> None:
        """Bring the index to a version, unless another loop of this process has brought it further."""
        with self._lock:
            if version <= self.version:
                return
            gone = [Group(id=name, passages=(), vectors=_NONE, facets={}) for name in self.states if name not in states]
            self.index.put([*gone, *changed])
            self.states, self.version = states, version


def _named(state: GroupState) -> str:
    """One word for a group's state; a passage more or less, or another version of one, changes it."""
    return f"{state.passages}@{state.corpus_version}"


def _indexed(group: PassageGroup, vectors: dict[str, Floats], state: str) -> Group:
    passages = tuple(sorted(group.passages, key=_place))
    return Group(
        id=group.id,
        passages=passages,
        vectors=np.stack([vectors[passage.id] for passage in passages]),
        facets={**group.facets, GROUP_KIND: (DOCUMENT if passages[0].case_id is None else CASE,)},
        state=state,
    )


def _place(passage: Passage) -> tuple[int, str, int]:
    return _COLUMN_ORDER.get(passage.column, len(_COLUMN_ORDER)), passage.source_id, passage.start


def _hit(candidates: Candidates, ranked: Ranked) -> CaseHit:
    passages = _passage_hits(candidates, ranked)
    outcome = next(iter(candidates.facets[ranked.place].get("outcome", ())), Outcome.PENDING.value)
    return CaseHit(
        case_id=candidates.groups[ranked.place],
        score=ranked.score,
        dense=passages[0].dense,
        lexical=passages[0].lexical,
        outcome=Outcome(outcome),
        passages=passages,
    )


def _passage_hits(candidates: Candidates, ranked: Ranked) -> tuple[PassageHit, ...]:
    return tuple(
        PassageHit(
            passage=candidates.passages[row],
            score=score,
            dense=float(candidates.dense[row]),
            lexical=float(candidates.lexical[row]),
        )
        for row, score in zip(ranked.passages, ranked.passage_scores, strict=True)
    )
