from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from bots.dingtalk.api import DingtalkApi
from bots.dingtalk.callback import DingtalkCallback
from bots.dingtalk.config import DingtalkConfig
from bots.dingtalk.stream import DingtalkStream
from bots.errors import RefusedError
from bots.inbound import InboundKind, InboundMessage
from bots.platform import CallbackPlatform, ConnectedPlatform
from bots.testing.clock import ManualClock
from bots.testing.dingtalk import CARD_TOPIC, SECRET, FakeDingtalk, standing
from bots.testing.dingtalk_messages import press


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def fake(clock: ManualClock) -> Iterator[FakeDingtalk]:
    with standing(FakeDingtalk(clock)) as fake:
        yield fake


def config(fake: FakeDingtalk, **changed: Any) -> DingtalkConfig:
    here = {"api_base": fake.place.http, "oapi_base": fake.place.http}
    return DingtalkConfig(**{"client_id": "app-1", "client_secret": SECRET, **here, **changed})


class Inbox:
    """Keeps messages; can be slow and can fail."""

    def __init__(self) -> None:
        self.kept: list[InboundMessage] = []
        self.open = asyncio.Event()
        self.open.set()
        self.failures = 0

    async def keep(self, message: InboundMessage) -> None:
        await self.open.wait()
        if self.failures:
            self.failures -= 1
            raise OSError("the store is away")
        self.kept.append(message)

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.kept]


@asynccontextmanager
async def running(fake: FakeDingtalk, clock: ManualClock, inbox: Inbox, **changed: Any) -> AsyncIterator[None]:
    stream = DingtalkStream(config(fake, **changed), clock)
    task = asyncio.create_task(stream.run(inbox.keep))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await stream.close()


async def joined(fake: FakeDingtalk, count: int = 1) -> None:
    await fake.until(lambda: len(fake.lines) == count)


async def answered(fake: FakeDingtalk, *frames: str) -> None:
    await fake.until(lambda: all(fake.frames[frame].answers for frame in frames))


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.002)


async def test_a_message_is_kept_and_answered_as_the_platform_wants_it(fake: FakeDingtalk, clock: ManualClock) -> None:
    inbox = Inbox()
    async with running(fake, clock, inbox):
        await joined(fake)
        frame = await fake.say("怎么回")
        await answered(fake, frame)
    assert inbox.texts == ["怎么回"]
    assert fake.frames[frame].answers == [
        {
            "code": 200,
            "headers": {"contentType": "application/json", "messageId": frame},
            "message": "OK",
            "data": '{"response":null}',
        }
    ]
    assert fake.opened[0]["subscriptions"] == [{"type": "CALLBACK", "topic": "/v1.0/im/bot/messages/get"}]


async def test_nothing_is_answered_before_it_is_kept_and_a_ping_does_not_wait(
    fake: FakeDingtalk, clock: ManualClock
) -> None:
    inbox = Inbox()
    inbox.open.clear()
    async with running(fake, clock, inbox):
        await joined(fake)
        frame = await fake.say("怎么回")
        await fake.place.run(fake.ping("abc"))
        await answered(fake, "ping-abc")
        assert fake.frames[frame].answers == []
        inbox.open.set()
        await answered(fake, frame)
    echo = fake.frames["ping-abc"].answers[0]
    assert (echo["code"], echo["headers"]["messageId"], json.loads(echo["data"])) == (
        200,
        "ping-abc",
        {"opaque": "abc"},
    )


async def test_what_could_not_be_kept_is_not_answered_and_comes_again(fake: FakeDingtalk, clock: ManualClock) -> None:
    inbox = Inbox()
    inbox.failures = 1
    async with running(fake, clock, inbox):
        await joined(fake)
        lost, kept = await fake.say("一"), await fake.say("二")
        await answered(fake, kept)
        assert fake.frames[lost].answers == []
        for _ in range(3):  # the platform speaks now and then, so the line is not dead
            await clock.advance(25)
            await fake.place.run(fake.ping("alive"))
            await answered(fake, "ping-alive")
        assert await fake.place.run(fake.redeliver()) == 1
        await answered(fake, lost)
    assert inbox.texts == ["二", "一"]


