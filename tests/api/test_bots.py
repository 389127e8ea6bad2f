"""Chat platforms call us: what is signed is kept before it is answered, everything else gets one and the same 403."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from api.testing import TestParts, client_of
from bots.dingtalk.callback import DingtalkCallback
from bots.dingtalk.config import DingtalkConfig
from bots.inbound import InboundMessage
from bots.outgoing import Outgoing
from bots.platform import CallbackPlatform, CallbackRequest
from bots.testing.clock import LeapingClock
from bots.testing.dingtalk_callbacks import event_callback, robot_callback
from bots.testing.dingtalk_messages import robot_message
from bots.wecom.crypto import MessageCrypto
from domain.errors import UpstreamError

SECRET, TOKEN, KEY = "app-secret", "123456", "4g5j64qlyl3zvetqxz5jiocdr586fn2zvjpa8zls3ij"
CRYPTO = MessageCrypto(token=TOKEN, encoding_aes_key=KEY, receive_id="app-1")


class Door:
    """One DingTalk app; keeps messages in a list, or cannot."""

    def __init__(self, clock: LeapingClock) -> None:
        config = DingtalkConfig(client_id="app-1", client_secret=SECRET, event_token=TOKEN, event_aes_key=KEY)
        self._dingtalk = DingtalkCallback(config, clock)
        self.kept: list[InboundMessage] = []
        self.is_full = False

    def platform(self, channel: str) -> CallbackPlatform | None:
        return self._dingtalk if channel == "dingtalk_http" else None

    async def keep(self, message: InboundMessage) -> None:
        if self.is_full:
            raise UpstreamError("store.busy")
        self.kept.append(message)

    async def outgoing(self, answer_id: str) -> Outgoing | None:
        return None


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


async def send(
    caller: httpx.AsyncClient, request: CallbackRequest, *, channel: str = "dingtalk_http"
) -> httpx.Response:
    return await caller.request(
        request.method,
        f"/bots/{channel}",
        params=dict(request.query),
        headers=dict(request.headers),
        content=request.body,
    )


async def test_a_signed_message_is_kept_and_answered(
    caller: httpx.AsyncClient, door: Door, bot_clock: LeapingClock
) -> None:
    answer = await send(caller, robot_callback(robot_message(), secret=SECRET, now=bot_clock.now()))
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"{}", "application/json")
    assert [message.text for message in door.kept] == ["客户说太贵了怎么回"]


async def test_an_event_subscription_is_confirmed(caller: httpx.AsyncClient, bot_clock: LeapingClock) -> None:
    answer = await send(caller, event_callback({"EventType": "check_url"}, CRYPTO, now=bot_clock.now()))
    assert CRYPTO.decrypt(json.loads(answer.content)["encrypt"]) == "success"


async def test_whatever_is_wrong_looks_the_same(
    caller: httpx.AsyncClient, parts: TestParts, door: Door, bot_clock: LeapingClock
) -> None:
    right = robot_callback(robot_message(), secret=SECRET, now=bot_clock.now())
    answers = [
        await send(caller, robot_callback(robot_message(), secret="another", now=bot_clock.now())),
        await send(caller, robot_callback(robot_message(), secret=SECRET, now=bot_clock.now() - 4000)),
        await send(caller, replace(right, headers={})),
        await send(caller, replace(right, method="GET")),
        await send(caller, right, channel="wecom_app"),
        await send(caller, right, channel="nobody"),
        await send(caller, replace(event_callback({}, CRYPTO, now=bot_clock.now()), body=b'{"encrypt": "x"}')),
    ]
    async with client_of(parts) as without_bots:
        answers.append(await send(without_bots, right))
    assert {(answer.status_code, answer.content) for answer in answers} == {(403, b"")}
    assert len({answer.headers.get("content-type") for answer in answers}) == 1
    assert door.kept == []


async def test_what_cannot_be_kept_is_not_acknowledged(
    caller: httpx.AsyncClient, door: Door, bot_clock: LeapingClock
) -> None:
    door.is_full = True
    answer = await send(caller, robot_callback(robot_message(), secret=SECRET, now=bot_clock.now()))
    assert answer.status_code >= 500
