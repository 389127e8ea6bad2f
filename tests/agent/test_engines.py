"""One contract for every engine; what goes wrong at a model endpoint never reaches the reader."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent.chat_engine import ChatEndpoint, ChatEngine
from agent.coach import Coach
from agent.engines import Engine, ExtractiveEngine
from agent.scripted_endpoint import Scene, ScriptedEndpoint, scripted_endpoint, sources_in
from domain.accounts import Deal
from domain.cases import WarCase
from domain.conversation import Transcript, Turn
from domain.signals import Signal, SignalKind
from domain.suggestions import Envelope
from retrieval.testing import SearchInMemory
from store.work import Store

QUESTION = "轴承厂11台老设备全部接完用了多少天？"


def answers_with(text: str, quoting: str) -> Callable[[dict[str, Any]], str]:
    def answer(body: dict[str, Any]) -> str:
        ids = [one["id"] for one in sources_in(body) if quoting in one["text"]]
        sentence = {"text": text, "sources": ids[:1] or ["S1"]}
        return json.dumps(
            {"abstain": False, "suggestions": [{"tactic": "回答", "sentences": [sentence]}]}, ensure_ascii=False
        )

    return answer


GOOD = answers_with("11台老设备用了13天全部接完。", "13天")


@pytest.fixture
def ask(store: Store, sample_cases: list[WarCase]) -> Callable[[Engine], Any]:
    async def asked(engine: Engine) -> Envelope:
        return await Coach(store, SearchInMemory(sample_cases), engine=engine).ask("default", QUESTION)

    return asked


def chat(endpoint: ScriptedEndpoint, *, timeout_s: float = 60.0, retries: int = 0) -> ChatEngine:
    return ChatEngine(
        ChatEndpoint(base_url=endpoint.base_url, model="scripted", timeout_s=timeout_s, retries=retries),
        ExtractiveEngine(None),
    )


@pytest.fixture(params=["extractive", "scripted model"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "extractive":
        yield ExtractiveEngine(None)
        return
    with scripted_endpoint(Scene(says=GOOD)) as endpoint:
        yield chat(endpoint)


async def test_an_engine_answers_with_a_cited_fact(engine: Engine, ask: Callable[[Engine], Any]) -> None:
    envelope = await ask(engine)
    assert envelope.engine == ("extractive" if isinstance(engine, ExtractiveEngine) else "llm:scripted")
    assert not envelope.notes
    assert "13天" in envelope.suggestions[0].what
    assert envelope.suggestions[0].claims[0].citations[0].source_id == "case:C-0007:result"


async def test_the_envelope_names_the_model_that_wrote_it(ask: Callable[[Engine], Any], store: Store) -> None:
    with scripted_endpoint(Scene(says=GOOD)) as endpoint:
        envelope = await ask(chat(endpoint))
    async with store.read("default") as work:
        decision = await work.decisions.get(envelope.decision_id)
    assert envelope.engine == "llm:scripted"
    assert decision.prompt.name == "ask"
    assert decision.context["usage"]["tokens_in"] == 100


@pytest.mark.parametrize(
    "scene",
    [
        Scene(status=429),
        Scene(status=500),
        Scene(status=401),
        Scene(says="对不起，我不能这样做。"),
        Scene(says='{"answer": 42}'),
        Scene(says='{"abstain": false, "sugg'),
        Scene(says=GOOD, cut_after=20),
        Scene(says="", refuses=True),
    ],
    ids=["429", "500", "401", "prose", "other json", "half json", "cut stream", "refusal"],
)
async def test_a_failing_model_is_replaced_and_the_envelope_says_so(scene: Scene, ask: Callable[[Engine], Any]) -> None:
    with scripted_endpoint(scene) as endpoint:
        envelope = await ask(chat(endpoint))
    assert envelope.engine == "extractive"
    assert "13天" in envelope.suggestions[0].what
    assert any("大模型" in note for note in envelope.notes)


async def test_a_silent_model_is_left_within_the_budget(ask: Callable[[Engine], Any]) -> None:
    with scripted_endpoint(Scene(silent=True)) as endpoint:
        envelope = await ask(chat(endpoint, timeout_s=0.3))
    assert envelope.engine == "extractive"


async def test_an_endpoint_that_is_down_is_replaced(ask: Callable[[Engine], Any]) -> None:
    gone = ChatEndpoint(base_url="http://127.0.0.1:9/v1", model="gone", timeout_s=3.0, retries=0)
    envelope = await ask(ChatEngine(gone, ExtractiveEngine(None)))
    assert envelope.engine == "extractive"


async def test_a_busy_model_is_asked_again(ask: Callable[[Engine], Any]) -> None:
    with scripted_endpoint(Scene(status=429), Scene(says=GOOD)) as endpoint:
        envelope = await ask(chat(endpoint, retries=1))
    assert envelope.engine == "llm:scripted"
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize(
    ("text", "quoting"),
    [
        ("11台老设备用了31天全部接完。", "13天"),
        ("云舟科技的设备用了13天全部接完。", "13天"),
        ("11台老设备没有用13天全部接完。", "13天"),
        ("公司的年会定在下个月。", "13天"),
    ],
    ids=["number", "name", "negation", "unrelated"],
)
async def test_a_models_invention_is_withheld_and_recorded(
    text: str, quoting: str, ask: Callable[[Engine], Any]
) -> None:
    with scripted_endpoint(Scene(says=answers_with(text, quoting))) as endpoint:
        envelope = await ask(chat(endpoint))
    assert envelope.engine == "extractive"
    assert text not in [claim.text for one in envelope.suggestions for claim in one.claims]
    assert "13天" in envelope.suggestions[0].what
    assert [one.text for one in envelope.dropped] == [text]
    assert any("没有通过来源核对，这次由抽取引擎" in note for note in envelope.notes)


async def test_a_made_up_citation_is_withheld(ask: Callable[[Engine], Any]) -> None:
    made_up = {
        "suggestions": [{"tactic": "回答", "sentences": [{"text": "11台老设备用了13天。", "sources": ["S999"]}]}]
    }
    with scripted_endpoint(Scene(says=json.dumps(made_up, ensure_ascii=False))) as endpoint:
        envelope = await ask(chat(endpoint))
    assert envelope.abstained


async def test_a_fenced_answer_with_words_around_it_is_read(ask: Callable[[Engine], Any]) -> None:
    with scripted_endpoint(Scene(says=lambda body: f"好的：\n```json\n{GOOD(body)}\n```")) as endpoint:
        envelope = await ask(chat(endpoint))
    assert envelope.engine == "llm:scripted"


async def test_an_endpoint_that_refuses_the_schema_is_asked_without_it(ask: Callable[[Engine], Any]) -> None:
    with scripted_endpoint(Scene(status=400), Scene(says=GOOD)) as endpoint:
        envelope = await ask(chat(endpoint))
    assert envelope.engine == "llm:scripted"
    assert ["response_format" in body for body in endpoint.requests] == [True, False]


class Noticing:
    """Finds the same three things in every conversation."""

    def detect(self, transcript: Transcript, *, lexicon: object = ()) -> tuple[Signal, ...]:
        turn = transcript.turns[-1]
        return tuple(
            Signal(
                id=f"s-{label}", kind=kind, label=label, score=0.9, turn_id=turn.id, start=0, end=1,
                quote=turn.text[:1], extractor="scripted", version="1",
            )
            for kind, label in (
                (SignalKind.INTENT, "压价"), (SignalKind.EMOTION, "负面"), (SignalKind.COMPETITOR, "云舟科技"),
            )
        )  # fmt: skip


async def test_all_that_was_noticed_reaches_the_drafter(store: Store, sample_cases: list[WarCase]) -> None:
    talk = Transcript(id="c-1", turns=(Turn(id="t1", speaker="customer", text="云舟科技便宜多了，太贵了。"),))
    with scripted_endpoint(Scene(says=GOOD)) as endpoint:
        coach = Coach(store, SearchInMemory(sample_cases), detector=Noticing(), engine=chat(endpoint))  # type: ignore[arg-type]  # a fake
        await coach.reply("default", "太贵了。", conversation=talk, deal=Deal(stage="方案谈判", industry="医疗"))
    shown = endpoint.requests[0]["messages"][-1]["content"]
    assert all(word in shown for word in ("方案谈判", "医疗", "压价", "负面", "云舟科技"))