async def test_messages_are_kept_in_the_order_in_which_they_came(fake: FakeDingtalk, clock: ManualClock) -> None:
    inbox = Inbox()
    async with running(fake, clock, inbox):
        await joined(fake)
        frames = [await fake.say(f"第{number}句") for number in range(30)]
        await answered(fake, *frames)
    assert inbox.texts == [f"第{number}句" for number in range(30)]


async def test_one_conversation_does_not_wait_for_another(fake: FakeDingtalk, clock: ManualClock) -> None:
    inbox = Inbox()
    inbox.open.clear()

    async def keep(message: InboundMessage) -> None:
        if message.text == "快":
            inbox.kept.append(message)
        else:
            await inbox.keep(message)

    stream = DingtalkStream(config(fake), clock)
    task = asyncio.create_task(stream.run(keep))
    await joined(fake)
    slow = [await fake.say("慢", conversationId="a") for _ in range(2)]
    quick = await fake.say("快", conversationId="b")
    await answered(fake, quick)
    assert [fake.frames[frame].answers for frame in slow] == [[], []]
    inbox.open.set()
    await answered(fake, *slow)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await stream.close()
    assert inbox.texts == ["快", "慢", "慢"]


async def test_a_redelivery_brings_a_key_that_is_known(fake: FakeDingtalk, clock: ManualClock) -> None:
    inbox = Inbox()
    async with running(fake, clock, inbox):
        await joined(fake)
        await answered(fake, await fake.say("一", message_id="f1", msgId="m1"))
        await answered(fake, await fake.say("一", message_id="f2", msgId="m1"))
        await fake.say("一", message_id="f1", msgId="m2")
        await fake.until(lambda: len(fake.frames["f1"].answers) == 2)
    keys = [set(message.dedupe_keys) for message in inbox.kept]
    assert keys[0] & keys[1]
    assert keys[0] & keys[2]


async def test_a_press_comes_as_a_click(fake: FakeDingtalk, clock: ManualClock) -> None:
    inbox = Inbox()
    async with running(fake, clock, inbox, card_template_id="tpl.schema"):
        await joined(fake)
        frame = await fake.place.run(fake.push(CARD_TOPIC, press("accept:dec_1:s1")))
        await answered(fake, frame)
    assert inbox.kept[0].kind is InboundKind.CLICK
    assert json.loads(fake.frames[frame].answers[0]["data"]) == {"response": {}}
    assert {"type": "CALLBACK", "topic": CARD_TOPIC} in fake.opened[0]["subscriptions"]


async def test_what_nobody_here_takes_is_answered_so(fake: FakeDingtalk, clock: ManualClock) -> None:
    async with running(fake, clock, Inbox()):
        await joined(fake)
        unknown = await fake.place.run(fake.push("/v1.0/graph/api/invoke", {}))
        event = await fake.place.run(fake.push("*", {}, kind="EVENT", eventId="e1"))
        await answered(fake, unknown, event)
    assert (fake.codes(unknown), fake.codes(event)) == ([404], [200])
    assert json.loads(fake.frames[event].answers[0]["data"])["status"] == "SUCCESS"


@pytest.mark.parametrize("raw", ["", "nonsense", "[]", "null", '{"type":"CALLBACK"}', '{"headers":{"messageId":1}}'])
async def test_a_frame_that_is_none_is_passed_over(fake: FakeDingtalk, clock: ManualClock, raw: str) -> None:
    inbox = Inbox()
    async with running(fake, clock, inbox):
        await joined(fake)
        await fake.place.run(fake.send_raw(raw))
        await answered(fake, await fake.say("还在"))
    assert inbox.texts == ["还在"]
    assert len(fake.opened) == 1


@pytest.mark.parametrize("data", ["", "{", "[]", "{}", '{"msgId":"m"}'])
async def test_a_message_that_cannot_be_read_is_answered_once_and_for_all(
    fake: FakeDingtalk, clock: ManualClock, data: str
) -> None:
    inbox = Inbox()
    async with running(fake, clock, inbox):
        await joined(fake)
        frame = await fake.place.run(fake.push("/v1.0/im/bot/messages/get", data))
        await answered(fake, frame)
    assert (fake.codes(frame), inbox.kept) == ([200], [])


