from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from bots.dingtalk.account import DingtalkAccount
from bots.dingtalk.api import DingtalkApi
from bots.dingtalk.callback import DingtalkCallback
from bots.dingtalk.config import DingtalkConfig
from bots.dingtalk.delivery import Delivery
from bots.dingtalk.messages import read_message
from bots.dingtalk.stream import DingtalkStream
from bots.errors import PartlyDeliveredError, RefusedError
from bots.inbound import Channel, Sender
from bots.outgoing import Button, Card, Outgoing, State
from bots.testing.clock import LeapingClock
from bots.testing.dingtalk import SECRET, FakeDingtalk, standing
from domain.errors import PlatformError

WEBHOOK, STREAMING, CARDS = "/robot/sendBySession", "/v1.0/card/streaming", "/v1.0/card/instances"
SEND = "/v1.0/robot/oToMessages/batchSend"
CARD = Card(
    task_id="dec_1",
    title="这条回答有用吗？",
    lines=("客户：华星 | 阶段：谈判",),
    buttons=(Button(text="采纳", key="accept:dec_1:s1"), Button(text="质疑", key="challenge:dec_1")),
)


@pytest.fixture
def clock() -> LeapingClock:
    return LeapingClock()


@pytest.fixture
def fake(clock: LeapingClock) -> Iterator[FakeDingtalk]:
    with standing(FakeDingtalk(clock)) as fake:
        yield fake


def config(fake: FakeDingtalk, **changed: Any) -> DingtalkConfig:
    here = {"api_base": fake.place.http, "oapi_base": fake.place.http}
    return DingtalkConfig(**{"client_id": "app-1", "client_secret": SECRET, **here, **changed})


@asynccontextmanager
async def account(fake: FakeDingtalk, *, http: bool = False, **changed: Any) -> AsyncIterator[DingtalkAccount]:
    kind = DingtalkCallback if http else DingtalkStream
    one: DingtalkAccount = kind(config(fake, **changed), fake.clock)
    try:
        yield one
    finally:
        await one.close()


def answer(fake: FakeDingtalk, text: str = "", state: State = State.FINISHED, **changed: Any) -> Outgoing:
    """An answer to a message that the fake has just made."""
    incoming = {key: changed.pop(key) for key in ("conversationType", "senderStaffId") if key in changed}
    message = read_message(fake.message(**incoming), channel=Channel.DINGTALK_STREAM, account_id="app-1")
    return Outgoing(
        **{
            "answer_id": "a-1",
            "to": message.sender,
            "text": text,
            "state": state,
            "asked_at": message.sent_at,
            "reply_to": message.reply_to,
            **changed,
        }
    )


def going_on(before: Outgoing, notes: Mapping[str, str], text: str, state: State, **changed: Any) -> Outgoing:
    kept = {name: getattr(before, name) for name in ("answer_id", "to", "asked_at", "reply_to", "card")}
    return Outgoing(**{**kept, "text": text, "state": state, "notes": notes, **changed})


def paths(fake: FakeDingtalk) -> list[str]:
    return [path for path, _ in fake.calls]


# -- messages --


async def test_without_a_template_nothing_is_shown_before_the_end(fake: FakeDingtalk) -> None:
    async with account(fake) as one:
        first = answer(fake, "第一句。", State.WRITING)
        notes = await one.deliver(first)
        assert fake.shown == []
        await one.deliver(going_on(first, notes, "第一句。第二句。", State.FINISHED))
    assert [(shown.way, shown.title, shown.text) for shown in fake.shown] == [("webhook", "战情", "第一句。第二句。")]


async def test_after_the_session_has_expired_the_open_api_answers(fake: FakeDingtalk, clock: LeapingClock) -> None:
    async with account(fake) as one:
        outgoing = answer(fake, "好")
        clock.skip(5400)
        await one.deliver(outgoing)
    assert [(shown.way, shown.to) for shown in fake.shown] == [("person", "user123")]
    assert f"POST {WEBHOOK}" not in paths(fake)


