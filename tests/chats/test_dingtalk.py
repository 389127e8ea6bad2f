"""A rep's words through DingTalk and back: Stream connection, inbox, worker, coach, courier, card."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from agent.chat import CoachChat
from agent.coach import Coach
from bots.dingtalk.config import DingtalkConfig
from bots.dingtalk.stream import DingtalkStream
from bots.testing.dingtalk import CARD_TOPIC, SECRET, FakeCard, FakeDingtalk, standing
from bots.testing.dingtalk_chat import converse
from bots.testing.dingtalk_messages import press
from domain.cases import WarCase
from domain.suggestions import AI_LABEL, Decision, FeedbackAction
from retrieval.testing import SearchInMemory
from store.answer_queue import AnswerQueue
from store.calls import CallFilter, CallStatus
from store.chat_people import Binding
from store.work import Store
from tests.bots.dingtalk.flood import FastClock
from tests.chats.conftest import KEY, answerer_of
from zhanqing.chats.answering import tell_chat_failure
from zhanqing.chats.couriers import Courier
from zhanqing.chats.intake import Intake
from zhanqing.worker.runs import Backoff, JobRunner

OBJECTION = "客户说老设备没有网口、联不上网怎么办，咋回"


@dataclass
class Chat:
    """A rep's chat in DingTalk."""

    fake: FakeDingtalk
    store: Store

    async def feedback(self) -> list[tuple[FeedbackAction, str | None]]:
        async with self.store.read("default") as work:
            decisions = [await work.decisions.get(one.decision_id) for one in await work.decisions.page(limit=50)]
        found = [one for one in decisions if isinstance(one, Decision)]
        return [(given.action, given.suggestion_id) for one in found for given in one.feedback]


@pytest.fixture
def fake() -> Iterator[FakeDingtalk]:
    with standing(FakeDingtalk(FastClock(5.0))) as fake:
        yield fake


@asynccontextmanager
async def chatting(fake: FakeDingtalk, store: Store, cases: list[WarCase], **changed: Any) -> AsyncIterator[Chat]:
    async with store.begin("default") as work:
        await work.chat_people.put(Binding(platform="dingtalk", user_id="user123", rep_id="r1"))
    config = DingtalkConfig(client_id="app-1", client_secret=SECRET, api_base=fake.place.http, **changed)
    platform = DingtalkStream(config, fake.clock)
    talk = CoachChat(Coach(store, SearchInMemory(cases)), InMemorySaver())

    async def ready() -> CoachChat:
        return talk

    runner = JobRunner(
        store,
        {"answer_message": answerer_of(store, ready, platform, cases).handler()},
        owner="test",
        on_failure=tell_chat_failure,
        backoff=Backoff(first_s=0.0, longest_s=0.0),
    )
    courier = Courier(store, AnswerQueue(store, KEY), platform)

    async def work_on() -> None:
        while True:
            is_begun = bool(fake.cards) or not config.card_template_id
            if not (await courier.show_next() or (is_begun and await runner.run_next())):
                await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(platform.run(Intake(store, "default").keep)), asyncio.create_task(work_on())]
    await fake.until(lambda: bool(fake.lines))
    yield Chat(fake, store)
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await platform.close()


async def finished_card(fake: FakeDingtalk) -> FakeCard:
    await fake.until(lambda: bool(fake.cards) and not any(card.is_spinning for card in fake.cards.values()))
    (card,) = [card for card in fake.cards.values() if card.space]
    return card


async def test_an_objection_is_answered_on_a_card_with_its_sources(
    fake: FakeDingtalk, chat_store: Store, sample_cases: list[WarCase]
) -> None:
    async with chatting(fake, chat_store, sample_cases, card_template_id="tpl.schema"):
        await fake.say(OBJECTION)
        await fake.until(lambda: any("来源" in card.variables["content"] for card in fake.cards.values()))
        card = await finished_card(fake)
    content = card.variables["content"]
    assert content.index("可以这样回") < content.index("**来源**") < content.index(AI_LABEL)
    assert "采纳 1" in content
    assert card.variables["flowStatus"] == "3"
    assert fake.shown == []
    assert fake.wrong == []


