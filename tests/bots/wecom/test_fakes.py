"""Each fake serves the platform's own clients, or a library that others wrote, before it serves ours."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import Any

import pytest

from bots.testing.clock import LeapingClock, ManualClock
from bots.testing.wecom_api import FakeQyapi
from bots.testing.wecom_callbacks import FakeCaller, app_text
from bots.testing.wecom_gateway import FakeGateway
from bots.wecom.crypto import MessageCrypto

TOKEN, KEY = "QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"


@pytest.fixture
def aibot(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The official smart-bot SDK; it insists on TLS unless its context is taken away."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        aibot = pytest.importorskip("aibot", reason="dev extra: wecom-aibot-python-sdk")
        monkeypatch.setattr("aibot.ws._SSL_CONTEXT", None)
    return aibot


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    gateway = FakeGateway(ManualClock())
    async with gateway.serve():
        yield gateway


class Quiet:
    """A logger for the SDK that keeps its errors."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def error(self, message: str, *more: Any) -> None:
        self.errors.append(message)

    def info(self, message: str, *more: Any) -> None: ...

    warn = debug = info


@pytest.fixture
async def sdk(aibot: ModuleType, gateway: FakeGateway) -> AsyncIterator[Any]:
    options = aibot.WSClientOptions(
        bot_id="BOT", secret=gateway.secrets["BOT"], ws_url=gateway.url, heartbeat_interval=20, logger=Quiet()
    )
    client = aibot.WSClient(options)
    yield client
    client.disconnect()
    await asyncio.sleep(0)


async def test_the_official_sdk_subscribes_answers_in_a_stream_and_pushes(sdk: Any, gateway: FakeGateway) -> None:
    got: asyncio.Queue[Any] = asyncio.Queue()
    sdk.on("message.text", got.put_nowait)
    await sdk.connect()
    await gateway.until(lambda: gateway.is_connected)
    await gateway.say("你好")
    frame = await asyncio.wait_for(got.get(), 5)

    first = await sdk.reply_stream(frame, "s1", "正在分析…")
    last = await sdk.reply_stream(frame, "s1", "完整回复", finish=True)
    pushed = await sdk.send_message("zhangsan", {"msgtype": "markdown", "markdown": {"content": "报告好了"}})

    assert frame["body"]["text"]["content"] == "你好"
    assert [ack["errcode"] for ack in (first, last, pushed)] == [0, 0, 0]
    assert gateway.bubbles["s1"].texts == ["正在分析…", "完整回复"]
    assert [message["markdown"]["content"] for message in gateway.messages] == ["报告好了"]
    assert gateway.faults == []
    await gateway.until(lambda: any(frame["cmd"] == "ping" for frame in gateway.frames))


async def test_the_official_sdk_is_told_when_a_stream_is_over(sdk: Any, gateway: FakeGateway) -> None:
    got: asyncio.Queue[Any] = asyncio.Queue()
    sdk.on("message.text", got.put_nowait)
    await sdk.connect()
    await gateway.until(lambda: gateway.is_connected)
    await gateway.say("你好")
    frame = await asyncio.wait_for(got.get(), 5)
    await sdk.reply_stream(frame, "s1", "正在分析…")
    assert isinstance(gateway.clock, ManualClock)
    await gateway.clock.advance(361)

    with pytest.raises(RuntimeError, match="846608"):
        await sdk.reply_stream(frame, "s1", "完整回复", finish=True)


async def test_the_official_sdk_greets_and_changes_cards_in_time(sdk: Any, gateway: FakeGateway) -> None:
    entered: asyncio.Queue[Any] = asyncio.Queue()
    pressed: asyncio.Queue[Any] = asyncio.Queue()
    sdk.on("event.enter_chat", entered.put_nowait)
    sdk.on("event.template_card_event", pressed.put_nowait)
    await sdk.connect()
    await gateway.until(lambda: gateway.is_connected)

    await gateway.deliver(msgtype="event", event={"eventtype": "enter_chat"})
    await sdk.reply_welcome(await asyncio.wait_for(entered.get(), 5), {"msgtype": "text", "text": {"content": "你好"}})
    press = {"eventtype": "template_card_event", "event_key": "accept:d1", "task_id": "t1"}
    await gateway.deliver(msgtype="event", event=press)
    await sdk.update_template_card(await asyncio.wait_for(pressed.get(), 5), {"task_id": "t1"})

    assert gateway.welcomes[0]["text"]["content"] == "你好"
    assert gateway.updates[0]["template_card"]["task_id"] == "t1"


