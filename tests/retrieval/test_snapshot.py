"""Snapshots of the vector graph are used for the rows they were made of and for no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from domain.cases import Passage
from language.testing import HashingEncoder
from retrieval.index import Group
from retrieval.memory_index import MemoryIndex
from retrieval.query import read_query
from retrieval.snapshot import Manifest, manifest_of, remove, restore, save

ROWS = 2_200
ENCODER = HashingEncoder()


def filled(texts: list[str]) -> MemoryIndex:
    index = MemoryIndex(ENCODER.dimension, exact_limit=100)
    vectors = ENCODER.encode(texts, prefix="passage")
    passages = [
        Passage(id=f"p{n}", source_id=f"doc:{n}", version=1, column="text", start=0, end=len(text), text=text)
        for n, text in enumerate(texts)
    ]
    index.put(
        [
            Group(id=passage.source_id, passages=(passage,), vectors=vectors[n : n + 1], facets={})
            for n, passage in enumerate(passages)
        ]
    )
    return index


def describe(index: MemoryIndex, version: int = 3) -> Manifest:
    return manifest_of(index, encoder="e5", dimension=ENCODER.dimension, corpus_version=version)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [f"第{number}条：交付周期{number % 17}周，价格{number}万" for number in range(ROWS)]


@pytest.fixture(scope="module")
def built(texts: list[str]) -> MemoryIndex:
    index = filled(texts)
    index.build_graph()
    return index


def test_a_restored_graph_finds_what_the_saved_one_found(built: MemoryIndex, texts: list[str], tmp_path: Path) -> None:
    assert save(tmp_path, "acme", built, describe(built))
    again = filled(texts)
    assert again.graph_is_behind
    assert restore(tmp_path, "acme", again, describe(again))
    assert not again.graph_is_behind
    query = read_query(texts[77], ENCODER)
    first, second = (index.candidates(query, limit=5, facets={}) for index in (built, again))
    assert first.groups == second.groups
    assert np.array_equal(first.dense, second.dense)


@pytest.mark.parametrize(
    "change", [{"encoder": "other"}, {"dimension": 12}, {"corpus_version": 4}, {"rows": "x"}, {"format": 0}]
)
def test_what_was_made_of_something_else_is_refused(
    built: MemoryIndex, texts: list[str], tmp_path: Path, change: dict[str, object]
) -> None:
    save(tmp_path, "acme", built, replace(describe(built), **change))
    again = filled(texts)
    assert not restore(tmp_path, "acme", again, describe(again))
    assert again.graph_is_behind


def test_a_changed_row_makes_it_another_index(built: MemoryIndex, texts: list[str], tmp_path: Path) -> None:
    save(tmp_path, "acme", built, describe(built))
    fewer = filled(texts[:-1])
    assert not restore(tmp_path, "acme", fewer, describe(fewer))


def test_a_damaged_or_missing_file_is_refused(built: MemoryIndex, texts: list[str], tmp_path: Path) -> None:
    save(tmp_path, "acme", built, describe(built))
    again = filled(texts)
    graph = tmp_path / "acme" / "graph.faiss"
    graph.write_bytes(graph.read_bytes()[:-1])
    assert not restore(tmp_path, "acme", again, describe(again))
    (tmp_path / "acme" / "manifest.json").write_text("{")
    assert not restore(tmp_path, "acme", again, describe(again))
    remove(tmp_path, "acme")
    assert not restore(tmp_path, "acme", again, describe(again))


def test_no_graph_no_snapshot(tmp_path: Path) -> None:
    index = filled(["一条"])
    assert not save(tmp_path, "acme", index, describe(index))
    assert list(tmp_path.rglob("*.part")) == []


def test_a_snapshot_holds_no_words(built: MemoryIndex, tmp_path: Path) -> None:
    save(tmp_path, "acme", built, describe(built))
    kept = b"".join(path.read_bytes() for path in (tmp_path / "acme").iterdir())
    assert "交付周期".encode() not in kept
