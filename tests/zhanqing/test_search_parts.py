"""What the search settings choose; nothing heavy is imported by choosing."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import InputError
from language.endpoint_encoder import EndpointEncoder
from language.testing import EmbeddingsServer, HashingEncoder
from retrieval.memory_index import MemoryIndex
from retrieval.rerankers import EndpointReranker
from zhanqing import bootstrap
from zhanqing.settings import SearchSettings, Settings, read_settings


def parts(home: Path, **search: object) -> bootstrap.Parts:
    made = bootstrap.build(Settings(home=home, search=SearchSettings.model_validate(search)))
    made.__dict__["encoder"] = HashingEncoder()
    return made


def test_by_default_search_shares_the_encoder_has_no_reranker_and_its_own_index(tmp_path: Path) -> None:
    chosen = parts(tmp_path)
    assert chosen.search_encoder is chosen.encoder
    assert bootstrap.make_reranker(chosen.settings.search) is None
    assert isinstance(bootstrap.make_index(chosen.settings.search, HashingEncoder())("acme", 4), MemoryIndex)


def test_an_endpoint_encodes_for_search_alone(tmp_path: Path) -> None:
    with EmbeddingsServer() as server:
        chosen = parts(
            tmp_path,
            encoder="endpoint",
            base_url=server.base_url,
            model="bge-m3",
            dimension=384,
            query_prefix="问：",
            api_key="k",
        )
        assert isinstance(chosen.search_encoder, EndpointEncoder)
        chosen.search_encoder.encode(["多少钱"], prefix="query")
    assert server.requests[0]["input"] == ["问：多少钱"]
    assert server.keys == ["Bearer k"]
    assert isinstance(chosen.encoder, HashingEncoder)


def test_a_reranker_is_a_setting(tmp_path: Path) -> None:
    chosen = SearchSettings(reranker="endpoint", reranker_model="bge", reranker_base_url="http://localhost/v1")
    assert isinstance(bootstrap.make_reranker(chosen), EndpointReranker)


@pytest.mark.torch
def test_a_folder_of_sentence_transformers_encodes_for_search(tmp_path: Path, tiny_sentence_transformer: Path) -> None:
    chosen = parts(tmp_path, encoder="sentence-transformers", model=str(tiny_sentence_transformer))
    assert chosen.search_encoder.encode(["价格"], prefix="passage").shape == (1, chosen.search_encoder.dimension)


@pytest.mark.milvus
def test_milvus_is_a_setting(tmp_path: Path) -> None:
    pytest.importorskip("pymilvus", reason="needs the milvus extra")
    from retrieval.milvus_index import MilvusIndex

    chosen = SearchSettings(index="milvus", milvus_url=str(tmp_path / "index.db"))
    index = bootstrap.make_index(chosen, HashingEncoder())("acme", 384)
    assert isinstance(index, MilvusIndex)
    index.close()


@pytest.mark.parametrize(
    ("name", "value", "missing"),
    [
        ("ENCODER", "endpoint", "base_url"),
        ("ENCODER", "sentence-transformers", "model"),
        ("RERANKER", "cross-encoder", "reranker_model"),
        ("INDEX", "milvus", "milvus_url"),
    ],
)
def test_a_choice_without_what_it_needs_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, missing: str
) -> None:
    monkeypatch.setenv(f"ZHANQING_SEARCH__{name}", value)
    with pytest.raises(InputError, match=missing):
        read_settings()
