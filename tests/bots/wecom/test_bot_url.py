from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bots.errors import PartlyDeliveredError, RefusedError
from bots.inbound import Attachment, Channel, InboundKind, InboundMessage, Sender
from bots.outgoing import Button, Card, Outgoing, State
from bots.platform import CallbackAnswer, CallbackRequest
from bots.testing.clock import LeapingClock
from bots.testing.loopback import Reply, serving
from bots.testing.scripted import ScriptedPlatform
from bots.testing.wecom_bot_url import FakeBotChat
from bots.testing.wecom_callbacks import FakeCaller
from bots.wecom.bot_url import WecomBotUrl
from bots.wecom.config import WecomBotUrlConfig
from bots.wecom.crypto import MessageCrypto, encrypt_media
from domain.errors import InputError, SignatureError

TOKEN, KEY = "QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
CONFIG = WecomBotUrlConfig(bot_id="BOT", bot_name="销售教练", token=TOKEN, aes_key=KEY, local=True)
CARD = Card(task_id="t1", title="有用吗？", buttons=(Button(text="采纳", key="accept:d1"),))


class Edge:
    """What the service's route does with the adapter, and the answers that it keeps."""

    def __init__(self, bot: WecomBotUrl) -> None:
        self._bot = bot
        self.messages: list[InboundMessage] = []
        self.answers: dict[str, Outgoing] = {}
        self.at_once: dict[str, Any] = {}

    async def __call__(self, request: CallbackRequest) -> CallbackAnswer:
        answer = self._bot.receive(request)
        for message in answer.messages:
            if message.answer_id not in self.answers:
                self.messages.append(message)
                self.answers[message.answer_id] = replace(_opened(message), **self.at_once)
        if answer.refresh:
            return self._bot.refreshed(request, self.answers.get(answer.refresh))
        return answer

    async def write(self, text: str, state: State = State.WRITING, **more: Any) -> None:
        """Write the last message's answer on, and give it to the adapter."""
        answer_id = self.messages[-1].answer_id
        outgoing = replace(self.answers[answer_id], text=text, state=state, **more)
        notes = await self._bot.deliver(outgoing)
        self.answers[answer_id] = replace(outgoing, notes=notes)


def _opened(message: InboundMessage) -> Outgoing:
    return Outgoing(
        answer_id=message.answer_id,
        to=message.sender,
        text="",
        state=State.THINKING,
        asked_at=message.sent_at,
        reply_to=message.reply_to,
    )


@pytest.fixture
def clock() -> LeapingClock:
    return LeapingClock()


@pytest.fixture
async def bot(clock: LeapingClock) -> AsyncIterator[WecomBotUrl]:
    bot = WecomBotUrl(CONFIG, clock)
    yield bot
    await bot.close()


@pytest.fixture
def edge(bot: WecomBotUrl) -> Edge:
    return Edge(bot)


@pytest.fixture
def chat(edge: Edge, clock: LeapingClock) -> Iterator[FakeBotChat]:
    crypto = MessageCrypto(token=TOKEN, encoding_aes_key=KEY, receive_id="")
    chat = FakeBotChat(FakeCaller(crypto, clock), clock, edge)
    with chat.serve():
        yield chat


async def test_an_answer_grows_in_its_bubble_and_ends_once_with_everything(chat: FakeBotChat, edge: Edge) -> None:
    bubble = await chat.say("客户嫌贵")
    await chat.refresh(bubble)
    await edge.write("先问预算。[1]")
    await chat.refresh(bubble)
    await edge.write("先问预算。[1]再谈分期。[2]", State.FINISHED)
    await chat.refresh(bubble)
    await chat.refresh(bubble)

    assert bubble.texts == ["正在看…", "正在看…", "先问预算。[1]", "先问预算。[1]再谈分期。[2]"]
    assert bubble.finished
    assert chat.faults == []
    assert chat.later == []


async def test_a_card_comes_with_the_end(chat: FakeBotChat, edge: Edge) -> None:
    bubble = await chat.say("客户嫌贵")
    await edge.write("先问预算。[1]", State.FINISHED, card=CARD)
    await chat.refresh(bubble)

    assert [card["task_id"] for card in bubble.cards] == ["t1"]


