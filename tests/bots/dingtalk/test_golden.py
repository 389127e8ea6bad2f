"""Our card calls beside those of the platform's own SDK, for the same answer to the same message."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from bots.dingtalk.config import DingtalkConfig
from bots.dingtalk.messages import read_message
from bots.dingtalk.stream import DingtalkStream
from bots.inbound import Channel
from bots.outgoing import Outgoing, State
from bots.testing.clock import LeapingClock
from bots.testing.dingtalk import SECRET, FakeDingtalk, standing
from tests.bots.dingtalk.sdk import new_client, point_at, stream

Calls = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDingtalk]:
    with standing(FakeDingtalk(LeapingClock())) as fake:
        point_at(fake, monkeypatch)
        yield fake


def card_calls(fake: FakeDingtalk) -> Calls:
    """The card calls; ids that each side makes up are left out, and taken off the record."""
    made_up = ("outTrackId", "guid")
    calls = [
        (path, {key: value for key, value in body.items() if key not in made_up})
        for path, body in fake.calls
        if "/card/" in path
    ]
    fake.calls.clear()
    return calls


@pytest.mark.parametrize("conversation", ["1", "2"])
@pytest.mark.parametrize("failed", [False, True])
async def test_our_card_calls_are_the_sdks(fake: FakeDingtalk, conversation: str, failed: bool) -> None:
    message = fake.message(conversationType=conversation)
    await asyncio.to_thread(_by_sdk, message, failed)
    theirs = card_calls(fake)
    await _by_us(fake, message, failed)
    ours = card_calls(fake)
    assert len(theirs) == 5
    assert ours == theirs


def _by_sdk(message: dict[str, Any], failed: bool) -> None:
    replier = stream.AICardReplier(new_client(), stream.ChatbotMessage.from_dict(message))
    track = replier.start("tpl.schema", {"content": ""})
    replier.streaming(track, "content", "第一段", append=False, finished=False, failed=False)
    replier.streaming(track, "content", "第一段第二段", append=False, finished=True, failed=failed)
    end = replier.fail if failed else replier.finish
    end(track, {"content": "第一段第二段"})


async def _by_us(fake: FakeDingtalk, message: dict[str, Any], failed: bool) -> None:
    config = DingtalkConfig(
        client_id="app-1", client_secret=SECRET, card_template_id="tpl.schema", api_base=fake.place.http
    )
    one = DingtalkStream(config, fake.clock)
    read = read_message(message, channel=Channel.DINGTALK_STREAM, account_id="app-1")
    notes: dict[str, str] = {}
    last = State.FAILED if failed else State.FINISHED
    for text, state in (("", State.THINKING), ("第一段", State.WRITING), ("第一段第二段", last)):
        outgoing = Outgoing(
            answer_id="a-1",
            to=read.sender,
            text=text,
            state=state,
            asked_at=read.sent_at,
            reply_to=read.reply_to,
            notes=notes,
        )
        notes = dict(await one.deliver(outgoing))
    await one.close()


async def test_we_read_a_message_as_the_sdk_does(fake: FakeDingtalk) -> None:
    for message in (
        fake.message("怎么回"),
        fake.message("怎么回", conversationType="2"),
        fake.message(msgtype="richText", text=None, content={"richText": [{"text": "客户"}, {"text": "嫌贵"}]}),
    ):
        theirs = stream.ChatbotMessage.from_dict(message)
        ours = read_message(message, channel=Channel.DINGTALK_STREAM, account_id="app-1")
        assert ours.text == "".join(theirs.get_text_list()).strip()
        assert ours.dedupe_keys == (f"msg:{theirs.message_id}",)
        assert ours.sender.user_id == theirs.sender_staff_id
        assert ours.sender.is_group == (theirs.conversation_type == "2")
        assert ours.reply_to["webhook"] == theirs.session_webhook
