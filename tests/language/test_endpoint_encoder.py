"""The embeddings endpoint against a loopback server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from domain.errors import ModelError
from language.endpoint_encoder import EndpointEncoder
from language.testing import EmbeddingsServer, HashingEncoder


@pytest.fixture
def server() -> Iterator[EmbeddingsServer]:
    with EmbeddingsServer() as serving:
        yield serving


@pytest.fixture
def subject(server: EmbeddingsServer) -> EndpointEncoder:
    prefixes = {"query": "问：", "passage": ""}
    return EndpointEncoder(server.base_url, model="bge-m3", dimension=384, api_key="key", prefixes=prefixes)


def test_vectors_come_back_in_the_order_of_the_texts(subject: EndpointEncoder) -> None:
    texts = [f"第{number}句" for number in range(5)]
    expected = HashingEncoder().encode(texts, prefix="passage")
    np.testing.assert_allclose(subject.encode(texts, prefix="passage"), expected, atol=1e-6)


def test_the_request_names_model_key_and_prefix(subject: EndpointEncoder, server: EmbeddingsServer) -> None:
    subject.encode(["多少钱"], prefix="query")
    assert server.requests == [
        {"path": "/v1/embeddings", "model": "bge-m3", "input": ["问：多少钱"], "encoding_format": "float"}
    ]
    assert server.keys == ["Bearer key"]


def test_many_texts_go_in_several_requests(subject: EndpointEncoder, server: EmbeddingsServer) -> None:
    assert subject.encode(["好"] * 150, prefix="passage").shape == (150, 384)
    assert [len(request["input"]) for request in server.requests] == [64, 64, 22]


def test_no_texts_ask_nothing(subject: EndpointEncoder, server: EmbeddingsServer) -> None:
    subject.encode([], prefix="passage")
    assert server.requests == []


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_refusal_is_a_model_error_that_says_the_status(
    status: int, subject: EndpointEncoder, server: EmbeddingsServer
) -> None:
    server.status = status
    with pytest.raises(ModelError, match=f"HTTP {status}"):
        subject.encode(["好"], prefix="query")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"data": []},
        {"data": [{"index": 0}]},
        {"data": [{"index": 0, "embedding": [1.0, 2.0]}]},
        {"data": [{"index": 0, "embedding": "AAAA"}]},
        {"data": [{"index": 0, "embedding": [float("nan")] * 384}]},
    ],
)
def test_an_answer_of_another_shape_is_a_model_error(
    answer: Any, subject: EndpointEncoder, server: EmbeddingsServer
) -> None:
    server.answer = answer
    with pytest.raises(ModelError, match="384 dimensions"):
        subject.encode(["好"], prefix="query")


def test_a_server_that_is_not_there_is_a_model_error() -> None:
    subject = EndpointEncoder("http://127.0.0.1:9/v1", model="bge-m3", dimension=384)
    with pytest.raises(ModelError, match="ConnectError") as caught:
        subject.encode(["好"], prefix="query")
    assert caught.value.retryable


def test_an_address_that_is_none_is_a_model_error() -> None:
    subject = EndpointEncoder("http://[", model="bge-m3", dimension=384)
    with pytest.raises(ModelError, match="cannot be reached"):
        subject.encode(["好"], prefix="query")


def _kinds(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _kinds(child)


@pytest.mark.parametrize(
    "kind", sorted({*_kinds(httpx.RequestError), *_kinds(httpx.StreamError)}, key=lambda kind: kind.__name__)
)
def test_no_exception_of_httpx_slips_through(
    kind: type[Exception], subject: EndpointEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        error = kind.__new__(kind)
        Exception.__init__(error, "failed")
        raise error

    monkeypatch.setattr(subject._client, "post", fail)
    with pytest.raises(ModelError, match="cannot be reached"):
        subject.encode(["好"], prefix="query")


def test_another_model_has_another_fingerprint(subject: EndpointEncoder, server: EmbeddingsServer) -> None:
    other = EndpointEncoder(server.base_url, model="bge-large-zh", dimension=384)
    assert subject.fingerprint != other.fingerprint