async def test_a_late_answer_says_so_in_time_and_follows_by_the_response_url_once(
    chat: FakeBotChat, edge: Edge, clock: LeapingClock
) -> None:
    bubble = await chat.say("整理这通两小时的电话")
    await edge.write("第一段。[1]")
    clock.skip(335)
    await chat.refresh(bubble)
    clock.skip(300)
    await edge.write("第一段。[1]第二段。[2]", State.FINISHED)
    await edge.write("第一段。[1]第二段。[2]", State.FINISHED)

    assert bubble.finished
    assert bubble.texts[-1].startswith("第一段。[1]")
    assert "稍后" in bubble.texts[-1]
    assert [message["markdown"]["content"] for message in chat.later] == ["第一段。[1]第二段。[2]"]
    assert chat.ignored == []


async def test_an_answer_that_went_out_by_the_response_url_is_not_shown_a_second_time_in_the_bubble(
    chat: FakeBotChat, edge: Edge, clock: LeapingClock
) -> None:
    bubble = await chat.say("整理")
    clock.skip(331)
    await edge.write("全部。[1]", State.FINISHED)
    await chat.refresh(bubble)

    assert "全部" not in bubble.texts[-1]
    assert bubble.finished


async def test_an_unknown_stream_is_ended_kindly(chat: FakeBotChat, edge: Edge) -> None:
    bubble = await chat.say("客户嫌贵")
    edge.answers.clear()
    await chat.refresh(bubble)

    assert bubble.finished
    assert "再问一次" in bubble.texts[-1]


async def test_a_redelivered_question_keeps_its_stream(chat: FakeBotChat, edge: Edge) -> None:
    message = chat.message(msgtype="text", text={"content": "客户嫌贵"})

    first, second = [chat.caller.read(await edge(chat.caller.bot(message))) for _ in range(2)]

    assert first["stream"]["id"] == second["stream"]["id"]
    assert len(edge.messages) == 1


async def test_what_a_bubble_does_not_hold_follows_by_the_response_url(chat: FakeBotChat, edge: Edge) -> None:
    text = "客户说价格太高。" * 1500
    bubble = await chat.say("都写出来")
    await edge.write(text, State.FINISHED)
    await chat.refresh(bubble)

    assert chat.faults == []
    assert bubble.texts[-1] + chat.later[0]["markdown"]["content"] == text


async def test_what_both_do_not_hold_is_cut_and_says_so(chat: FakeBotChat, edge: Edge) -> None:
    await chat.say("都写出来")
    await edge.write("客户说价格太高。" * 3000, State.FINISHED)

    assert chat.later[0]["markdown"]["content"].endswith("可以接着问我。）")


async def test_a_press_is_known_and_answered_by_the_response_url(chat: FakeBotChat, edge: Edge) -> None:
    changed = await chat.press("t1", "accept:d1")
    await edge.write("", State.FINISHED, card=replace(CARD, done="已采纳"), replaces=True)

    message = edge.messages[-1]
    assert changed == {}
    assert message.kind is InboundKind.CLICK
    assert message.click is not None
    assert message.click.key == "accept:d1"
    assert [later["markdown"]["content"] for later in chat.later] == ["已采纳"]


async def test_a_card_is_changed_in_the_answer_when_the_press_is_delivered_again(
    chat: FakeBotChat, edge: Edge, bot: WecomBotUrl
) -> None:
    press = chat.message(
        msgtype="event", event={"eventtype": "template_card_event", "event_key": "accept:d1", "task_id": "t1"}
    )
    request = chat.caller.bot(press)
    await edge(request)
    edge.answers[edge.messages[-1].answer_id] = replace(
        edge.answers[edge.messages[-1].answer_id],
        card=replace(CARD, done="已采纳"),
        replaces=True,
        state=State.FINISHED,
    )

    changed = chat.caller.read(await edge(request))

    assert changed["response_type"] == "update_template_card"
    assert changed["template_card"]["task_id"] == "t1"
    assert [button["text"] for button in changed["template_card"]["button_list"]] == ["已采纳"]