async def test_no_log_holds_the_session_a_token_or_the_words(
    fake: FakeDingtalk, clock: LeapingClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with capture_logs() as events:
        async with account(fake) as one:
            fake.fail(WEBHOOK, 200, "")
            fake.faults[WEBHOOK][0].body["errcode"] = 300001  # type: ignore[index]
            await one.deliver(answer(fake, "客户的原话"))
            await one.deliver(answer(fake, "客户的原话", answer_id="a-2"))
    told = "\n".join([*map(str, events), *(record.getMessage() for record in caplog.records)])
    assert [shown.way for shown in fake.shown] == ["person", "webhook"]
    assert "127.0.0.1" in told
    assert not [word for word in ("session=", "sendBySession", "token-", SECRET, "客户") if word in told]


async def test_a_session_that_the_platform_ended_early_is_followed_by_the_open_api(fake: FakeDingtalk) -> None:
    async with account(fake) as one:
        outgoing = answer(fake, "好")
        fake.sessions.clear()
        await one.deliver(outgoing)
    assert [shown.way for shown in fake.shown] == ["person"]


async def test_a_group_is_answered_with_a_mention_of_who_asked(fake: FakeDingtalk, clock: LeapingClock) -> None:
    async with account(fake) as one:
        await one.deliver(answer(fake, "好", conversationType="2"))
        outgoing = answer(fake, "好", conversationType="2")
        clock.skip(5400)
        await one.deliver(outgoing)
    by_session = next(body for path, body in fake.calls if path == f"POST {WEBHOOK}")
    assert by_session["at"] == {"atUserIds": ["user123"], "isAtAll": False}
    assert "@user123" in by_session["markdown"]["text"]
    assert [(shown.way, shown.to) for shown in fake.shown][1] == ("group", "cidX==")


async def test_a_push_goes_to_the_person(fake: FakeDingtalk) -> None:
    to = Sender(user_id="user123", conversation_id="user123")
    push = Outgoing(answer_id="p-1", to=to, text="报告好了", state=State.FINISHED, asked_at=0)
    async with account(fake, card_template_id="tpl.schema") as one:
        await one.deliver(push)
    assert [(shown.way, shown.text) for shown in fake.shown] == [("person", "报告好了")]
    assert fake.cards == {}


async def test_somebody_whom_the_platform_does_not_know_is_refused(fake: FakeDingtalk) -> None:
    to = Sender(user_id="nobody", conversation_id="nobody")
    async with account(fake) as one:
        with pytest.raises(RefusedError) as caught:
            await one.deliver(Outgoing(answer_id="p-1", to=to, text="好", state=State.FINISHED, asked_at=0))
    assert caught.value.code == "bots.dingtalk_unknown_user"


async def test_somebody_from_outside_is_answered_in_the_session_only(fake: FakeDingtalk, clock: LeapingClock) -> None:
    async with account(fake, card_template_id="tpl.schema") as one:
        await one.deliver(answer(fake, "好", senderStaffId=""))
        late = answer(fake, "晚了", senderStaffId="")
        clock.skip(5400)
        with pytest.raises(RefusedError) as caught:
            await one.deliver(late)
    assert caught.value.code == "bots.dingtalk_no_way_back"
    assert [shown.text for shown in fake.shown] == ["好"]


LONG = "".join(f"第{number}段：客户说价格太高了，我们可以先谈价值。\n\n" for number in range(400))


async def test_a_long_answer_is_cut_within_the_limits_and_loses_nothing(fake: FakeDingtalk) -> None:
    async with account(fake) as one:
        await one.deliver(answer(fake, LONG))
    texts = [shown.text for shown in fake.shown]
    assert len(texts) >= 3
    assert all(len(text) <= 3500 and len(text.encode()) <= 18_000 for text in texts)
    heads = [f"({number}/{len(texts)})\n" for number in range(1, len(texts) + 1)]
    assert [text[: len(head)] for text, head in zip(texts, heads, strict=True)] == heads
    whole = "".join(text.removeprefix(head) for text, head in zip(texts, heads, strict=True))
    assert whole.split() == LONG.split()


@pytest.mark.parametrize("text", ['"' * 30_000, "\\" * 30_000, "\n\n".join(["👨‍👩‍👧"] * 5000), "\x01客" * 9000])
@pytest.mark.parametrize("late", [False, True])
async def test_no_body_is_larger_than_the_platform_takes(
    fake: FakeDingtalk, clock: LeapingClock, text: str, late: bool
) -> None:
    async with account(fake) as one:
        outgoing = answer(fake, text)
        clock.skip(5400 if late else 0)
        await one.deliver(outgoing)
    bodies = [body for path, body in fake.calls if path in (f"POST {WEBHOOK}", f"POST {SEND}")]
    assert max(len(json.dumps(body, ensure_ascii=False).encode()) for body in bodies) <= 20_000
    assert len(fake.shown) == len(bodies)


async def test_what_was_sent_is_not_sent_again(fake: FakeDingtalk) -> None:
    async with account(fake) as one:
        outgoing = answer(fake, LONG)
        first = await one.deliver(outgoing)
        count = len(fake.shown)
        await one.deliver(going_on(outgoing, first, LONG, State.FINISHED))
    assert len(fake.shown) == count


async def test_an_answer_that_broke_off_goes_on_where_it_stopped(fake: FakeDingtalk) -> None:
    async with account(fake) as one:
        outgoing = answer(fake, LONG)
        calls = 0

        async def third_fails(*_: object) -> None:
            nonlocal calls
            calls += 1
            if calls == 3:
                raise PlatformError("bots.dingtalk_down", status=500)
            await real(*_)  # type: ignore[arg-type]

        api = one._api
        real = api.post_webhook
        api.post_webhook = third_fails  # type: ignore[method-assign,assignment]
        with pytest.raises(PartlyDeliveredError) as caught:
            await one.deliver(outgoing)
        assert caught.value.notes == {"sent": "2"}
        await one.deliver(going_on(outgoing, caught.value.notes, LONG, State.FINISHED))
    heads = [shown.text.split("\n")[0] for shown in fake.shown]
    assert heads == [f"({number}/{len(heads)})" for number in range(1, len(heads) + 1)]


class Deaf(httpx.AsyncBaseTransport):
    """Does what is asked and loses the answer, as often as it is told to, for one path."""

    def __init__(self, path: str, times: int = 1) -> None:
        self._real = httpx.AsyncHTTPTransport()
        self._path, self._times = path, times

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answered = await self._real.handle_async_request(request)
        if request.url.path == self._path and self._times:
            self._times -= 1
            raise httpx.ReadTimeout("", request=request)
        return answered


@asynccontextmanager
async def half_deaf(fake: FakeDingtalk, path: str, **changed: Any) -> AsyncIterator[Delivery]:
    ours = config(fake, **changed)
    api = DingtalkApi(ours, fake.clock, transport=Deaf(path))
    try:
        yield Delivery(ours, api, fake.clock, hears_presses=True)
    finally:
        await api.close()


@pytest.mark.parametrize(("path", "late_s"), [(WEBHOOK, 0), (SEND, 5400)])
async def test_a_message_whose_answer_is_lost_is_not_said_twice(
    fake: FakeDingtalk, clock: LeapingClock, path: str, late_s: float
) -> None:
    async with half_deaf(fake, path) as delivery:
        outgoing = answer(fake, "好")
        clock.skip(late_s)
        notes = await delivery.deliver(outgoing)
        await delivery.deliver(going_on(outgoing, notes, "好", State.FINISHED))
    assert [shown.text for shown in fake.shown] == ["好"]


@pytest.mark.parametrize("path", [CARDS, f"{CARDS}/deliver", STREAMING])
async def test_a_card_call_whose_answer_is_lost_makes_no_second_card(fake: FakeDingtalk, path: str) -> None:
    async with half_deaf(fake, path, card_template_id="tpl.schema") as delivery:
        first = answer(fake, "一", State.WRITING)
        notes = await delivery.deliver(first)
        await delivery.deliver(going_on(first, notes, "一二", State.FINISHED))
    assert len(fake.cards) == 1
    card = next(iter(fake.cards.values()))
    assert [text for _, text in card.updates] == ["一", "一二"]
    assert not card.is_spinning
    assert fake.shown == []


async def test_fifty_answers_at_a_stale_token_fetch_one_new_one(fake: FakeDingtalk, clock: LeapingClock) -> None:
    to = Sender(user_id="user123", conversation_id="user123")
    pushes = [
        Outgoing(answer_id=f"p-{number}", to=to, text=f"{number}", state=State.FINISHED, asked_at=0)
        for number in range(51)
    ]
    async with account(fake, cards_per_s=1000) as one:
        await one.deliver(pushes[0])
        fake.expire_tokens()
        await asyncio.gather(*(one.deliver(push) for push in pushes[1:]))
    assert fake.token_count == 2
    assert sorted(int(shown.text) for shown in fake.shown) == list(range(51))


# -- cards --


@asynccontextmanager
async def with_cards(fake: FakeDingtalk, **changed: Any) -> AsyncIterator[DingtalkAccount]:
    async with account(fake, card_template_id="tpl.schema", **changed) as one:
        yield one


def the_card(fake: FakeDingtalk) -> Any:
    (card,) = fake.cards.values()
    return card


async def write(
    one: DingtalkAccount, before: Outgoing, texts: list[str], *, last: State = State.FINISHED
) -> Mapping[str, str]:
    notes = await one.deliver(before)
    for text in texts[:-1]:
        notes = await one.deliver(going_on(before, notes, text, State.WRITING))
    return await one.deliver(going_on(before, notes, texts[-1], last))


async def test_a_card_grows_with_the_answer_and_comes_to_its_end(fake: FakeDingtalk) -> None:
    async with with_cards(fake) as one:
        await write(one, answer(fake, state=State.THINKING), ["一。", "一。二。", "一。二。三。"])
    card = the_card(fake)
    assert [text for _, text in card.updates] == ["一。", "一。二。", "一。二。三。"]
    assert card.space == "dtv1.card//IM_ROBOT.user123"
    assert (card.is_final, card.is_error, card.variables["flowStatus"]) == (True, False, "3")
    assert fake.shown == []


async def test_in_a_group_the_card_is_the_groups(fake: FakeDingtalk) -> None:
    async with with_cards(fake) as one:
        await write(one, answer(fake, state=State.THINKING, conversationType="2"), ["一"])
    assert the_card(fake).space == "dtv1.card//IM_GROUP.cidX=="


async def test_updates_of_one_card_keep_their_distance(fake: FakeDingtalk) -> None:
    async with with_cards(fake) as one:
        await write(one, answer(fake, state=State.THINKING), [f"{'字' * number}" for number in range(1, 12)])
    hours = [at for at, _ in the_card(fake).updates]
    assert len(hours) == 11
    assert min(later - earlier for earlier, later in itertools.pairwise(hours)) >= 0.8 - 1e-6


async def test_all_cards_together_stay_below_the_rate_and_none_is_lost(fake: FakeDingtalk) -> None:
    fake.qps = 20
    async with with_cards(fake) as one:
        await asyncio.gather(
            *(
                write(one, answer(fake, state=State.THINKING, answer_id=f"a-{number}"), ["一", "一二"])
                for number in range(40)
            )
        )
    assert len(fake.cards) == 40
    assert not any(card.is_spinning for card in fake.cards.values())
    assert {card.variables["content"] for card in fake.cards.values()} == {"一二"}


async def test_told_that_it_is_too_fast_it_rests_two_seconds_and_says_the_same_again(
    fake: FakeDingtalk, clock: LeapingClock
) -> None:
    async with with_cards(fake) as one:
        first = answer(fake, "一", State.WRITING)
        notes = await one.deliver(first)
        fake.fail(STREAMING, 403, "Forbidden.AccessDenied.QpsLimitForApi", times=2)
        clock.slept.clear()
        await one.deliver(going_on(first, notes, "一二", State.FINISHED))
    guids = [body["guid"] for path, body in fake.calls if path == f"PUT {STREAMING}" and body["isFinalize"]]
    assert (len(guids), len(set(guids))) == (3, 1)
    assert [round(seconds, 3) for seconds in clock.slept].count(2.0) == 2
    assert not the_card(fake).is_spinning


@pytest.mark.parametrize("status", [403, 429])
async def test_an_update_on_the_way_that_is_too_much_is_left_to_the_next(fake: FakeDingtalk, status: int) -> None:
    async with with_cards(fake) as one:
        first = answer(fake, state=State.THINKING)
        notes = await one.deliver(first)
        fake.fail(STREAMING, status, "Forbidden.AccessDenied.QpsLimitForApi")
        notes = await one.deliver(going_on(first, notes, "一", State.WRITING))
        notes = await one.deliver(going_on(first, notes, "一二", State.WRITING))
        await one.deliver(going_on(first, notes, "一二三", State.FINISHED))
    assert [text for _, text in the_card(fake).updates] == ["一二", "一二三"]


async def test_an_answer_that_failed_ends_its_card_as_failed_with_the_reason(fake: FakeDingtalk) -> None:
    async with with_cards(fake) as one:
        await write(one, answer(fake, state=State.THINKING), ["一", "这次没查到，稍后再试"], last=State.FAILED)
    card = the_card(fake)
    assert (card.is_error, card.variables["flowStatus"], card.is_spinning) == (True, "5", False)
    assert card.variables["content"] == "这次没查到，稍后再试"


async def test_another_process_can_bring_a_card_to_its_end(fake: FakeDingtalk) -> None:
    first = answer(fake, "一", State.WRITING)
    async with with_cards(fake) as one:
        notes = await one.deliver(first)
    async with with_cards(fake) as another:
        await another.deliver(going_on(first, notes, "一二", State.FINISHED))
    assert len(fake.cards) == 1
    assert not the_card(fake).is_spinning


async def test_a_card_that_broke_off_at_its_end_is_ended_by_the_next_try(fake: FakeDingtalk) -> None:
    async with with_cards(fake) as one:
        first = answer(fake, "一", State.WRITING)
        notes = await one.deliver(first)
        fake.fail(CARDS, 500, "InternalError")
        last = going_on(first, notes, "一二", State.FINISHED)
        with pytest.raises(PartlyDeliveredError) as caught:
            await one.deliver(last)
        await one.deliver(going_on(first, caught.value.notes, "一二", State.FINISHED))
    assert [text for _, text in the_card(fake).updates] == ["一", "一二"]
    assert not the_card(fake).is_spinning


async def test_without_the_right_to_make_cards_the_answer_is_a_message(fake: FakeDingtalk) -> None:
    fake.permissions.discard("Card.Instance.Write")
    async with with_cards(fake) as one:
        await write(one, answer(fake, state=State.THINKING), ["一", "一二"])
    assert [shown.text for shown in fake.shown] == ["一二"]


async def test_without_the_right_to_stream_the_card_is_filled_at_its_end(fake: FakeDingtalk) -> None:
    fake.permissions.discard("Card.Streaming.Write")
    async with with_cards(fake) as one:
        await write(one, answer(fake, state=State.THINKING), ["一", "一二", "一二三"])
    assert the_card(fake).variables == {"content": "一二三", "flowStatus": "3"}
    assert fake.shown == []


async def test_what_a_card_cannot_hold_follows_as_messages(fake: FakeDingtalk) -> None:
    async with with_cards(fake) as one:
        await write(one, answer(fake, state=State.THINKING), [LONG[:9000], LONG])
    on_card = the_card(fake).variables["content"]
    texts = [on_card, *(shown.text for shown in fake.shown)]
    assert [text.split("\n")[0] for text in texts] == [f"({n}/{len(texts)})" for n in range(1, len(texts) + 1)]
    assert all(len(text) <= 3500 for text in texts)


async def test_a_message_that_fails_after_the_card_does_not_repeat_the_card(fake: FakeDingtalk) -> None:
    async with with_cards(fake) as one:
        first = answer(fake, state=State.THINKING)
        notes = await one.deliver(first)
        fake.fail(WEBHOOK, 500, "InternalError")
        with pytest.raises(PartlyDeliveredError) as caught:
            await one.deliver(going_on(first, notes, LONG, State.FINISHED))
        cards_calls = [path for path in paths(fake) if "card" in path]
        await one.deliver(going_on(first, caught.value.notes, LONG, State.FINISHED))
    assert [path for path in paths(fake) if "card" in path] == cards_calls
    assert fake.shown


# -- what a rep may answer --


async def test_without_buttons_the_words_to_answer_stand_beneath(fake: FakeDingtalk) -> None:
    async with account(fake) as one:
        await one.deliver(answer(fake, "可以先谈价值。", card=CARD))
    assert "回复我：「采纳 1」「质疑」" in fake.shown[0].text


async def test_words_that_the_card_says_itself_are_not_said_twice(fake: FakeDingtalk) -> None:
    told = Card(task_id="dec_1", title="t", lines=("发 采纳 1、质疑",), buttons=CARD.buttons)
    async with account(fake) as one:
        await one.deliver(answer(fake, "好", card=told))
    assert "回复我" not in fake.shown[0].text


async def test_in_a_group_they_say_that_the_robot_must_be_mentioned(fake: FakeDingtalk) -> None:
    async with account(fake) as one:
        await one.deliver(answer(fake, "好", card=CARD, conversationType="2"))
    assert "@我 并回复：「采纳 1」「质疑」" in fake.shown[0].text


async def test_a_template_with_buttons_gets_them_and_loses_them_after_a_press(fake: FakeDingtalk) -> None:
    async with with_cards(fake, card_buttons_key="buttons") as one:
        await write(one, answer(fake, state=State.THINKING, card=CARD), ["好"])
        card = the_card(fake)
        buttons = json.loads(card.variables["buttons"])
        assert [button["key"] for button in buttons] == ["accept:dec_1:s1", "challenge:dec_1"]
        assert "回复我" not in card.variables["content"]
        done = Card(task_id="dec_1", title="", done="已采纳")
        (track,) = fake.cards
        await one.deliver(answer(fake, card=done, replaces=True, answer_id="a-2", reply_to={"card": track}))
    assert json.loads(card.variables["buttons"]) == [{"text": "已采纳", "key": "", "disabled": True}]
    assert card.variables["content"].startswith("好")
    assert card.variables["flowStatus"] == "3"


async def test_over_http_no_press_would_come_back_so_the_words_are_shown(fake: FakeDingtalk) -> None:
    async with with_cards(fake, http=True, card_buttons_key="buttons") as one:
        await write(one, answer(fake, state=State.THINKING, card=CARD), ["好"])
    assert "buttons" not in the_card(fake).variables
    assert "回复我：「采纳 1」「质疑」" in the_card(fake).variables["content"]


async def test_what_else_is_said_after_a_press_follows_and_makes_no_card_of_its_own(fake: FakeDingtalk) -> None:
    async with with_cards(fake, card_buttons_key="buttons") as one:
        await write(one, answer(fake, state=State.THINKING, card=CARD), ["好"])
        (track,) = fake.cards
        done = Card(task_id="dec_1", title="已质疑", done="已质疑")
        to_press = {"card": track, "staff_id": "user123"}
        first = answer(fake, state=State.THINKING, answer_id="a-2", reply_to=to_press)
        notes = await one.deliver(first)
        last = going_on(first, notes, "理由如下。", State.FINISHED, card=done, replaces=True)
        await one.deliver(
            going_on(first, await one.deliver(last), "理由如下。", State.FINISHED, card=done, replaces=True)
        )
    assert len(fake.cards) == 1
    assert [(shown.way, shown.text) for shown in fake.shown] == [("person", "理由如下。")]


async def test_a_delivery_that_takes_too_long_is_left_to_the_next_try(fake: FakeDingtalk) -> None:
    async with with_cards(fake, deliver_s=0.2) as one:
        never = asyncio.Event()
        api, calls = one._api, []
        real = api.call

        async def third_hangs(*args: Any) -> dict[str, Any]:
            calls.append(args)
            if len(calls) == 3:
                await never.wait()
            return await real(*args)

        api.call = third_hangs  # type: ignore[method-assign]
        first = answer(fake, "一", State.FINISHED, notes={"card": "zq-1"})
        with pytest.raises(PartlyDeliveredError) as caught:
            await one.deliver(first)
        await one.deliver(going_on(first, caught.value.notes, "一", State.FINISHED))
    assert (caught.value.notes["made"], caught.value.notes["placed"]) == ("1", "1")
    assert not the_card(fake).is_spinning


async def test_a_message_that_was_on_its_way_when_time_ran_out_is_not_said_again(fake: FakeDingtalk) -> None:
    async with account(fake, deliver_s=0.3) as one:
        real = one._api.post_webhook

        async def sent_and_then_silence(*args: Any) -> None:
            await real(*args)
            await asyncio.Event().wait()

        one._api.post_webhook = sent_and_then_silence  # type: ignore[method-assign]
        first = answer(fake, "好")
        with pytest.raises(PartlyDeliveredError) as caught:
            await one.deliver(first)
        await one.deliver(going_on(first, caught.value.notes, "好", State.FINISHED))
    assert [shown.text for shown in fake.shown] == ["好"]


async def test_without_buttons_a_decision_is_said_in_words(fake: FakeDingtalk) -> None:
    done = Card(task_id="dec_1", title="已采纳", done="已采纳")
    async with account(fake) as one:
        await one.deliver(answer(fake, card=done, replaces=True))
    assert fake.shown[0].text == "**已采纳**"
