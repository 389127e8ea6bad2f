"""WeCom's side of a smart bot by URL: a chat that asks for an answer's present text until it is finished."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from bots.clock import Clock
from bots.platform import CallbackAnswer, CallbackRequest
from bots.testing.loopback import Reply, Request, json_reply, serving
from bots.testing.wecom_callbacks import FakeCaller

Edge = Callable[[CallbackRequest], Awaitable[CallbackAnswer]]
_ASKED_FOR_S = 360.0
_MOST_BYTES = 20480
_RESPONSE_LIFETIME_S = 3600.0


@dataclass(slots=True)
class Bubble:
    """What a member sees of one answer.

    Attributes:
        texts: Each text that it showed, in order.
    """

    stream_id: str
    asked_at: float
    texts: list[str] = field(default_factory=list)
    finished: bool = False
    cards: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class FakeBotChat:
    """One member's chat with the bot.

    Attributes:
        edge: Our callback address.
        later: Messages that came by response URLs; `ignored` those that came a second time or too late.
        faults: What our side did against the protocol.
        lose_next: The next message by a response URL is taken and gets no answer.
    """

    caller: FakeCaller
    clock: Clock
    edge: Edge
    user: str = "zhangsan"
    bubbles: dict[str, Bubble] = field(default_factory=dict)
    later: list[dict[str, Any]] = field(default_factory=list)
    ignored: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    lose_next: bool = False
    base_url: str = ""
    _codes: dict[str, float] = field(default_factory=dict)
    _made: int = 0

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve the response URLs."""
        with serving(self._responded) as url:
            self.base_url = url
            yield url

    async def say(self, text: str, **more: Any) -> Bubble:
        """Send a text and take the first answer."""
        if sum(not bubble.finished for bubble in self.bubbles.values()) >= 3:
            self.faults.append("three answers are open already")
        said = await self._call(self.message(msgtype="text", text={"content": text}, **more))
        bubble = Bubble(stream_id=str(said.get("stream", {}).get("id", "")), asked_at=self.clock.now())
        self.bubbles[bubble.stream_id] = bubble
        self._show(bubble, said)
        return bubble

    async def refresh(self, bubble: Bubble) -> None:
        """Ask for the present text, as the platform does until the end or six minutes."""
        if bubble.finished or self.clock.now() - bubble.asked_at > _ASKED_FOR_S:
            return
        said = await self._call(self.message(msgtype="stream", stream={"id": bubble.stream_id}))
        self._show(bubble, said)

    async def press(self, task_id: str, key: str) -> dict[str, Any]:
        """Press a button; returns what the answer changes the card to."""
        press = {"card_type": "button_interaction", "event_key": key, "task_id": task_id}
        event = {"eventtype": "template_card_event", "template_card_event": press}
        return await self._call(self.message(msgtype="event", event=event))

    def message(self, **more: Any) -> dict[str, Any]:
        """Return a callback of this member with a fresh id and response URL."""
        self._made += 1
        code = f"rc{self._made}"
        self._codes[code] = self.clock.now() + _RESPONSE_LIFETIME_S
        url = f"{self.base_url}/cgi-bin/aibot/response?response_code={code}"
        common = {"msgid": f"M{self._made}", "aibotid": "BOT", "chattype": "single", "from": {"userid": self.user}}
        return {**common, "response_url": url, **more}

    async def _call(self, message: dict[str, Any]) -> dict[str, Any]:
        return self.caller.read(await self.edge(self.caller.bot(message)))

    def _show(self, bubble: Bubble, said: dict[str, Any]) -> None:
        stream = said.get("stream", {})
        content = str(stream.get("content", ""))
        if stream.get("id") != bubble.stream_id:
            self.faults.append("the stream's id changed")
        if len(content.encode()) > _MOST_BYTES:
            self.faults.append("the text is too long")
        if stream.get("finish") and not content:
            self.faults.append("an empty end blanks the bubble")
        if said.get("template_card"):
            bubble.cards.append(said["template_card"])
        bubble.texts.append(content)
        bubble.finished = bool(stream.get("finish"))

    def _responded(self, request: Request) -> Reply:
        until = self._codes.pop(request.query.get("response_code", ""), 0.0)
        in_time = self.clock.now() < until
        (self.later if in_time else self.ignored).append(request.json())
        is_lost, self.lose_next = self.lose_next, False
        return replace(json_reply({"errcode": 0, "errmsg": "ok"}), lost=is_lost)