async def test_a_press_on_the_card_goes_on_record_and_takes_the_buttons_away(
    fake: FakeDingtalk, chat_store: Store, sample_cases: list[WarCase]
) -> None:
    async with chatting(
        fake, chat_store, sample_cases, card_template_id="tpl.schema", card_buttons_key="buttons"
    ) as chat:
        await fake.say(OBJECTION)
        await fake.until(lambda: any("来源" in card.variables["content"] for card in fake.cards.values()))
        card = await finished_card(fake)
        key = json.loads(card.variables["buttons"])[0]["key"]
        (track,) = fake.cards
        for _ in range(2):  # somebody presses twice
            await fake.place.run(fake.push(CARD_TOPIC, press(key, outTrackId=track)))
        await fake.until(lambda: "disabled" in card.variables["buttons"])
        await fake.until(lambda: not fake.waiting)
        assert await chat.feedback() == [(FeedbackAction.ACCEPT, "s1")]
    assert json.loads(card.variables["buttons"])[0]["text"].startswith("已采纳")
    assert len(fake.cards) == 1
    assert "可以这样回" in card.variables["content"]


async def test_without_a_template_words_are_enough(
    fake: FakeDingtalk, chat_store: Store, sample_cases: list[WarCase]
) -> None:
    async with chatting(fake, chat_store, sample_cases) as chat:
        await fake.say(OBJECTION)
        await fake.until(lambda: len(fake.shown) == 1)
        await fake.say("采纳 1")
        await fake.until(lambda: len(fake.shown) == 2)
        assert await chat.feedback() == [(FeedbackAction.ACCEPT, "s1")]
    assert "**来源**" in fake.shown[0].text
    assert "采纳第 1 条" in fake.shown[1].text


async def test_somebody_who_is_not_bound_gets_the_way_to_be_bound(
    fake: FakeDingtalk, chat_store: Store, sample_cases: list[WarCase]
) -> None:
    async with chatting(fake, chat_store, sample_cases):
        await fake.say(OBJECTION, senderStaffId="stranger")
        await fake.until(lambda: len(fake.shown) == 1)
    assert "绑定码" in fake.shown[0].text
    assert "来源" not in fake.shown[0].text


@pytest.mark.parametrize(("word", "status"), [("已同意", CallStatus.QUEUED), ("没有，删掉", CallStatus.ERASED)])
async def test_a_recording_is_heard_or_deleted_on_a_word_where_there_are_no_buttons(
    fake: FakeDingtalk, chat_store: Store, sample_cases: list[WarCase], word: str, status: CallStatus
) -> None:
    fake.files["code-1"] = b"OggS" + bytes(400)
    async with chatting(fake, chat_store, sample_cases) as chat:
        content = {"fileName": "通话.ogg", "downloadCode": "code-1"}
        await fake.say(msgtype="file", text=None, content=content)
        await fake.until(lambda: len(fake.shown) == 1)
        await fake.say(word)
        await fake.until(lambda: len(fake.shown) == 2)
        async with chat.store.read("default") as work:
            (call,) = await work.calls.page(CallFilter(), limit=5)
    assert "通话.ogg" in fake.shown[0].text
    assert "「客户已同意」「没有，删掉」" in fake.shown[0].text
    assert call.status is status


async def test_a_terminal_can_stand_in_for_the_app(
    fake: FakeDingtalk, chat_store: Store, sample_cases: list[WarCase]
) -> None:
    async def typed() -> AsyncIterator[str]:
        for line in ("帮助", "待办"):
            yield line

    seen: list[str] = []
    async with chatting(fake, chat_store, sample_cases):
        await converse(fake, typed(), seen.append)
    assert len(seen) == 2
    assert "直接发客户的原话" in seen[0]
