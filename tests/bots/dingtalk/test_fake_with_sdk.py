"""The fake is only worth something if the platform's own SDK takes it for the platform."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from bots.testing.clock import LeapingClock
from bots.testing.dingtalk import FakeDingtalk, standing
from tests.bots.dingtalk.sdk import Listener, listening, new_client, point_at, stream


@pytest.fixture
def clock() -> LeapingClock:
    return LeapingClock()


@pytest.fixture
def fake(clock: LeapingClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDingtalk]:
    with standing(FakeDingtalk(clock)) as fake:
        point_at(fake, monkeypatch)
        yield fake


def incoming(fake: FakeDingtalk, **changed: Any) -> Any:
    return stream.ChatbotMessage.from_dict(fake.message(**changed))


async def answered(fake: FakeDingtalk, frame_id: str, times: int = 1) -> None:
    await fake.until(lambda: len(fake.frames[frame_id].answers) >= times)


async def test_the_sdk_registers_connects_hears_and_answers(fake: FakeDingtalk) -> None:
    listener = Listener()
    with listening(listener):
        await fake.until(lambda: bool(fake.lines))
        frame = await fake.say("怎么回")
        await answered(fake, frame)
    assert listener.heard == ["怎么回"]
    assert fake.opened[0]["subscriptions"] == [{"type": "CALLBACK", "topic": "/v1.0/im/bot/messages/get"}]
    answer = fake.frames[frame].answers[0]
    assert (answer["code"], answer["headers"]) == (200, {"contentType": "application/json", "messageId": frame})
    assert json.loads(answer["data"]) == {"response": "OK"}


async def test_the_sdk_echoes_a_ping(fake: FakeDingtalk) -> None:
    with listening(Listener()):
        await fake.until(lambda: bool(fake.lines))
        await fake.place.run(fake.ping("abc"))
        await answered(fake, "ping-abc")
    assert json.loads(fake.frames["ping-abc"].answers[0]["data"]) == {"opaque": "abc"}


async def test_the_sdk_comes_back_with_a_new_ticket_when_asked_to_leave(fake: FakeDingtalk) -> None:
    listener = Listener()
    with listening(listener):
        await fake.until(lambda: bool(fake.lines))
        await fake.place.run(fake.ask_to_leave())
        await fake.until(lambda: len(fake.opened) == 2 and bool(fake.lines))
        await answered(fake, await fake.say("还在吗"))
    assert listener.heard == ["还在吗"]


async def test_what_the_sdk_did_not_answer_comes_again_after_a_minute(fake: FakeDingtalk, clock: LeapingClock) -> None:
    listener = Listener(failures=1)
    with listening(listener):
        await fake.until(lambda: bool(fake.lines))
        frame = await fake.say("怎么回")
        await heard(listener, 1)
        assert await fake.place.run(fake.redeliver()) == 0
        clock.skip(61)
        assert await fake.place.run(fake.redeliver()) == 1
        await answered(fake, frame)
    assert listener.heard == ["怎么回", "怎么回"]


async def test_a_wrong_secret_gets_the_sdk_nowhere(fake: FakeDingtalk) -> None:
    assert await asyncio.to_thread(new_client("wrong").open_connection) is None
    assert await asyncio.to_thread(new_client("wrong").get_access_token) is None


async def test_the_sdk_writes_a_card_to_its_end(fake: FakeDingtalk) -> None:
    replier = stream.AICardReplier(new_client(), incoming(fake))
    track = await asyncio.to_thread(replier.start, "tpl.schema", {"content": ""})
    card = fake.cards[track]
    assert card.is_spinning
    await asyncio.to_thread(replier.streaming, track, "content", "第一段", False, False, False)
    await asyncio.to_thread(replier.streaming, track, "content", "第一段第二段", False, True, False)
    await asyncio.to_thread(replier.finish, track, {"content": "第一段第二段"})
    assert [text for _, text in card.updates] == ["第一段", "第一段第二段"]
    assert card.space == "dtv1.card//IM_ROBOT.user123"
    assert card.variables == {"content": "第一段第二段", "flowStatus": "3"}
    assert not card.is_spinning


async def test_the_sdk_may_not_write_on_a_card_that_is_final(fake: FakeDingtalk) -> None:
    replier = stream.AICardReplier(new_client(), incoming(fake))
    track = await asyncio.to_thread(replier.start, "tpl.schema", {"content": ""})
    await asyncio.to_thread(replier.streaming, track, "content", "完", False, True, False)
    await asyncio.to_thread(replier.streaming, track, "content", "又来", False, False, False)
    assert fake.cards[track].variables["content"] == "完"


async def test_the_sdk_may_not_give_a_card_anything_but_text(fake: FakeDingtalk) -> None:
    replier = stream.AICardReplier(new_client(), incoming(fake))
    assert await asyncio.to_thread(replier.start, "tpl.schema", {"content": 1}) == ""
    assert fake.cards == {}


async def test_the_sdk_places_a_card_in_a_group(fake: FakeDingtalk) -> None:
    replier = stream.AICardReplier(new_client(), incoming(fake, conversationType="2"))
    track = await asyncio.to_thread(replier.start, "tpl.schema", {"content": ""})
    assert fake.cards[track].space == "dtv1.card//IM_GROUP.cidX=="


async def test_the_sdk_answers_by_the_session_while_it_lives(fake: FakeDingtalk, clock: LeapingClock) -> None:
    handler, message = stream.ChatbotHandler(), incoming(fake)
    assert (await asyncio.to_thread(handler.reply_markdown, "教练", "**好**", message))["errcode"] == 0
    assert (await asyncio.to_thread(handler.reply_text, "好", message))["errcode"] == 0
    long = "客" * 7000
    assert (await asyncio.to_thread(handler.reply_text, long, message))["errcode"] == 460101
    clock.skip(5401)
    assert (await asyncio.to_thread(handler.reply_text, "好", message))["errcode"] == 300001
    assert [shown.text for shown in fake.shown] == ["**好**", "好"]


async def test_calls_that_come_too_fast_are_refused_as_the_platform_does_it(fake: FakeDingtalk) -> None:
    fake.qps = 2
    client = new_client()
    token = await asyncio.to_thread(client.get_access_token)
    statuses = [await asyncio.to_thread(_put_nothing, fake, token) for _ in range(3)]
    assert [status for status, _ in statuses] == [400, 400, 403]
    assert statuses[2][1] == "Forbidden.AccessDenied.QpsLimitForApi"


def _put_nothing(fake: FakeDingtalk, token: str) -> tuple[int, str]:
    answer = requests.put(
        f"{fake.place.http}/v1.0/card/streaming", headers={"x-acs-dingtalk-access-token": token}, json={}, timeout=5
    )
    return answer.status_code, answer.json()["code"]


async def test_a_ticket_lets_in_once_and_for_ninety_seconds(fake: FakeDingtalk, clock: LeapingClock) -> None:
    client = new_client()
    client.register_callback_handler(stream.ChatbotMessage.TOPIC, Listener())
    first = (await asyncio.to_thread(client.open_connection))["ticket"]
    assert (fake.admit(first), fake.admit(first)) == (True, False)
    late = (await asyncio.to_thread(client.open_connection))["ticket"]
    clock.skip(91)
    assert not fake.admit(late)


async def heard(listener: Listener, count: int) -> None:
    """Wait for the SDK's thread; it tells nobody when it has heard something."""
    async with asyncio.timeout(20):
        while len(listener.heard) < count:
            await asyncio.sleep(0.005)