async def test_the_official_sdk_is_refused_with_a_wrong_secret(aibot: ModuleType, gateway: FakeGateway) -> None:
    logger = Quiet()
    client = aibot.WSClient(aibot.WSClientOptions(bot_id="BOT", secret="wrong", ws_url=gateway.url, logger=logger))
    refused = asyncio.Event()
    client.on("error", lambda error: refused.set())

    await client.connect()
    await asyncio.wait_for(refused.wait(), 5)
    client.disconnect()

    assert not gateway.is_connected
    assert any("853000" in error for error in logger.errors)


@pytest.fixture
def qyapi() -> Iterator[FakeQyapi]:
    fake = FakeQyapi(LeapingClock())
    with fake.serve():
        yield fake


@pytest.fixture
def wechatpy(qyapi: FakeQyapi) -> Any:
    """A client that others wrote, its fixed address led to loopback."""
    enterprise = pytest.importorskip("wechatpy.enterprise", reason="dev extra: wechatpy")
    import requests

    class ToLoopback(requests.adapters.HTTPAdapter):
        def send(self, request: requests.PreparedRequest, **more: Any) -> requests.Response:
            request.url = str(request.url).replace("https://qyapi.weixin.qq.com", qyapi.base_url)
            return super().send(request, **more)

    client = enterprise.WeChatClient(qyapi.corp_id, qyapi.secret)
    client._http.mount("https://qyapi.weixin.qq.com", ToLoopback())
    return client


def test_wechatpy_sends_and_renews_an_expired_token_once(wechatpy: Any, qyapi: FakeQyapi) -> None:
    wechatpy.message.send_text(qyapi.agent_id, ["zhangsan"], content="第一句")
    qyapi.expire_now()
    wechatpy.message.send_text(qyapi.agent_id, ["zhangsan"], content="第二句")

    assert [shown.text for shown in qyapi.shown] == ["第一句", "第二句"]
    assert qyapi.calls == [
        "/cgi-bin/gettoken",
        "/cgi-bin/message/send",
        "/cgi-bin/message/send",
        "/cgi-bin/gettoken",
        "/cgi-bin/message/send",
    ]


def test_wechatpy_hears_of_strangers_and_wrong_secrets(wechatpy: Any, qyapi: FakeQyapi) -> None:
    from wechatpy.exceptions import WeChatClientException

    with pytest.raises(WeChatClientException, match="81013"):
        wechatpy.message.send_text(qyapi.agent_id, ["nobody"], content="喂")
    wechatpy.session.delete(wechatpy.access_token_key)
    wechatpy.secret = "wrong"
    with pytest.raises(WeChatClientException, match="40001"):
        wechatpy.fetch_access_token()


def test_wechatpys_long_text_is_cut_without_a_word(wechatpy: Any, qyapi: FakeQyapi) -> None:
    wechatpy.message.send_text(qyapi.agent_id, ["zhangsan"], content="好" * 1000)

    assert qyapi.shown[0].was_cut
    assert len(qyapi.shown[0].text.encode()) <= 2048


def test_wechatpy_reads_what_the_fake_caller_sends(qyapi: FakeQyapi) -> None:
    crypto = pytest.importorskip("wechatpy.enterprise.crypto", reason="dev extra: wechatpy")
    from wechatpy.enterprise import parse_message

    caller = FakeCaller(MessageCrypto(token=TOKEN, encoding_aes_key=KEY, receive_id=qyapi.corp_id), qyapi.clock)
    theirs = crypto.WeChatCrypto(TOKEN, KEY, qyapi.corp_id)
    request = caller.app(app_text("客户嫌贵 ]]> <b>"))
    check = caller.address_check("1616140317555161061")

    query = request.query
    xml = theirs.decrypt_message(request.body, query["msg_signature"], query["timestamp"], query["nonce"])
    message = parse_message(xml)
    query = check.query
    echo = theirs.check_signature(query["msg_signature"], query["timestamp"], query["nonce"], query["echostr"])

    assert (message.content, message.source) == ("客户嫌贵 ]]> <b>", "zhangsan")
    assert echo == "1616140317555161061"