async def test_asked_to_leave_it_connects_anew_first_and_still_answers_on_the_old_line(
    fake: FakeDingtalk, clock: ManualClock
) -> None:
    inbox = Inbox()
    inbox.open.clear()
    async with running(fake, clock, inbox):
        await joined(fake)
        old = fake.lines[0]
        frame = await fake.say("还没记下")
        await fake.place.run(fake.ask_to_leave())
        await joined(fake)
        assert fake.lines[0] is not old
        assert len(fake.opened) == 2
        await eventually(lambda: clock.sleepers == [10, 60])  # until the old line is dropped, and the new one dead
        inbox.open.set()
        await answered(fake, frame)
        await answered(fake, await fake.say("新线上"))
    assert inbox.texts == ["还没记下", "新线上"]


async def test_an_old_line_is_dropped_after_ten_seconds_whatever_is_left(
    fake: FakeDingtalk, clock: ManualClock
) -> None:
    inbox = Inbox()
    inbox.open.clear()
    async with running(fake, clock, inbox):
        await joined(fake)
        frame = await fake.say("记不下")
        await fake.place.run(fake.ask_to_leave())
        await joined(fake)
        await eventually(lambda: clock.sleepers == [10, 60])
        await clock.advance(10)
        inbox.open.set()
        await answered(fake, await fake.say("新线上"))
        assert fake.frames[frame].answers == []
        for _ in range(3):
            await clock.advance(20)
            await fake.place.run(fake.ping("alive"))
            await answered(fake, "ping-alive")
        await fake.place.run(fake.redeliver())
        await answered(fake, frame)
    assert inbox.texts == ["新线上", "记不下"]


def test_each_way_in_is_what_the_runtime_takes_it_for() -> None:
    one = DingtalkConfig(client_id="app-1", client_secret=SECRET)
    stream, callback = DingtalkStream(one, ManualClock()), DingtalkCallback(one, ManualClock())
    assert isinstance(stream, ConnectedPlatform)
    assert not isinstance(stream, CallbackPlatform)
    assert not stream.exclusive
    assert isinstance(callback, CallbackPlatform)
    assert not isinstance(callback, ConnectedPlatform)


async def test_sent_away_again_and_again_it_waits(fake: FakeDingtalk, clock: ManualClock) -> None:
    async with running(fake, clock, Inbox()):
        for opened in range(1, 4):
            await fake.until(lambda opened=opened: len(fake.opened) == opened and len(fake.lines) == 1)
            await fake.place.run(fake.ask_to_leave())
            if opened > 1:
                await eventually(lambda: bool(clock.sleepers) and clock.sleepers[0] <= 4)
                assert len(fake.opened) == opened
                await clock.advance(4)


async def test_a_frame_without_an_id_may_still_ask_to_leave(fake: FakeDingtalk, clock: ManualClock) -> None:
    async with running(fake, clock, Inbox()):
        await joined(fake)
        raw = '{"specVersion":"1.0","type":"SYSTEM","headers":{"topic":"disconnect"},"data":""}'
        await fake.place.run(fake.send_raw(raw))
        await fake.until(lambda: len(fake.opened) == 2)


async def test_a_minute_of_silence_is_a_dead_line(fake: FakeDingtalk, clock: ManualClock) -> None:
    inbox = Inbox()
    async with running(fake, clock, inbox):
        await eventually(lambda: clock.sleepers == [60])
        await clock.advance(59)
        assert len(fake.lines) == 1
        await clock.advance(1)
        await eventually(lambda: bool(clock.sleepers))
        await clock.advance(1)
        await fake.until(lambda: len(fake.opened) == 2 and len(fake.lines) == 1)
        await answered(fake, await fake.say("回来了"))
    assert inbox.texts == ["回来了"]


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1008, 1011, 1012, 4001])
async def test_after_every_close_code_it_comes_back(fake: FakeDingtalk, clock: ManualClock, code: int) -> None:
    inbox = Inbox()
    async with running(fake, clock, inbox):
        await joined(fake)
        await fake.place.run(fake.hang_up(code))
        await eventually(lambda: bool(clock.sleepers) and clock.sleepers[0] <= 1)
        await clock.advance(1)
        await joined(fake)
        await answered(fake, await fake.say("回来了"))
    assert inbox.texts == ["回来了"]