async def test_a_pressed_card_changes_in_the_answer_to_the_press_and_nothing_is_said_twice(
    chat: FakeBotChat, edge: Edge
) -> None:
    edge.at_once = {"card": replace(CARD, done="已采纳"), "replaces": True, "state": State.FINISHED}
    changed = await chat.press("t1", "accept:d1")
    await edge.write("", State.FINISHED)

    assert [button["text"] for button in changed["template_card"]["button_list"]] == ["已采纳"]
    assert chat.later == []


async def test_an_answer_by_the_response_url_whose_fate_is_unknown_is_sent_again_and_shown_once(
    chat: FakeBotChat, edge: Edge, clock: LeapingClock
) -> None:
    await chat.say("在吗")
    await clock.sleep(340)
    chat.lose_next = True
    with pytest.raises(PartlyDeliveredError) as caught:
        await edge.write("好。", State.FINISHED)
    answer_id = edge.messages[-1].answer_id
    edge.answers[answer_id] = replace(edge.answers[answer_id], notes=caught.value.notes)
    await edge.write("好。", State.FINISHED)

    assert [later["markdown"]["content"] for later in chat.later] == ["好。"]
    assert edge.answers[answer_id].notes == {"sent": "1"}


async def test_what_bubble_and_response_url_do_not_hold_goes_out_by_the_app(
    chat: FakeBotChat, edge: Edge, bot: WecomBotUrl
) -> None:
    app = ScriptedPlatform(channel=Channel.WECOM_APP)
    bot._further = app
    text = "".join(f"第{number}句，客户说价格太高。" for number in range(1500))
    bubble = await chat.say("都写出来")
    await edge.write(text, State.FINISHED)
    await chat.refresh(bubble)

    late = chat.later[0]["markdown"]["content"]
    assert bubble.texts[-1] + late + app.shown[0].text == text
    assert "放不下" not in late


async def test_with_the_app_beside_it_something_can_be_said_unasked(bot: WecomBotUrl, clock: LeapingClock) -> None:
    app = ScriptedPlatform(channel=Channel.WECOM_APP)
    bot._further = app
    to = Sender(user_id="zhangsan", conversation_id="zhangsan")
    push = Outgoing(answer_id="p1", to=to, text="报告好了", state=State.FINISHED, asked_at=clock.now())
    await bot.deliver(push)

    assert [one.text for one in app.shown] == ["报告好了"]


async def test_a_welcome_is_in_the_answer_itself(chat: FakeBotChat, edge: Edge) -> None:
    entered = chat.message(msgtype="event", event={"eventtype": "enter_chat"})

    said = chat.caller.read(await edge(chat.caller.bot(entered)))

    assert said["msgtype"] == "text"
    assert "帮助" in said["text"]["content"]


async def test_a_rating_names_its_answer(chat: FakeBotChat, edge: Edge) -> None:
    rated = {"eventtype": "feedback_event", "feedback_event": {"id": "ans_1", "type": 2, "content": "不准"}}

    answer = await edge(chat.caller.bot(chat.message(msgtype="event", event=rated)))

    message = edge.messages[-1]
    assert answer.body == b""
    assert (message.kind, message.text) == (InboundKind.RATING, "不准")
    assert message.click is not None
    assert (message.click.task_id, message.click.key) == ("ans_1", "down")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("@销售教练 帮我复盘", "帮我复盘"),
        ("帮我复盘 @销售教练", "帮我复盘"),
        ("@销售教练\u2005帮我", "帮我"),
        ("写给 li@销售教练.com", "写给 li@销售教练.com"),
        ("@销售教练助手 在吗", "@销售教练助手 在吗"),
        ("@李四 看看", "@李四 看看"),
    ],
)
async def test_only_our_own_mention_is_taken_off(chat: FakeBotChat, edge: Edge, text: str, read: str) -> None:
    await chat.say(text, chattype="group", chatid="G1")

    message = edge.messages[-1]
    assert message.text == read
    assert message.sender == Sender(user_id="zhangsan", conversation_id="G1", is_group=True)


