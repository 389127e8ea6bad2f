"""The first index of a large base: what was encoded before a process died is not encoded again, and it says how far it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from domain.cases import WarCase
from domain.errors import ModelError
from language.testing import HashingEncoder
from retrieval import library, search
from retrieval.search import CaseSearch
from store.work import Store
from wire.documents import read

SAMPLES = Path(__file__).parents[2] / "examples" / "cases.jsonl"
TENANT = "acme"


class Encoding(HashingEncoder):
    """Remembers what it encoded and fails once it has encoded so much."""

    def __init__(self, *, until: int | None = None) -> None:
        self.texts: list[str] = []
        self._until = until

    def encode(self, texts, *, prefix):  # type: ignore[no-untyped-def]  # as its base
        if prefix == "passage":
            self.texts += texts
            if self._until is not None and len(self.texts) > self._until:
                raise ModelError("language.encoder_failed", kind="killed")
        return super().encode(texts, prefix=prefix)


@pytest.fixture
async def base(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(search, "_KEEP_AT_ONCE", 20)
    monkeypatch.setattr(search, "_ENCODE_AT_ONCE", 8)
    lines = SAMPLES.read_text(encoding="utf-8").splitlines()[:12]
    await publish(store, [read(WarCase, json.loads(line), what="case") for line in lines])
    return store


async def publish(store: Store, cases: Sequence[WarCase]) -> None:
    async with store.begin(TENANT) as work:
        await work.cases.save(cases, by="test")
        await library.publish(work, [case.id for case in cases], by="test")


async def test_what_was_encoded_before_it_died_is_not_encoded_again(base: Store) -> None:
    first = Encoding(until=50)
    with pytest.raises(ModelError):
        await CaseSearch(base, first).refresh(TENANT)
    second, whole = Encoding(), Encoding()
    await CaseSearch(base, second).refresh(TENANT)
    kept = set(first.texts[:40])
    assert kept.isdisjoint(second.texts)
    await CaseSearch(base, whole).refresh(TENANT)
    assert whole.texts == []


async def test_every_text_is_encoded_once(base: Store) -> None:
    encoder = Encoding()
    await CaseSearch(base, encoder).refresh(TENANT)
    assert len(encoder.texts) == len(set(encoder.texts)) > 40


async def test_it_says_how_far_it_is(base: Store) -> None:
    said: list[tuple[int, int]] = []
    await CaseSearch(base, Encoding()).refresh(TENANT, on_progress=lambda done, of: said.append((done, of)))
    done = [one for one, _ in said]
    assert done == sorted(set(done)) and done[0] == 8
    assert said[-1][0] == said[-1][1]