async def test_it_waits_longer_each_time_up_to_a_minute_and_starts_over_once_it_was_spoken_to(
    fake: FakeDingtalk, clock: ManualClock
) -> None:
    fake.fail("/v1.0/gateway/connections/open", 500, "InternalError", times=9)
    waits = []
    async with running(fake, clock, Inbox()):
        for _ in range(9):
            await eventually(lambda: bool(clock.sleepers))
            waits.append(clock.sleepers[0])
            await clock.advance(60)
        await joined(fake)
        await answered(fake, await fake.say("好了"))
        await fake.place.run(fake.hang_up())
        await eventually(lambda: bool(clock.sleepers) and clock.sleepers[0] <= 1)
    bounds = [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert all(bound / 2 <= wait <= bound for wait, bound in zip(waits, bounds, strict=True))
    assert len(set(waits[-3:])) == 3


async def test_a_wrong_secret_is_tried_five_times_and_no_more(fake: FakeDingtalk, clock: ManualClock) -> None:
    stream = DingtalkStream(config(fake, client_secret="wrong"), clock)
    task = asyncio.create_task(stream.run(Inbox().keep))
    while not task.done():
        await eventually(lambda: task.done() or bool(clock.sleepers))
        await clock.advance(60)
    with pytest.raises(RefusedError) as caught:
        await task
    await stream.close()
    assert caught.value.code == "bots.dingtalk_bad_credentials"
    assert len(fake.opened) == 5


async def test_a_refusal_now_and_then_is_not_for_good(fake: FakeDingtalk, clock: ManualClock) -> None:
    fake.fail("/v1.0/gateway/connections/open", 401, "InvalidCredentials", times=4)
    async with running(fake, clock, Inbox()):
        for _ in range(4):
            await eventually(lambda: bool(clock.sleepers))
            await clock.advance(60)
        await joined(fake)


async def test_each_message_reaches_one_of_several_connections(fake: FakeDingtalk, clock: ManualClock) -> None:
    first, second = Inbox(), Inbox()
    async with running(fake, clock, first), running(fake, clock, second):
        await joined(fake, 2)
        frames = [await fake.say(f"{number}") for number in range(20)]
        await answered(fake, *frames)
    assert sorted(first.texts + second.texts, key=int) == [f"{number}" for number in range(20)]
    assert first.kept
    assert second.kept


async def test_when_it_is_stopped_its_connections_are_gone(fake: FakeDingtalk, clock: ManualClock) -> None:
    async with running(fake, clock, Inbox()):
        await joined(fake)
    await joined(fake, 0)


async def test_the_log_holds_no_secret_no_ticket_and_no_words(fake: FakeDingtalk, clock: ManualClock) -> None:
    inbox = Inbox()
    inbox.failures = 1
    with capture_logs() as events:
        async with running(fake, clock, inbox):
            await joined(fake)
            await fake.say("客户的原话")
            await answered(fake, await fake.say("客户的第二句"))
            await fake.place.run(fake.hang_up())
            await eventually(lambda: bool(clock.sleepers) and clock.sleepers[0] <= 1)
    told = json.dumps([{key: str(value) for key, value in event.items()} for event in events], ensure_ascii=False)
    assert {"bot.connected", "bot.disconnected", "bot.message_not_kept"} <= {event["event"] for event in events}
    for secret in (SECRET, "ticket ", "sendBySession", "客户"):
        assert secret not in told


@pytest.mark.parametrize(
    "endpoint",
    [
        "ws://wss-open-connection.dingtalk.com/connect",
        "wss://evil.example/connect",
        "wss://dingtalk.com.evil.example/connect",
        "wss://dingtalk.com@evil.example/connect",
        "ws://127.0.0.1:1/connect",
        "https://api.dingtalk.com/connect",
    ],
)
async def test_it_connects_to_the_platforms_hosts_only_and_never_in_the_clear(
    endpoint: str, clock: ManualClock
) -> None:
    def open_connection(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"endpoint": endpoint, "ticket": "t"})

    real = DingtalkConfig(client_id="app-1", client_secret=SECRET)
    api = DingtalkApi(real, clock, transport=httpx.MockTransport(open_connection))
    with pytest.raises(RefusedError) as caught:
        await api.open_connection({})
    assert caught.value.code == "bots.dingtalk_foreign_host"
    await api.close()
