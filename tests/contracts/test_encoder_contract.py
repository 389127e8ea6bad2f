"""What every encoder keeps to: the fake, ONNX, sentence-transformers and an embeddings endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from language.encoder import Encoder
from language.endpoint_encoder import EndpointEncoder
from language.testing import EmbeddingsServer, HashingEncoder

TEXTS = ["价格太贵了", "", "什么时候能交付？", "OK 👌", "价格太贵了", "　\n", "很长的一段话。" * 200]


@pytest.fixture
def fake() -> Encoder:
    return HashingEncoder()


@pytest.fixture
def endpoint() -> Iterator[Encoder]:
    with EmbeddingsServer() as server:
        yield EndpointEncoder(server.base_url, model="fake", dimension=384)


@pytest.fixture(scope="module")
def sentence_transformers(tiny_sentence_transformer: Path) -> Encoder:
    from language.sentence_transformers_encoder import SentenceTransformerEncoder

    return SentenceTransformerEncoder(str(tiny_sentence_transformer), prefixes={"query": "问", "passage": ""})


@pytest.fixture(
    params=[
        "fake",
        "endpoint",
        pytest.param("encoder", marks=pytest.mark.model),
        pytest.param("sentence_transformers", marks=pytest.mark.torch),
    ]
)
def subject(request: pytest.FixtureRequest) -> Encoder:
    found: Encoder = request.getfixturevalue(request.param)
    return found


def test_there_is_one_float32_row_a_text(subject: Encoder) -> None:
    vectors = subject.encode(TEXTS, prefix="passage")
    assert vectors.shape == (len(TEXTS), subject.dimension)
    assert vectors.dtype == np.float32


def test_rows_have_length_one(subject: Encoder) -> None:
    lengths = np.linalg.norm(subject.encode(TEXTS, prefix="query"), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-5)


def test_no_texts_give_no_rows(subject: Encoder) -> None:
    assert subject.encode([], prefix="query").shape == (0, subject.dimension)


def test_a_row_does_not_depend_on_the_other_rows(subject: Encoder) -> None:
    together = subject.encode(TEXTS, prefix="passage")
    alone = np.concatenate([subject.encode([text], prefix="passage") for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_same_text_gives_the_same_row(subject: Encoder) -> None:
    vectors = subject.encode(TEXTS, prefix="query")
    np.testing.assert_allclose(vectors[0], vectors[4], atol=1e-5)


def test_the_fingerprint_stays_and_is_not_empty(subject: Encoder) -> None:
    before = subject.fingerprint
    subject.encode(TEXTS[:1], prefix="query")
    assert subject.fingerprint == before
    assert before


def test_texts_that_share_words_are_more_alike(subject: Encoder) -> None:
    one, near, far = subject.encode(["价格太贵了", "这个价格贵", "明天下午开会"], prefix="query")
    assert one @ near > one @ far