async def test_a_quote_a_voice_and_a_mixed_message_are_words(chat: FakeBotChat, edge: Edge) -> None:
    mixed = {
        "msg_item": [
            {"msgtype": "text", "text": {"content": "第一"}},
            {"msgtype": "image", "image": {"url": "x"}},
            {"msgtype": "text", "text": {"content": "第二"}},
        ]
    }
    await chat.say("怎么回？", quote={"msgtype": "text", "text": {"content": "太贵了"}})
    for more in ({"msgtype": "voice", "voice": {"content": "客户嫌贵"}}, {"msgtype": "mixed", "mixed": mixed}):
        await edge(chat.caller.bot(chat.message(**more)))

    assert [(message.text, message.quoted) for message in edge.messages] == [
        ("怎么回？", "太贵了"),
        ("客户嫌贵", ""),
        ("第一\n第二", ""),
    ]


async def test_a_picture_is_something_we_do_not_read(chat: FakeBotChat, edge: Edge) -> None:
    await edge(chat.caller.bot(chat.message(msgtype="image", image={"url": "https://x.qq.com/a"})))

    assert edge.messages[-1].kind is InboundKind.OTHER


async def test_a_recording_is_fetched_and_decrypted(
    bot: WecomBotUrl, chat: FakeBotChat, edge: Edge, tmp_path: Path
) -> None:
    sealed = encrypt_media(b"RIFF....WAVE", KEY)
    headers = {"content-disposition": "attachment; filename*=UTF-8''%E5%AE%A2%E6%88%B7.wav"}
    with serving(lambda request: Reply(body=sealed, headers=headers)) as url:
        await edge(chat.caller.bot(chat.message(msgtype="file", file={"url": f"{url}/f?sign=1"})))
        message = edge.messages[-1]
        assert message.attachment is not None
        name = await bot.fetch(message.attachment, tmp_path / "f")

    assert message.kind is InboundKind.FILE
    assert name == "客户.wav"
    assert (tmp_path / "f").read_bytes() == b"RIFF....WAVE"


async def test_a_file_elsewhere_is_not_fetched(bot: WecomBotUrl, tmp_path: Path) -> None:
    strict = WecomBotUrl(replace(CONFIG, local=False), LeapingClock())

    for url in ("https://evil.example/f", "http://127.0.0.1:1/f", "https://qq.com@evil.example/", "file:///etc/passwd"):
        with pytest.raises(InputError):
            await strict.fetch(Attachment(locator=url), tmp_path / "f")
    with pytest.raises(InputError):
        await bot.fetch(Attachment(locator="https://notqq.com/"), tmp_path / "f")


async def test_a_response_url_elsewhere_is_not_called(bot: WecomBotUrl, clock: LeapingClock) -> None:
    late = Outgoing(
        answer_id="a",
        to=Sender(user_id="u", conversation_id="u"),
        text="好",
        state=State.FINISHED,
        asked_at=clock.now() - 400,
        reply_to={"kind": "text", "response_url": "https://evil.example/"},
    )

    with pytest.raises(RefusedError):
        await bot.deliver(late)
    with pytest.raises(RefusedError):
        await bot.deliver(replace(late, reply_to={}))


def test_an_apps_message_is_not_for_the_bot(bot: WecomBotUrl, clock: LeapingClock) -> None:
    other = FakeCaller(MessageCrypto(token=TOKEN, encoding_aes_key=KEY, receive_id="wxcorp"), clock)

    with pytest.raises(SignatureError):
        bot.receive(other.bot({"msgid": "M", "msgtype": "text"}))


async def test_what_is_not_documented_is_accepted_and_left(chat: FakeBotChat, bot: WecomBotUrl) -> None:
    for message in ({}, {"msgid": "M"}, {"msgid": ["x"]}, {"msgid": "M", "from": 3, "msgtype": "text"}):
        assert bot.receive(chat.caller.bot(message)).messages == ()
