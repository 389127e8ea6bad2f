"""Fixtures that every room's tests share."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from language.encoder import Encoder
    from store.testing import Databases, SteppingClock
    from store.work import Store

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def models_cache() -> Path:
    """The cache that `zhanqing models pull` fills."""
    from zhanqing.settings import read_settings

    return read_settings().models.cache


@pytest.fixture(scope="session")
def encoder(models_cache: Path) -> Encoder:
    """The default encoder with its real weights; for tests marked `model`."""
    from language.encoder import OnnxEncoder

    return OnnxEncoder(pulled_model("e5-small-zh", models_cache), threads=1)


@pytest.fixture(scope="session")
def tiny_sentence_transformer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers model of a few thousand random weights, made here; for tests marked `torch`."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"价格太贵了这个什么时候能交付明天下午开会很长的一段话问"]
    vocabulary = {word: index for index, word in enumerate(dict.fromkeys(words))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    specials = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **specials).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(vocabulary), max_position_embeddings=64, **sizes)).save_pretrained(folder)
    transformer = Transformer(str(folder))
    model = SentenceTransformer(modules=[transformer, Pooling(16)], device="cpu")
    model.save(str(folder / "saved"))
    return folder / "saved"


def pulled_model(name: str, cache: Path) -> Path:
    """Return a pulled model's folder; without it skip here, but fail in CI, where nothing may be skipped."""
    from domain.errors import MissingError
    from zhanqing.models import model_folder

    try:
        return model_folder(name, cache)
    except MissingError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(error.line("en"))
        pytest.skip(error.line("en"))


@pytest.fixture
def clock() -> SteppingClock:
    """A clock that tests move themselves."""
    from store.testing import SteppingClock

    return SteppingClock()


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """Fresh SQLite databases at head."""
    from store.testing import sqlite_databases

    return asyncio.run(sqlite_databases(tmp_path_factory.mktemp("sqlite")))


@pytest.fixture(scope="session")
def postgres_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """Fresh PostgreSQL databases at head; without a server skip here, but fail in CI."""
    from domain.errors import UpstreamError
    from store.testing import drop_postgres, postgres_databases

    try:
        databases = asyncio.run(postgres_databases(tmp_path_factory.mktemp("postgres")))
    except UpstreamError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(error.line("en"))
        pytest.skip(error.line("en"))
    yield databases
    asyncio.run(drop_postgres(databases.url))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def databases(request: pytest.FixtureRequest) -> Databases:
    """Fresh databases of each kind that is supported, for contract suites."""
    found: Databases = request.getfixturevalue(f"{request.param}_databases")
    return found


@pytest.fixture
async def any_store(databases: Databases, tmp_path: Path, clock: SteppingClock) -> AsyncIterator[Store]:
    """An empty store on each kind of database."""
    from store.work import Store

    async with databases.fresh() as engine:
        yield Store(engine, blobs=tmp_path / "blobs", clock=clock)


@pytest.fixture
async def store(sqlite_databases: Databases, tmp_path: Path, clock: SteppingClock) -> AsyncIterator[Store]:
    """An empty store on SQLite."""
    from store.work import Store

    async with sqlite_databases.fresh() as engine:
        yield Store(engine, blobs=tmp_path / "blobs", clock=clock)
