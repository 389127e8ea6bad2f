"""WeCom calls our address over HTTP, played by a library that others wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from api.testing import TestParts, client_of
from bots.inbound import InboundMessage
from bots.outgoing import Outgoing, State
from bots.platform import CallbackAnswer, CallbackPlatform
from bots.testing.clock import LeapingClock
from bots.testing.wecom_bot_url import FakeBotChat
from bots.testing.wecom_callbacks import FakeCaller
from bots.wecom.app import WecomApp
from bots.wecom.bot_url import WecomBotUrl
from bots.wecom.config import WecomAppConfig, WecomBotUrlConfig
from bots.wecom.crypto import MessageCrypto

CORP, TOKEN, KEY = "wx5823bf96d3bd56c7", "QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
MESSAGE = (
    "<xml><ToUserName><![CDATA[wx5823bf96d3bd56c7]]></ToUserName><FromUserName><![CDATA[zhangsan]]></FromUserName>"
    "<CreateTime>1409659813</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[客户嫌贵]]></Content>"
    "<MsgId>4561255354251345929</MsgId><AgentID>218</AgentID></xml>"
)


class Door:
    """An app and a smart bot by URL; answers are what a test puts there."""

    def __init__(self, clock: LeapingClock) -> None:
        app = WecomAppConfig(corp_id=CORP, agent_id=218, secret="s", token=TOKEN, aes_key=KEY)
        bot = WecomBotUrlConfig(bot_id="BOT", token=TOKEN, aes_key=KEY)
        self._platforms = {"wecom_app": WecomApp(app, clock), "wecom_bot_url": WecomBotUrl(bot, clock)}
        self.kept: list[InboundMessage] = []
        self.answers: dict[str, Outgoing] = {}

    def platform(self, channel: str) -> CallbackPlatform | None:
        return self._platforms.get(channel)

    async def keep(self, message: InboundMessage) -> None:
        self.kept.append(message)

    async def outgoing(self, answer_id: str) -> Outgoing | None:
        return self.answers.get(answer_id)


@pytest.fixture
def bot_clock() -> LeapingClock:
    return LeapingClock()


@pytest.fixture
def door(bot_clock: LeapingClock) -> Door:
    return Door(bot_clock)


@pytest.fixture
async def caller(parts: TestParts, door: Door) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(replace(parts, chats=door)) as client:
        yield client


@pytest.fixture
def theirs() -> Any:
    crypto = pytest.importorskip("wechatpy.enterprise.crypto", reason="dev extra: wechatpy")
    return crypto.WeChatCrypto(TOKEN, KEY, CORP)


def echo_with_plus() -> tuple[str, str]:
    """An encrypted word that has a + in it, with its signature."""
    crypto = MessageCrypto(token=TOKEN, encoding_aes_key=KEY, receive_id=CORP)
    echo = next(word for word in (crypto.encrypt("1616140317555161061") for _ in range(200)) if "+" in word)
    return echo, crypto.signature("1409659589", "263014780", echo)


async def test_the_consoles_check_hears_its_word_and_nothing_else(caller: httpx.AsyncClient) -> None:
    echo, signature = echo_with_plus()
    query = f"msg_signature={signature}&timestamp=1409659589&nonce=263014780&echostr="

    right = await caller.get(f"/bots/wecom_app?{query}{quote(echo, safe='')}")
    spaces = await caller.get(f"/bots/wecom_app?{query}{echo}")

    assert (right.status_code, right.content) == (200, b"1616140317555161061")
    assert right.headers["content-type"].startswith("text/plain")
    assert (spaces.status_code, spaces.content) == (403, b"")


async def test_a_message_that_wechatpy_encrypted_is_kept_and_answered_with_nothing(
    caller: httpx.AsyncClient, door: Door, theirs: Any
) -> None:
    body = theirs.encrypt_message(MESSAGE, "1372623149", "1409659813")
    signature = body.split("<MsgSignature><![CDATA[")[1].split("]]>")[0]
    query = {"msg_signature": signature, "timestamp": "1409659813", "nonce": "1372623149"}

    answer = await caller.post("/bots/wecom_app", params=query, content=body.encode())
    forged = await caller.post("/bots/wecom_app", params={**query, "nonce": "1"}, content=body.encode())

    assert (answer.status_code, answer.content) == (200, b"")
    assert [message.text for message in door.kept] == ["客户嫌贵"]
    assert (forged.status_code, forged.content) == (403, b"")


async def test_a_smart_bots_bubble_is_begun_refreshed_and_ended(
    caller: httpx.AsyncClient, door: Door, bot_clock: LeapingClock
) -> None:
    crypto = MessageCrypto(token=TOKEN, encoding_aes_key=KEY, receive_id="")
    fake = FakeCaller(crypto, bot_clock)
    chat = FakeBotChat(fake, bot_clock, edge=lambda request: None)  # type: ignore[arg-type,return-value] # HTTP instead

    async def call(**message: Any) -> dict[str, Any]:
        request = fake.bot(chat.message(**message))
        answer = await caller.post("/bots/wecom_bot_url", params=dict(request.query), content=request.body)
        return fake.read(CallbackAnswer(body=answer.content))

    begun = await call(msgtype="text", text={"content": "客户嫌贵"})
    [message] = door.kept
    door.answers[message.answer_id] = Outgoing(
        answer_id=message.answer_id,
        to=message.sender,
        text="先问预算。[1]",
        state=State.FINISHED,
        asked_at=bot_clock.now(),
        reply_to=message.reply_to,
    )
    ended = await call(msgtype="stream", stream={"id": begun["stream"]["id"]})

    assert begun["stream"] == {
        "id": message.answer_id,
        "finish": False,
        "content": "正在看…",
        "feedback": {"id": message.answer_id},
    }
    assert ended["stream"] == {"id": message.answer_id, "finish": True, "content": "先问预算。[1]"}
