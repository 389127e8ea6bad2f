"""The inverted index against BM25 computed the plain way."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.lexical import LexicalIndex, Rows

DOCUMENTS = st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=8), min_size=1, max_size=20)
QUERY = st.lists(st.sampled_from("abcdefx"), min_size=1, max_size=5)


def rows(count: int, alive: Sequence[bool] | None = None) -> Rows:
    return Rows(
        group=np.arange(count, dtype=np.int32),
        weight=np.ones(count, np.float32),
        alive=np.ones(count, np.bool_) if alive is None else np.asarray(alive),
    )


def plain_bm25(
    documents: Sequence[Sequence[str]], query: Sequence[str], k1: float = 1.2, b: float = 0.75
) -> list[float]:
    mean = sum(map(len, documents)) / len(documents)
    scores = [0.0] * len(documents)
    for word in dict.fromkeys(query):
        holders = sum(word in document for document in documents)
        idf = math.log1p((len(documents) - holders + 0.5) / (holders + 0.5))
        for place, document in enumerate(documents):
            count = Counter(document)[word]
            scores[place] += idf * count * (k1 + 1) / (count + k1 * (1 - b + b * len(document) / max(mean, 1)))
    return scores


@given(DOCUMENTS, QUERY)
def test_scores_are_bm25(documents: list[list[str]], query: list[str]) -> None:
    index = LexicalIndex()
    index.add(documents)
    match = index.match(query, rows(len(documents)))
    assert match.passages.tolist() == pytest.approx(plain_bm25(documents, query), abs=1e-4)


@given(DOCUMENTS, QUERY, st.integers(1, 6))
def test_growing_bit_by_bit_gives_the_scores_of_a_build_at_once(
    documents: list[list[str]], query: list[str], step: int
) -> None:
    grown, built = LexicalIndex(), LexicalIndex()
    built.add(documents)
    for at in range(0, len(documents), step):
        grown.add(documents[at : at + step])
    every = rows(len(documents))
    assert grown.match(query, every).passages.tolist() == pytest.approx(built.match(query, every).passages.tolist())


@given(DOCUMENTS, QUERY, st.data())
def test_dead_rows_neither_score_nor_count(documents: list[list[str]], query: list[str], data: st.DataObject) -> None:
    alive = data.draw(st.lists(st.booleans(), min_size=len(documents), max_size=len(documents)).filter(any))
    index, fresh = LexicalIndex(), LexicalIndex()
    index.add(documents)
    kept = [document for document, is_alive in zip(documents, alive, strict=True) if is_alive]
    fresh.add(kept)
    found = index.match(query, rows(len(documents), alive)).passages
    assert found[~np.asarray(alive)].tolist() == [0.0] * (len(documents) - len(kept))
    assert found[np.asarray(alive)].tolist() == pytest.approx(fresh.match(query, rows(len(kept))).passages.tolist())


def test_a_group_adds_its_rows_up_before_it_saturates() -> None:
    index = LexicalIndex()
    index.add([["a"], ["a", "b"], ["c"]])
    together = Rows(
        group=np.asarray([0, 0, 1], np.int32), weight=np.asarray([2, 1, 1], np.float32), alive=np.ones(3, np.bool_)
    )
    match = index.match(["a", "b"], together)
    length, mean = np.asarray([4.0, 1.0]), 2.5
    norm = 1.2 * (0.5 + 0.5 * length / mean)
    idf = math.log1p((2 - 1 + 0.5) / 1.5)
    assert match.groups.tolist() == pytest.approx([idf * (3 * 2.2 / (3 + norm[0]) + 2.2 / (1 + norm[0])), 0.0])


def test_unknown_words_raise_what_could_be_reached_but_no_score() -> None:
    index = LexicalIndex()
    index.add([["a"], ["b"]])
    known, unknown = index.match(["a"], rows(2)), index.match(["a", "zz"], rows(2))
    assert unknown.passages.tolist() == known.passages.tolist()
    assert unknown.passage_ceiling > known.passage_ceiling


def test_an_empty_index_answers() -> None:
    match = LexicalIndex().match(["a"], rows(0))
    assert (match.passages.tolist(), match.groups.tolist()) == ([], [])
