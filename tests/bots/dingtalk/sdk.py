"""The platform's own SDK, pointed at the fake: what the fake is proven with."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import websockets.exceptions  # noqa: F401 - the SDK uses it without importing it

from bots.testing.dingtalk import SECRET, FakeDingtalk

stream = pytest.importorskip("dingtalk_stream", reason="the dev extra brings DingTalk's SDK")


def point_at(fake: FakeDingtalk, monkeypatch: pytest.MonkeyPatch) -> None:
    from dingtalk_stream import card_replier, chatbot
    from dingtalk_stream import stream as client

    for module in (card_replier, chatbot, client):
        monkeypatch.setattr(module, "DINGTALK_OPENAPI_ENDPOINT", fake.place.http)
    opening = f"{fake.place.http}/v1.0/gateway/connections/open"
    monkeypatch.setattr(client.DingTalkStreamClient, "OPEN_CONNECTION_API", opening)


class Listener(stream.ChatbotHandler):  # type: ignore[misc]  # the SDK has no types
    """Keeps what it hears; raises as often as it is told to."""

    def __init__(self, *, failures: int = 0) -> None:
        super().__init__()
        self.heard: list[str] = []
        self.failures = failures

    async def process(self, callback: Any) -> tuple[int, str]:
        message = stream.ChatbotMessage.from_dict(callback.data)
        self.heard.append(message.text.content.strip())
        if len(self.heard) <= self.failures:
            raise RuntimeError("the handler fails")
        return stream.AckMessage.STATUS_OK, "OK"


def new_client(secret: str = SECRET) -> Any:
    return stream.DingTalkStreamClient(stream.Credential("app-1", secret))


@contextmanager
def listening(listener: Listener) -> Iterator[Any]:
    """Run the SDK in a thread, for its calls block the loop; its task cannot be cancelled, so it is led out."""
    client = new_client()
    client.register_callback_handler(stream.ChatbotMessage.TOPIC, listener)
    loops: list[asyncio.AbstractEventLoop] = []

    async def start() -> None:
        loops.append(asyncio.get_running_loop())
        await client.start()

    thread = threading.Thread(target=asyncio.run, args=(start(),), daemon=True)
    thread.start()
    try:
        yield client
    finally:
        client.open_connection = _leave
        asyncio.run_coroutine_threadsafe(client.websocket.close(), loops[0])
        thread.join(5)
    assert not thread.is_alive()


def _leave() -> None:
    raise KeyboardInterrupt  # the one thing that ends the SDK's loop
