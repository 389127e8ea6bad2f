"""The index on Milvus, for a corpus that outgrows one process: the engine finds candidates, we score them.

Dense vectors, BM25 with the `jieba` tokenizer and the filter all run in the engine's hybrid search. The candidates'
passages come back with their vectors and are scored by the same code as in memory, so that both backends rank
alike. The same client speaks to Milvus Lite (a file) and to a cluster (an address).

A collection outlives the process and may be written by several. Each row therefore carries the state of its group
and how many rows the group has, and only a group that is whole and in the state this process knows is ever shown:
neither one that another process is writing, nor one that was withdrawn while this process did not run.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from domain.cases import Passage
from domain.errors import UpstreamError
from retrieval.index import Candidates, Facets, Floats, Group, no_candidates
from retrieval.memory_index import MemoryIndex
from retrieval.query import Query

_PER_CHANNEL = 4
"""Passages asked for per wanted group and channel: a group has several that are alike."""

_SAMPLE = 256
_BATCH = 200
_MOST_ROWS = 16_000
_MAX_TEXT_BYTES = 65_535
_FIELDS = ["id", "group_id", "state", "size", "place", "passage", "facets", "dense"]


class MilvusIndex:
    """`PassageIndex` on Milvus; one collection a tenant.

    Args:
        address: A file for Milvus Lite, or `http://host:19530`.
        tenant: Whose passages.
        dimension: Length of the vectors.
        encoder: Fingerprint of what makes the vectors; another encoder has another collection.
        token: Credentials of a cluster, `user:password`.

    Raises:
        UpstreamError: `retrieval.milvus_failed`, here and in every method.
    """

    def __init__(self, address: str, *, tenant: str, dimension: int, encoder: str = "", token: str = "") -> None:
        self._dimension = dimension
        # Milvus takes letters, digits and _ only: names that differ elsewhere must not share a collection.
        self._collection = f"passages_{_digest(tenant)}_{_digest(f'{encoder} {dimension}')}"
        self._known: dict[str, str] = {}
        self._lock = threading.RLock()
        self._background: tuple[Floats, frozenset[tuple[str, str]]] | None = None
        with _translated():
            from pymilvus import MilvusClient

            self._client = MilvusClient(address, token=token)
            if not self._client.has_collection(self._collection):
                self._create()

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def put(self, groups: Sequence[Group]) -> None:
        """Replace groups; see `PassageIndex.put`. Readers of this process wait, so that none sees half of it."""
        latest = {group.id: group for group in groups}
        rows = [row for group in latest.values() for row in _rows(group)]
        with self._lock, _translated():
            self._background = None
            for name in latest:
                self._known.pop(name, None)
            for ids in _batches(list(latest)):
                self._client.delete(self._collection, filter=f"group_id in {_quoted(ids)}")
            for batch in _batches(rows):
                self._client.upsert(self._collection, batch)
            self._known |= {group.id: group.state for group in latest.values() if group.passages}

    def held(self) -> dict[str, str]:
        """Take over what the collection has; see `PassageIndex.held`."""
        rows: dict[str, list[Mapping[str, Any]]] = {}
        with self._lock, _translated():
            for row in self._every(filter="place >= 0", fields=["id", "group_id", "state", "size"]):
                rows.setdefault(row["group_id"], []).append(row)
            whole = {name: found[0]["state"] for name, found in rows.items() if _is_whole(found, found[0]["state"])}
            self._known = dict(whole)
            self._background = None
        return {name: whole.get(name, "") for name in rows}

    def candidates(self, query: Query, *, limit: int, facets: Facets) -> Candidates:
        """Score the engine's best groups; see `PassageIndex.candidates`."""
        with self._lock, _translated():
            sample, _ = self._corpus()
            names = self._find(query, limit, _condition(facets)) if len(sample) else []
            groups = self._load(names)
        if not groups:
            return no_candidates()
        scored = MemoryIndex(self._dimension)
        scored.put(groups)
        found = scored.candidates(query, limit=len(groups), facets={})
        background = sample @ query.vector
        return replace(found, dense_mean=float(background.mean()), dense_spread=float(background.std()))

    def facet_values(self, column: str) -> frozenset[str]:
        """Return the values of a facet column; see `PassageIndex.facet_values`."""
        with self._lock, _translated():
            _, values = self._corpus()
        return frozenset(value for name, value in values if name == column)

    def _create(self) -> None:
        from pymilvus import DataType, Function, FunctionType, MilvusClient

        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=2_048)
        schema.add_field("group_id", DataType.VARCHAR, max_length=2_048)
        schema.add_field("state", DataType.VARCHAR, max_length=64)
        schema.add_field("size", DataType.INT64)
        schema.add_field("place", DataType.INT64)
        words = {"enable_analyzer": True, "analyzer_params": {"tokenizer": "jieba"}}
        schema.add_field("text", DataType.VARCHAR, max_length=_MAX_TEXT_BYTES, **words)
        schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
        schema.add_field("dense", DataType.FLOAT_VECTOR, dim=self._dimension)
        schema.add_field("passage", DataType.JSON)
        schema.add_field("facets", DataType.JSON)
        bm25 = {"function_type": FunctionType.BM25, "input_field_names": ["text"], "output_field_names": ["words"]}
        schema.add_function(Function(name="bm25", **bm25))
        indexes = self._client.prepare_index_params()
        indexes.add_index("dense", index_type="AUTOINDEX", metric_type="IP")
        indexes.add_index("words", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
        self._client.create_collection(
            self._collection, schema=schema, index_params=indexes, consistency_level="Strong"
        )

    def _find(self, query: Query, limit: int, condition: str) -> list[str]:
        """Return the groups that hybrid search puts first."""
        from pymilvus import AnnSearchRequest, RRFRanker

        count = min(_PER_CHANNEL * limit, _MOST_ROWS)
        requests = [AnnSearchRequest([query.vector.tolist()], "dense", {"metric_type": "IP"}, count, expr=condition)]
        words = " ".join(query.words)
        if words:
            requests.append(AnnSearchRequest([words], "words", {"metric_type": "BM25"}, count, expr=condition))
        (hits,) = self._client.hybrid_search(
            self._collection, requests, RRFRanker(60), limit=count, output_fields=["group_id"]
        )
        names = dict.fromkeys(hit["entity"]["group_id"] for hit in hits)
        return [name for name in names if name in self._known][: 2 * limit]

    def _load(self, names: Sequence[str]) -> list[Group]:
        rows: dict[str, list[Mapping[str, Any]]] = {}
        for batch in _batches(list(names)):
            condition = f"group_id in {_quoted(batch)}"
            for row in self._client.query(self._collection, filter=condition, output_fields=_FIELDS, limit=_MOST_ROWS):
                rows.setdefault(row["group_id"], []).append(row)
        return [_group(name, rows[name]) for name in sorted(rows) if _is_whole(rows[name], self._known[name])]

    def _corpus(self) -> tuple[Floats, frozenset[tuple[str, str]]]:
        """Return a sample of the vectors and every facet value, read once after each change."""
        if self._background is None:
            sample = self._client.query(self._collection, filter="place >= 0", output_fields=["dense"], limit=_SAMPLE)
            vectors = np.asarray([row["dense"] for row in sample], np.float32).reshape(-1, self._dimension)
            self._background = vectors, frozenset(self._facet_pairs())
        return self._background

    def _facet_pairs(self) -> Iterator[tuple[str, str]]:
        for row in self._every(filter="place == 0", fields=["group_id", "facets"]):
            if row["group_id"] in self._known:
                yield from ((column, value) for column, values in row["facets"].items() for value in values)

    def _every(self, *, filter: str, fields: list[str]) -> Iterator[Mapping[str, Any]]:
        pages = self._client.query_iterator(self._collection, batch_size=1_000, filter=filter, output_fields=fields)
        while page := pages.next():
            yield from page
        pages.close()


def _rows(group: Group) -> Iterator[dict[str, Any]]:
    facets = {column: list(values) for column, values in group.facets.items()}
    for place, (passage, vector) in enumerate(zip(group.passages, group.vectors, strict=True)):
        yield {
            "id": passage.id,
            "group_id": group.id,
            "state": group.state,
            "size": len(group.passages),
            "place": place,
            "text": passage.text,
            "dense": vector.tolist(),
            "passage": asdict(passage),
            "facets": facets,
        }


def _is_whole(rows: Sequence[Mapping[str, Any]], state: str) -> bool:
    """Whether these rows are all of a group's, and of one state."""
    return all(row["state"] == state for row in rows) and len({row["id"] for row in rows}) == rows[0]["size"]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def _group(name: str, rows: Sequence[Mapping[str, Any]]) -> Group:
    ordered = sorted(rows, key=lambda row: int(row["place"]))
    return Group(
        id=name,
        passages=tuple(Passage(**row["passage"]) for row in ordered),
        vectors=np.asarray([row["dense"] for row in ordered], np.float32),
        facets=ordered[0]["facets"],
    )


def _condition(facets: Facets) -> str:
    parts = [
        f"json_contains_any(facets[{json.dumps(column, ensure_ascii=False)}], {_quoted(values)})"
        for column, values in facets.items()
    ]
    return " and ".join(parts)


def _quoted(values: Sequence[str]) -> str:
    """A list literal of the engine's filter language, whose strings are JSON's."""
    return json.dumps(list(values), ensure_ascii=False)


def _batches(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[at : at + _BATCH] for at in range(0, len(items), _BATCH)]


@contextmanager
def _translated() -> Iterator[None]:
    """Say what the engine's failures are in our words."""
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except MilvusException as error:
        raise UpstreamError("retrieval.milvus_failed", code=error.code) from error
