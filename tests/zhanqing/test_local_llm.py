"""A real local model on loopback: the same contract as any endpoint, grounded or replaced, never invented."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from pathlib import Path

import pytest

from agent.chat_engine import ChatEndpoint, ChatEngine
from agent.coach import Coach
from agent.engines import ExtractiveEngine
from agent.testing import TENANT, read_cases, store_of
from domain.errors import MissingError
from domain.sources import resolves
from domain.suggestions import Envelope
from retrieval.testing import SearchInMemory
from tests.conftest import pulled_model
from zhanqing.local_llm import local_llm
from zhanqing.settings import LlmSettings, ModelsSettings, Settings

SMALLEST = "qwen2.5-coder-0.5b-instruct-q4"
CASES = Path(__file__).parents[2] / "examples" / "cases.jsonl"


def test_a_model_that_was_not_pulled_is_named_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(MissingError) as caught, local_llm(Settings(models=ModelsSettings(cache=tmp_path))):
        raise AssertionError("nothing is served")
    assert f"models pull {SMALLEST}" in caught.value.line("en")


@pytest.mark.skipif(find_spec("xllamacpp") is not None, reason="the extra is installed")
def test_without_the_extra_the_remedy_is_said(tmp_path: Path) -> None:
    from zhanqing.local_llm import _server

    with pytest.raises(MissingError, match="local-llm"):
        _server(tmp_path / "model.gguf")


@pytest.mark.local_llm
@pytest.mark.timeout(500)
def test_the_smallest_model_answers_grounded_or_is_replaced(tmp_path: Path, models_cache: Path) -> None:
    pulled_model(SMALLEST, models_cache)
    given = Settings(models=ModelsSettings(cache=models_cache), llm=LlmSettings(local_model=SMALLEST))

    async def ask(llm: LlmSettings) -> tuple[Envelope, bool]:
        endpoint = ChatEndpoint(
            base_url=llm.base_url or "",
            model=llm.model,
            timeout_s=llm.timeout_s,
            source_characters=llm.source_characters,
            retries=0,
            max_tokens=200,
        )
        cases = read_cases(CASES)
        async with store_of(cases, tmp_path) as store:
            engine = ChatEngine(endpoint, ExtractiveEngine(None))
            coach = Coach(store, SearchInMemory(cases), engine=engine)
            envelope = await coach.ask(TENANT, "轴承厂11台老设备全部接完用了多少天？")
            cited = [one for said in envelope.suggestions for claim in said.claims for one in claim.citations]
            async with store.read(TENANT) as work:
                sources = await work.sources.cited(cited)
        return envelope, all(resolves(one, sources.get((one.source_id, one.version))) for one in cited)

    with local_llm(given) as served:
        assert served.llm.base_url is not None
        assert served.llm.base_url.startswith("http://127.0.0.1:")
        envelope, stand = asyncio.run(ask(served.llm))
    assert stand
    assert envelope.engine in (f"llm:{SMALLEST}", "extractive")
    assert (envelope.engine == "extractive") == any("大模型" in note for note in envelope.notes)
    assert all(claim.citations for one in envelope.suggestions for claim in one.claims)
