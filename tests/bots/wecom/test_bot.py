"""Our long connection against the gateway that the official SDK has used first (`test_fakes.py`)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from bots.errors import PartlyDeliveredError, RefusedError
from bots.inbound import Attachment, InboundKind, InboundMessage, Sender
from bots.outgoing import Button, Card, Outgoing, State
from bots.testing.clock import LeapingClock, ManualClock, settle
from bots.testing.loopback import Reply, serving
from bots.testing.wecom_gateway import FakeGateway
from bots.wecom.bot import WecomBot
from bots.wecom.config import WecomBotConfig
from bots.wecom.crypto import encrypt_media
from domain.errors import InputError, PlatformError

SECRET = "bot-secret-of-the-fake"
CARD = Card(task_id="t1", title="有用吗？", buttons=(Button(text="采纳", key="accept:d1"),))


class Kept:
    """What came in; the first `failures` times the database is away."""

    def __init__(self) -> None:
        self.messages: list[InboundMessage] = []
        self.failures = 0
        self.tries = 0
        self._came = asyncio.Event()

    async def __call__(self, message: InboundMessage) -> None:
        self.tries += 1
        if self.failures:
            self.failures -= 1
            raise PlatformError("bots.wecom_busy", code=0)
        self.messages.append(message)
        self._came.set()

    async def next(self, count: int = 1) -> InboundMessage:
        async with asyncio.timeout(10):
            while len(self.messages) < count:
                self._came.clear()
                await self._came.wait()
        return self.messages[count - 1]


class Line:
    """A running bot, its gateway and its clock."""

    def __init__(self, bot: WecomBot, gateway: FakeGateway, clock: ManualClock, kept: Kept) -> None:
        self.bot, self.gateway, self.clock, self.kept = bot, gateway, clock, kept
        self.running = asyncio.create_task(bot.run(kept))

    async def asked(self, text: str = "客户嫌贵", **more: object) -> Outgoing:
        """Let a rep ask; returns the answer as it begins."""
        count = len(self.kept.messages)
        await self.gateway.say(text, **more)
        return begun(await self.kept.next(count + 1))

    async def show(self, outgoing: Outgoing) -> Outgoing:
        """Deliver once more, with time for the pace between refreshes."""
        delivering = asyncio.create_task(self.bot.deliver(outgoing))
        await settle()
        while not delivering.done():
            if self.clock.sleepers and self.clock.sleepers[0] <= 1.0:
                await self.clock.advance(1.0)
            await asyncio.wait({delivering}, timeout=0.002)
        return replace(outgoing, notes=await delivering)

    async def reconnected(self, connections: int) -> None:
        """Let the waits between attempts pass until the bot is back."""
        async with asyncio.timeout(10):
            while self.gateway.connections < connections or not self.gateway.is_connected:
                await self.clock.advance(1.0)
                await asyncio.sleep(0.001)


def begun(message: InboundMessage) -> Outgoing:
    return Outgoing(
        answer_id=message.answer_id,
        to=message.sender,
        text="",
        state=State.THINKING,
        asked_at=message.sent_at,
        reply_to=message.reply_to,
    )


def finished(outgoing: Outgoing, text: str) -> Outgoing:
    return replace(outgoing, text=text, state=State.FINISHED)


def writing(outgoing: Outgoing, text: str) -> Outgoing:
    return replace(outgoing, text=text, state=State.WRITING)


def config(gateway: FakeGateway) -> WecomBotConfig:
    return WecomBotConfig(bot_id="BOT", secret=SECRET, bot_name="销售教练", ws_url=gateway.url)


@asynccontextmanager
async def running(gateway: FakeGateway) -> AsyncIterator[Line]:
    assert isinstance(gateway.clock, ManualClock)
    bot = WecomBot(config(gateway), gateway.clock, jitter=lambda: 1.0)
    line = Line(bot, gateway, gateway.clock, Kept())
    await gateway.until(lambda: gateway.is_connected)
    await settle()
    yield line
    line.running.cancel()
    await asyncio.gather(line.running, return_exceptions=True)
    await bot.close()


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    gateway = FakeGateway(ManualClock())
    async with gateway.serve():
        yield gateway


@pytest.fixture
async def line(gateway: FakeGateway) -> AsyncIterator[Line]:
    async with running(gateway) as line:
        yield line


async def test_a_question_comes_in_and_its_answer_grows_in_one_bubble(line: Line) -> None:
    answer = await line.asked("@销售教练 客户嫌贵", chattype="group", chatid="G1")

    answer = await line.show(answer)
    answer = await line.show(writing(answer, "先问预算。[1]"))
    await line.show(finished(answer, "先问预算。[1]再谈分期。[2]"))

    message = line.kept.messages[0]
    assert (message.text, message.sender.conversation_id, message.sender.is_group) == ("客户嫌贵", "G1", True)
    bubble = line.gateway.bubbles[answer.answer_id]
    assert bubble.texts == ["正在看…", "先问预算。[1]", "先问预算。[1]再谈分期。[2]"]
    assert bubble.finishes == 1
    assert line.gateway.faults == []


async def test_a_second_delivery_of_the_end_adds_nothing(line: Line) -> None:
    answer = await line.show(await line.asked())
    done = await line.show(finished(answer, "好。"))
    await line.show(done)

    assert line.gateway.bubbles[answer.answer_id].finishes == 1
    assert line.gateway.messages == []


async def test_texts_that_wait_while_a_newer_one_comes_are_passed_over(line: Line) -> None:
    answer = await line.show(await line.asked())
    texts = ["一。", "一。二。", "一。二。三。"]

    await asyncio.gather(*(line.show(writing(answer, text)) for text in texts))

    assert line.gateway.bubbles[answer.answer_id].texts == ["正在看…", "一。二。三。"]


async def test_refreshes_leave_room_in_the_minute_for_the_end(line: Line) -> None:
    answer = await line.show(await line.asked())
    for index in range(40):
        answer = await line.show(writing(answer, "句。" * (index + 1)))
    await line.show(finished(answer, "句。" * 41))

    bubble = line.gateway.bubbles[answer.answer_id]
    assert bubble.text == "句。" * 41
    assert len(bubble.texts) <= 30


async def test_a_card_follows_the_end(line: Line) -> None:
    answer = await line.show(await line.asked())
    await line.show(replace(finished(answer, "好。"), card=CARD))

    assert [message["template_card"]["task_id"] for message in line.gateway.messages] == ["t1"]
    assert (line.gateway.messages[0]["chatid"], line.gateway.messages[0]["chat_type"]) == ("zhangsan", 1)


async def test_what_a_bubble_does_not_hold_follows_in_order(line: Line) -> None:
    text = "客户说价格太高，我们先问清预算再谈分期付款的方案。" * 500
    answer = await line.show(await line.asked())
    await line.show(finished(answer, text))

    shown = line.gateway.bubbles[answer.answer_id].text
    rest = [message["markdown"]["content"] for message in line.gateway.messages]
    assert shown + "".join(rest) == text
    assert line.gateway.faults == []


async def test_a_bubble_is_closed_before_its_six_minutes_and_only_the_missing_part_follows(line: Line) -> None:
    answer = await line.show(await line.asked())
    answer = await line.show(writing(answer, "第一段。[1]"))
    await line.clock.advance(331)
    bubble = line.gateway.bubbles[answer.answer_id]
    await line.gateway.until(lambda: bubble.finishes)
    await settle()

    answer = await line.show(writing(answer, "第一段。[1]第二段。"))
    await line.show(finished(answer, "第一段。[1]第二段。[2]"))

    assert bubble.text.startswith("第一段。[1]")
    assert "稍后" in bubble.text
    assert bubble.finishes == 1
    assert [message["markdown"]["content"] for message in line.gateway.messages] == ["第二段。[2]"]


async def test_an_answer_that_was_rewritten_follows_as_a_whole(line: Line) -> None:
    answer = await line.show(await line.asked())
    answer = await line.show(writing(answer, "草稿。"))
    await line.clock.advance(331)
    await line.gateway.until(lambda: line.gateway.bubbles[answer.answer_id].finishes)
    await settle()

    await line.show(finished(answer, "另一个答案。[1]"))

    assert [message["markdown"]["content"] for message in line.gateway.messages] == ["另一个答案。[1]"]


async def test_a_stream_that_ended_while_we_were_away_is_followed_by_the_missing_part(line: Line) -> None:
    answer = await line.show(await line.asked())
    answer = await line.show(writing(answer, "第一段。"))
    line.gateway.bubbles[answer.answer_id].finishes = 1  # by a process that is gone
    line.bot._sender._streams.clear()

    await line.show(finished(answer, "第一段。第二段。"))

    assert [message["markdown"]["content"] for message in line.gateway.messages] == ["第二段。"]


async def test_a_lost_acknowledgement_of_the_end_is_asked_for_again(line: Line) -> None:
    answer = await line.show(await line.asked())
    line.gateway.lose_acks = 1
    delivering = asyncio.create_task(line.bot.deliver(finished(answer, "好。")))
    await line.gateway.until(lambda: line.gateway.bubbles[answer.answer_id].finishes)
    await settle()
    await line.clock.advance(5)
    await delivering

    assert line.gateway.bubbles[answer.answer_id].text == "好。"
    assert line.gateway.bubbles[answer.answer_id].finishes == 1
    assert line.gateway.messages == []


async def test_an_end_whose_acknowledgement_the_line_took_with_it_is_shown_once(line: Line) -> None:
    answer = await line.show(await line.asked())
    line.gateway.cut_after = 1006
    delivering = asyncio.create_task(line.bot.deliver(finished(answer, "好。")))
    await line.reconnected(2)
    await delivering

    assert line.gateway.bubbles[answer.answer_id].texts == ["正在看…", "好。"]
    assert line.gateway.ended == ["好。"]


async def _over(line: Line, text: str) -> None:
    """Deliver an end whose first try is not taken and whose second comes when the six minutes are over."""
    line.gateway.cut_after = 1006
    answer = await line.show(await line.asked())  # its first frame is taken, and we do not hear of it
    await line.reconnected(2)
    await line.clock.advance(358)
    line.gateway.close_after = 1006
    delivering = asyncio.create_task(line.bot.deliver(finished(answer, text)))
    await line.gateway.until(lambda: line.gateway.close_after is None)
    await line.clock.advance(3)
    await line.reconnected(3)
    await line.show(replace(finished(answer, text), notes=await delivering))


async def test_six_minutes_count_from_the_first_frame_also_when_its_fate_is_unknown(line: Line) -> None:
    """Else an end that came too late passes for one that was taken, and the answer is lost."""
    await _over(line, "好。")

    assert [message["markdown"]["content"] for message in line.gateway.messages] == ["好。"]
    assert line.gateway.ended == ["好。"]


async def test_what_a_bubble_that_is_over_does_not_show_goes_to_the_questions_own_address(line: Line) -> None:
    """There a second try is left out by the platform, so an unknown fate costs neither a loss nor a double."""
    line.gateway.has_addresses = True
    line.gateway.lose_responses = 1
    answer = await line.show(await line.asked())
    line.gateway.bubbles[answer.answer_id].finishes = 1  # by a process that is gone
    line.bot._sender._streams.clear()
    with pytest.raises(PartlyDeliveredError) as caught:
        await line.bot.deliver(finished(answer, "好。"))
    await line.show(replace(finished(answer, "好。"), notes=caught.value.notes))

    assert line.gateway.ended == ["好。"]
    assert line.gateway.messages == []


async def test_a_push_of_unknown_fate_is_not_sent_twice(line: Line) -> None:
    push = Outgoing(
        answer_id="p1",
        to=Sender(user_id="zhangsan", conversation_id="zhangsan"),
        text="报告好了",
        state=State.FINISHED,
        asked_at=line.clock.now(),
    )
    line.gateway.lose_acks = 1
    delivering = asyncio.create_task(line.bot.deliver(push))
    await line.gateway.until(lambda: line.gateway.messages)
    await settle()
    await line.clock.advance(5)
    notes = await delivering
    await line.show(replace(push, notes=notes))

    assert [message["markdown"]["content"] for message in line.gateway.messages] == ["报告好了"]


async def test_a_chat_gets_all_pushes_but_no_faster_than_the_platform_takes_them(line: Line) -> None:
    to = Sender(user_id="zhangsan", conversation_id="zhangsan")
    pushes = [
        Outgoing(answer_id=f"p{n}", to=to, text=f"第 {n} 条", state=State.FINISHED, asked_at=0.0) for n in range(35)
    ]
    delivering = asyncio.gather(*(line.bot.deliver(push) for push in pushes))
    await line.gateway.until(lambda: len(line.gateway.messages) == 30)
    await settle()
    assert not delivering.done()
    async with asyncio.timeout(10):
        while not delivering.done():
            await line.clock.advance(1)
            await asyncio.sleep(0.001)

    sent = [message["markdown"]["content"] for message in line.gateway.messages]
    assert sent == [f"第 {n} 条" for n in range(35)]


async def test_a_welcome_is_given_at_once_and_a_late_one_is_let_go(line: Line) -> None:
    await line.gateway.deliver(msgtype="event", event={"eventtype": "enter_chat"})
    message = await line.kept.next()
    await line.bot.deliver(finished(begun(message), "你好"))
    await line.gateway.deliver(msgtype="event", event={"eventtype": "enter_chat"})
    late = await line.kept.next(2)
    await line.clock.advance(6)
    await line.bot.deliver(finished(begun(late), "你好"))

    assert message.kind is InboundKind.ENTER
    assert [welcome["text"]["content"] for welcome in line.gateway.welcomes] == ["你好"]


async def pressed(line: Line) -> Outgoing:
    count = len(line.kept.messages)
    press = {"card_type": "button_interaction", "event_key": "accept:d1", "task_id": "t1"}
    await line.gateway.deliver(
        msgtype="event", event={"eventtype": "template_card_event", "template_card_event": press}
    )
    message = await line.kept.next(count + 1)
    assert message.click is not None
    assert message.click.key == "accept:d1"
    return replace(finished(begun(message), ""), card=replace(CARD, done="已采纳"), replaces=True)


async def test_a_pressed_card_says_what_was_done(line: Line) -> None:
    await line.bot.deliver(await pressed(line))

    update = line.gateway.updates[0]["template_card"]
    assert update["task_id"] == "t1"
    assert [button["text"] for button in update["button_list"]] == ["已采纳"]
    assert line.gateway.messages == []


async def test_a_card_that_can_no_longer_be_changed_is_answered_in_words(line: Line) -> None:
    answer = await pressed(line)
    await line.clock.advance(6)
    await line.bot.deliver(answer)

    assert line.gateway.updates == []
    assert [message["markdown"]["content"] for message in line.gateway.messages] == ["已采纳"]


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011])
async def test_the_line_comes_back_after_every_close(line: Line, code: int) -> None:
    await line.gateway.close(code)
    await line.reconnected(2)

    answer = await line.asked()
    await settle()
    await line.show(finished(answer, "好。"))

    assert line.gateway.bubbles[answer.answer_id].text == "好。"


async def test_waits_between_attempts_grow_and_start_over_after_a_healthy_minute(line: Line) -> None:
    for _ in range(7):
        await line.gateway.close(1006)
        await line.reconnected(line.gateway.connections + 1)
        await settle()
    await line.clock.advance(61)
    await settle()
    await line.gateway.close(1006)
    await line.reconnected(line.gateway.connections + 1)

    waits = [later - earlier for earlier, later in pairwise(line.gateway.subscribed_at)]
    expected = [1, 2, 4, 8, 16, 30, 30, 61 + 1]
    assert [wait - due for wait, due in zip(waits, expected, strict=True)] == pytest.approx([0.5] * 8, abs=0.6)


async def test_a_line_without_acknowledged_pings_is_given_up(line: Line) -> None:
    line.gateway.drop_pongs = True
    async with asyncio.timeout(10):
        while line.gateway.is_connected:
            await line.clock.advance(5)
            await asyncio.sleep(0.001)
    line.gateway.drop_pongs = False
    await line.reconnected(2)

    assert line.gateway.connections == 2


async def test_acknowledged_pings_keep_the_line(line: Line) -> None:
    for beat in range(1, 6):
        await line.clock.advance(30)
        await line.gateway.until(lambda beat=beat: sum(f["cmd"] == "ping" for f in line.gateway.frames) >= beat)
        await settle()

    assert line.gateway.connections == 1


async def test_who_is_kicked_stays_away(line: Line, gateway: FakeGateway) -> None:
    other = WecomBot(config(gateway), gateway.clock)
    taking_over = asyncio.create_task(other.run(Kept()))

    with pytest.raises(RefusedError) as caught:
        await asyncio.wait_for(line.running, 10)
    await line.clock.advance(600)

    assert caught.value.code == "bots.wecom_kicked"
    assert gateway.connections == 2
    taking_over.cancel()
    await asyncio.gather(taking_over, return_exceptions=True)


async def test_a_wrong_secret_is_tried_five_times_and_then_said(gateway: FakeGateway) -> None:
    gateway.secrets["BOT"] = "another"
    bot = WecomBot(config(gateway), LeapingGently())

    with pytest.raises(RefusedError) as caught:
        await asyncio.wait_for(bot.run(Kept()), 10)

    assert caught.value.code == "bots.wecom_bad_bot_secret"
    assert len(gateway.subscribed_at) == 5


class LeapingGently(LeapingClock):
    """Short waits pass at once; the waits for acknowledgements do not end before the acknowledgements come."""

    async def sleep(self, seconds: float) -> None:
        if seconds == 5.0:
            await asyncio.Event().wait()
        await super().sleep(seconds)


async def test_messages_are_kept_in_order_even_when_the_database_was_away(line: Line) -> None:
    line.kept.failures = 3
    for index in range(5):
        await line.gateway.say(f"第 {index} 句")
    async with asyncio.timeout(10):
        while len(line.kept.messages) < 5:
            await line.clock.advance(10)
            await asyncio.sleep(0.001)

    assert [message.text for message in line.kept.messages] == [f"第 {index} 句" for index in range(5)]
    assert line.kept.tries == 8


async def test_frames_that_cannot_be_read_are_passed_over(line: Line) -> None:
    for raw in ("{", "[]", '{"cmd":3}', '{"cmd":"aibot_msg_callback","body":{"msgid":[1]}}', '{"headers":7}', "x" * 99):
        await line.gateway.send_raw(raw)

    assert (await line.asked("还在吗")).reply_to["req_id"]
    assert line.gateway.connections == 1


async def test_an_answer_waits_for_the_line_and_then_goes_out(line: Line) -> None:
    answer = await line.show(await line.asked())
    await line.gateway.close(1006)
    await settle()
    delivering = asyncio.create_task(line.bot.deliver(finished(answer, "好。")))
    await line.reconnected(2)
    await delivering

    assert line.gateway.bubbles[answer.answer_id].text == "好。"


async def test_an_answer_under_which_the_line_breaks_goes_out_on_the_next_one(line: Line) -> None:
    answer = await line.show(await line.asked())
    line.gateway.close_after = 1006
    delivering = asyncio.create_task(line.bot.deliver(finished(answer, "好。")))
    await line.reconnected(2)
    await delivering

    assert line.gateway.ended == ["好。"]


async def test_stopping_ends_every_open_bubble(gateway: FakeGateway) -> None:
    async with running(gateway) as line:
        answer = await line.show(await line.asked())
        await line.show(writing(answer, "第一段。"))

    bubble = gateway.bubbles[answer.answer_id]
    assert bubble.finishes == 1
    assert bubble.text.startswith("第一段。")
    assert "稍后" in bubble.text


async def test_an_answer_that_a_stopped_process_left_is_completed_by_the_next(gateway: FakeGateway) -> None:
    async with running(gateway) as line:
        answer = await line.show(await line.asked())
        answer = await line.show(writing(answer, "第一段。"))
    async with running(gateway) as line:
        await line.show(finished(answer, "第一段。第二段。"))

    assert [message["markdown"]["content"] for message in gateway.messages] == ["第二段。"]


async def test_a_recording_brings_its_own_key(line: Line, tmp_path: Path) -> None:
    key = base64.b64encode(bytes(range(32))).decode().rstrip("=")
    headers = {"content-disposition": 'attachment; filename="call.mp3"'}
    with serving(lambda request: Reply(body=encrypt_media(b"ID3 sound", key), headers=headers)) as url:
        await line.gateway.deliver(msgtype="file", file={"url": f"{url}/f", "aeskey": key})
        message = await line.kept.next()
        assert message.attachment is not None
        name = await line.bot.fetch(message.attachment, tmp_path / "f")

    assert message.kind is InboundKind.FILE
    assert (name, (tmp_path / "f").read_bytes()) == ("call.mp3", b"ID3 sound")
    assert key not in repr(message)


async def test_a_file_with_another_key_leaves_nothing_behind(line: Line, tmp_path: Path) -> None:
    key = base64.b64encode(bytes(range(32))).decode()
    with serving(lambda request: Reply(body=b"not encrypted")) as url, pytest.raises(PlatformError):
        await line.bot.fetch(Attachment(locator=url, key=key), tmp_path / "f")
    with pytest.raises(InputError):
        await line.bot.fetch(Attachment(locator="https://evil.example/f", key=key), tmp_path / "f")

    assert list(tmp_path.iterdir()) == []


async def test_check_does_not_log_in_and_the_secret_is_tried_apart(gateway: FakeGateway) -> None:
    bot = WecomBot(config(gateway), gateway.clock)
    wrong = WecomBot(replace(config(gateway), secret="wrong"), gateway.clock)
    nowhere = WecomBot(replace(config(gateway), ws_url="ws://127.0.0.1:1"), gateway.clock)

    findings = await bot.check()

    assert gateway.subscribed_at == []
    assert findings[0].key == "bots.wecom_line_well"
    assert (await bot.check_secret()).ok
    assert (await wrong.check_secret()).key == "bots.wecom_bad_bot_secret"
    assert [finding.key for finding in await nowhere.check()] == ["bots.wecom_line_unreachable"]


async def test_a_proxy_is_used_when_it_is_set(gateway: FakeGateway) -> None:
    seen = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readline())
        writer.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    bot = WecomBot(replace(config(gateway), proxy=address), gateway.clock)

    await bot.check()
    server.close()

    assert seen[0].startswith(b"CONNECT 127.0.0.1:")
    assert gateway.connections == 0


def test_secrets_are_not_shown(gateway: FakeGateway) -> None:
    assert SECRET not in repr(config(gateway))
