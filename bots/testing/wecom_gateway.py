"""WeCom's gateway for smart bots: one connection per bot, acknowledgements, streams of six minutes, kicks."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bots.clock import Clock
from bots.testing.loopback import Reply, Request, json_reply, serving

_STREAM_S = 360.0
_AT_ONCE_S = 5.0
_RESPONSE_LIFETIME_S = 3600.0
_MOST_BYTES = 20480
_PER_MINUTE = 30
_PATIENCE_S = 10.0
"""Of the wall clock, for `until`: a test that waits longer has failed."""

Frame = dict[str, Any]


@dataclass(slots=True)
class Bubble:
    """What a member sees of one stream."""

    texts: list[str] = field(default_factory=list)
    begun_at: float = 0.0
    finishes: int = 0

    @property
    def text(self) -> str:
        """What it shows now."""
        return self.texts[-1] if self.texts else ""


@dataclass(slots=True)
class FakeGateway:
    """The gateway and the chats behind it.

    Attributes:
        secrets: Bot id → secret.
        bubbles: By stream id; `messages` are those of `aibot_send_msg`, `welcomes` and `updates` the like.
        faults: What our side did against the protocol.
        ended: Finished texts and messages, in the order in which a rep could have read them.
        subscribed_at: When each subscription came, also refused ones.
        connections: How many were opened.
        drop_pongs: Pings get no acknowledgement.
        lose_acks: So many next frames are taken and their acknowledgements lost.
        refuse_next: Answer the next frame with this code and take nothing of it.
        answers_per_minute: What one chat takes; more is refused with 45009.
        close_after: Close with this code after the next frame that is not a ping, before it is taken.
        cut_after: The same, but after it was taken and before its acknowledgement.
        has_addresses: Messages bring a `response_url`.
        responded: What came by the questions' own addresses, each of which takes one message.
        lose_responses: So many next messages to such addresses are taken and get no answer.
    """

    clock: Clock
    secrets: dict[str, str] = field(default_factory=lambda: {"BOT": "bot-secret-of-the-fake"})
    bubbles: defaultdict[str, Bubble] = field(default_factory=lambda: defaultdict(Bubble))
    messages: list[Frame] = field(default_factory=list)
    welcomes: list[Frame] = field(default_factory=list)
    updates: list[Frame] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    subscribed_at: list[float] = field(default_factory=list)
    connections: int = 0
    drop_pongs: bool = False
    lose_acks: int = 0
    close_after: int | None = None
    cut_after: int | None = None
    responded: list[Frame] = field(default_factory=list)
    has_addresses: bool = False
    lose_responses: int = 0
    refuse_next: int = 0
    answers_per_minute: int = _PER_MINUTE
    url: str = ""
    _current: dict[str, ServerConnection] = field(default_factory=dict)
    _asked_at: dict[str, float] = field(default_factory=dict)
    _in_flight: set[str] = field(default_factory=set)
    _times: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _codes: dict[str, float] = field(default_factory=dict)
    _late_url: str = ""
    _made: int = 0

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Yield the address."""
        with serving(self._responded) as self._late_url:
            async with serve(self._serve, "127.0.0.1", 0, ping_interval=None, close_timeout=1) as server:
                self.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
                yield self.url

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait for what our side does; not for time."""
        async with asyncio.timeout(_PATIENCE_S):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    @property
    def is_connected(self) -> bool:
        """Whether a bot is subscribed."""
        return bool(self._current)

    async def say(self, text: str, **more: Any) -> str:
        """Deliver a text; returns its req_id."""
        return await self.deliver(msgtype="text", text={"content": text}, **more)

    async def deliver(self, *, req_id: str = "", **body: Any) -> str:
        """Deliver a message or, with an `event`, an event."""
        self._made += 1
        req_id = req_id or f"REQ{self._made}"
        self._asked_at[req_id] = self.clock.now()
        command = "aibot_event_callback" if body.get("msgtype") == "event" else "aibot_msg_callback"
        common = {"msgid": f"M{self._made}", "aibotid": "BOT", "chattype": "single", "from": {"userid": "zhangsan"}}
        if self.has_addresses:
            self._codes.setdefault(req_id, self.clock.now() + _RESPONSE_LIFETIME_S)
            common["response_url"] = f"{self._late_url}/cgi-bin/aibot/response?response_code={req_id}"
        await self.send_raw(json.dumps({"cmd": command, "headers": {"req_id": req_id}, "body": {**common, **body}}))
        return req_id

    async def send_raw(self, raw: str) -> None:
        """Send anything to the subscribed connection."""
        await next(iter(self._current.values())).send(raw)

    async def close(self, code: int) -> None:
        """Close the subscribed connection; 1006 breaks it off without a word."""
        for socket in list(self._current.values()):
            self._current.clear()
            if code == 1006:
                socket.transport.abort()
            else:
                await socket.close(code)

    async def _serve(self, socket: ServerConnection) -> None:
        self.connections += 1
        try:
            async for raw in socket:
                await self._take(socket, json.loads(raw))
                self._changed.set()
        except ConnectionClosed:
            pass
        finally:
            self._current = {bot: held for bot, held in self._current.items() if held is not socket}
            self._changed.set()

    async def _take(self, socket: ServerConnection, frame: Frame) -> None:
        command, req_id = frame.get("cmd"), frame["headers"]["req_id"]
        self.frames.append(frame)
        if command == "aibot_subscribe":
            await self._ack(socket, req_id, await self._subscribe(socket, frame["body"]))
            return
        if command == "ping":
            if not self.drop_pongs:
                await self._ack(socket, req_id, 0)
            return
        if socket not in self._current.values():
            self.faults.append("a frame before the subscription")
            return
        if self.close_after is not None:
            code, self.close_after = self.close_after, None
            await self.close(code)
            return
        if self.refuse_next:
            code, self.refuse_next = self.refuse_next, 0
            await self._ack(socket, req_id, code)
            return
        code = self._answered(str(command), req_id, frame.get("body") or {})
        if self.cut_after is not None:
            cut, self.cut_after = self.cut_after, None
            await self.close(cut)
            return
        if self.lose_acks:
            self.lose_acks -= 1
            return
        await self._ack(socket, req_id, code)

    async def _ack(self, socket: ServerConnection, req_id: str, code: int) -> None:
        words = "ok" if code == 0 else "error"
        await socket.send(json.dumps({"headers": {"req_id": req_id}, "errcode": code, "errmsg": words}))

    async def _subscribe(self, socket: ServerConnection, body: Frame) -> int:
        self.subscribed_at.append(self.clock.now())
        bot = str(body.get("bot_id"))
        if self.secrets.get(bot) != body.get("secret"):
            return 853000
        old = self._current.get(bot)
        self._current[bot] = socket
        if old is not None:
            await self._kick(old)
        return 0

    async def _kick(self, socket: ServerConnection) -> None:
        event = {"msgid": "K", "aibotid": "BOT", "msgtype": "event", "event": {"eventtype": "disconnected_event"}}
        kick = {"cmd": "aibot_event_callback", "headers": {"req_id": "K"}, "body": event}
        await socket.send(json.dumps(kick))
        await socket.close(1000)

    def _answered(self, command: str, req_id: str, body: Frame) -> int:
        match command:
            case "aibot_respond_msg":
                return self._respond(req_id, body)
            case "aibot_send_msg":
                return self._send(body)
            case "aibot_respond_welcome_msg":
                return self._at_once(req_id, body, self.welcomes)
            case "aibot_respond_update_msg":
                return self._at_once(req_id, body, self.updates)
        self.faults.append(f"unknown command {command}")
        return 40008

    def _at_once(self, req_id: str, body: Frame, kept: list[Frame]) -> int:
        asked_at = self._asked_at.pop(req_id, None)
        if asked_at is None or self.clock.now() - asked_at > _AT_ONCE_S:
            return 846605
        kept.append(body)
        return 0

    def _respond(self, req_id: str, body: Frame) -> int:
        if req_id not in self._asked_at:
            return 846605
        if body.get("msgtype") != "stream":
            self.messages.append(body)
            return 0
        stream = body["stream"]
        bubble = self.bubbles[stream["id"]]
        bubble.begun_at = bubble.begun_at or self.clock.now()
        if bubble.finishes or self.clock.now() - bubble.begun_at > _STREAM_S:
            return 846608
        if self._is_too_fast(req_id):
            return 45009
        content = str(stream["content"])
        if len(content.encode()) > _MOST_BYTES:
            self.faults.append("the text is too long")
        if stream["finish"] and not content:
            self.faults.append("an empty end blanks the bubble")
        bubble.texts.append(content)
        bubble.finishes += bool(stream["finish"])
        if stream["finish"]:
            self.ended.append(content)
        return 0

    def _send(self, body: Frame) -> int:
        if body.get("msgtype") == "stream":
            self.faults.append("a stream without a question")
        if len(str(body.get("markdown", {}).get("content", "")).encode()) > _MOST_BYTES:
            self.faults.append("the text is too long")
        if self._is_too_fast(str(body.get("chatid"))):
            return 45009
        self.messages.append(body)
        self.ended.append(str(body.get("markdown", {}).get("content", "")))
        return 0

    def _responded(self, request: Request) -> Reply:
        """Take the first message that comes by a question's address, and leave out the later ones."""
        is_lost = self.lose_responses > 0
        self.lose_responses -= is_lost
        code = request.query.get("response_code", "")
        until, self._codes[code] = self._codes.get(code, 0.0), 0.0
        if self.clock.now() < until:
            self.responded.append(request.json())
            self.ended.append(str(request.json().get("markdown", {}).get("content", "")))
        return replace(json_reply({"errcode": 0, "errmsg": "ok"}), lost=is_lost)

    def _is_too_fast(self, chat: str) -> bool:
        now = self.clock.now()
        self._times[chat] = [at for at in self._times[chat] if at > now - 60]
        self._times[chat].append(now)
        return len(self._times[chat]) > self.answers_per_minute
