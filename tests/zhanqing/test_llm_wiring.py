"""The endpoint of the settings writes what the API and the CLI answer, and whatever it does, an answer comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.scripted_endpoint import Scene, scripted_endpoint, sources_in
from agent.testing import publish, read_cases
from domain.errors import InputError
from domain.sources import resolves
from language.testing import HashingEncoder
from retrieval.testing import SearchInMemory
from signals.pipeline import SignalDetector
from store.work import Store
from wire.suggestions import read_envelope
from zhanqing.bootstrap import Parts
from zhanqing.cli import main
from zhanqing.service import ServedParts
from zhanqing.settings import LlmSettings, Settings, read_settings

CASES = Path(__file__).parents[2] / "examples" / "cases.jsonl"
QUESTION = "轴承厂11台老设备全部接完用了多少天？"
TRUE, INVENTED = "11台老设备用了13天全部接完。", "11台老设备用了31天全部接完。"

SAYABLE = "老设备能不能采，我们不用嘴说，先挑您最老的一台现场接给您看。"
UNAUTHORISED = "我们派两位工程师驻场三个月，费用全免。"


def says(*texts: str, where: str = "13天") -> Callable[[dict[str, Any]], str]:
    def answer(body: dict[str, Any]) -> str:
        cited = [one["id"] for one in sources_in(body) if where in one["text"]][:1]
        sentences = [{"text": text, "sources": cited} for text in texts]
        return json.dumps({"suggestions": [{"tactic": "讲结果", "sentences": sentences}]}, ensure_ascii=False)

    return answer


FAILURES = {
    "slow": Scene(silent=True),
    "garbage": Scene(says="对不起，我不能这样做。"),
    "half json": Scene(says='{"abstain": false, "sugg'),
    "429": Scene(status=429),
    "500": Scene(status=500),
    "cut stream": Scene(says=says(TRUE), cut_after=30),
}


@pytest.fixture
def parts_for(tmp_path: Path) -> Callable[..., Parts]:
    """Return the product's own parts over an endpoint, but for the models' weights."""

    def make(base_url: str, *, timeout_s: float = 20.0) -> Parts:
        llm = LlmSettings(base_url=base_url, model="scripted", timeout_s=timeout_s)
        parts = Parts(Settings(home=tmp_path / "home", llm=llm))
        parts.__dict__["encoder"] = HashingEncoder()
        parts.__dict__["detector"] = SignalDetector([])
        parts.__dict__["search"] = SearchInMemory(read_cases(CASES))
        return parts

    return make


async def asked_over_http(parts: Parts, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    from api.app import create_app
    from api.testing import key_for

    async with parts.opened():
        await publish(parts.store, read_cases(CASES))
        key = await key_for(parts.store, "default", rep_id="r-1")
        transport = httpx.ASGITransport(create_app(ServedParts(parts)))
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers={**key, **headers}) as client:
            return await client.post(path, json=body)


async def test_a_reply_over_http_is_the_models_and_grounded(parts_for: Callable[..., Parts]) -> None:
    with scripted_endpoint(Scene(says=says(SAYABLE, UNAUTHORISED, where="不用嘴说"))) as endpoint:
        parts = parts_for(endpoint.base_url)
        answered = await asked_over_http(parts, "/v1/replies", {"text": "老设备接得上吗？"})
    envelope = read_envelope(answered.json())
    cited = [one for claim in envelope.suggestions[0].claims for one in claim.citations]
    assert envelope.engine == "llm:scripted"
    assert [claim.text for claim in envelope.suggestions[0].claims] == [SAYABLE]
    assert [one.text for one in envelope.dropped] == [UNAUTHORISED]
    async with Store(parts.store.engine).read("default") as work:
        sources = await work.sources.cited(cited)
        decision = (await work.decisions.page(limit=1))[0]
    assert all(resolves(one, sources.get((one.source_id, one.version))) for one in cited)
    assert decision.rep_id == "r-1"


async def test_the_chat_interface_streams_the_models_sentences(parts_for: Callable[..., Parts]) -> None:
    body = {"model": "zhanqing", "stream": True, "messages": [{"role": "user", "content": QUESTION}]}
    with scripted_endpoint(Scene(says=says(TRUE, INVENTED))) as endpoint:
        answered = await asked_over_http(parts_for(endpoint.base_url), "/v1/chat/completions", body)
    lines = [line.removeprefix("data: ") for line in answered.text.splitlines() if line.startswith("data: {")]
    words = [choice["delta"].get("content") or "" for line in lines for choice in json.loads(line)["choices"]]
    assert f"【讲结果】{TRUE}[1]" in words
    assert INVENTED not in "".join(words)
    assert "由AI生成" in words[-2]


@pytest.mark.parametrize("scene", FAILURES.values(), ids=FAILURES.keys())
async def test_whatever_the_endpoint_does_an_answer_comes_and_says_so(
    scene: Scene, parts_for: Callable[..., Parts]
) -> None:
    with scripted_endpoint(scene) as endpoint:
        parts = parts_for(endpoint.base_url, timeout_s=1.0)
        envelope = read_envelope((await asked_over_http(parts, "/v1/ask", {"text": QUESTION})).json())
    assert envelope.engine == "extractive"
    assert any("13天" in one.what for one in envelope.suggestions)
    assert any("大模型" in note for note in envelope.notes)


async def test_an_endpoint_that_is_down_does_not_stop_an_answer(parts_for: Callable[..., Parts]) -> None:
    with scripted_endpoint(Scene()) as endpoint:
        closed = endpoint.base_url
    envelope = read_envelope(
        (await asked_over_http(parts_for(closed, timeout_s=1.0), "/v1/ask", {"text": QUESTION})).json()
    )
    assert (envelope.engine, len(envelope.notes)) == ("extractive", 1)


def test_the_command_line_answers_with_the_model_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Parts, "encoder", HashingEncoder())
    monkeypatch.setattr(Parts, "detector", SignalDetector([]))
    monkeypatch.setattr(Parts, "search", SearchInMemory(read_cases(CASES)))
    monkeypatch.setenv("ZHANQING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ZHANQING_LLM__MODEL", "scripted")
    monkeypatch.setattr("sys.argv", ["zhanqing", "reply", "老设备接得上吗？", "--json", "-"])

    async def load() -> None:
        async with Parts(Settings()).opened() as parts:
            await publish(parts.store, read_cases(CASES))

    asyncio.run(load())
    with scripted_endpoint(Scene(says=says(SAYABLE, where="不用嘴说"))) as endpoint:
        monkeypatch.setenv("ZHANQING_LLM__BASE_URL", endpoint.base_url)
        with pytest.raises(SystemExit) as stopped:
            main()
    assert not stopped.value.code
    document = json.loads(capsys.readouterr().out)
    assert document["engine"] == "llm:scripted"
    assert document["suggestions"][0]["claims"][0]["citations"][0]["source_id"].startswith("case:")


def test_an_endpoint_without_a_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHANQING_LLM__BASE_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(InputError, match="LLM"):
        read_settings({})
