"""A DingTalk that stands on this machine: its rules about tickets, tokens, cards, sessions and rates.

Time is the given clock's. What happens over the wire is in `dingtalk_routes.py`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from bots.clock import Clock
from bots.testing.asgi import Place, served
from bots.testing.dingtalk_messages import robot_message

TICKET_S = 90.0
TOKEN_S = 7200
REDELIVER_AFTER_S = 60.0
SESSION_S = 5400.0
BOT_TOPIC = "/v1.0/im/bot/messages/get"
CARD_TOPIC = "/v1.0/card/instances/callback"
SECRET = "app-secret"  # noqa: S105 - of an app that does not exist


class Line(Protocol):
    """One connection, as the rules see it."""

    async def send(self, frame: Mapping[str, Any]) -> None:
        """Send a frame."""
        ...

    async def hang_up(self, code: int) -> None:
        """Close with this code."""
        ...


@dataclass(slots=True, kw_only=True)
class Frame:
    """A frame that waits for its answer.

    Attributes:
        sent_at: Of each delivery, by the clock.
        answers: What came back, in order; `answered_at` when.
        is_adrift: The connection that got it is gone, and its answer with it.
    """

    frame: dict[str, Any]
    sent_at: list[float] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    answered_at: list[float] = field(default_factory=list)
    is_adrift: bool = False


@dataclass(slots=True, kw_only=True)
class FakeCard:
    """A card as a person sees it.

    Attributes:
        updates: Each shown text with its hour.
    """

    variables: dict[str, str]
    space: str = ""
    updates: list[tuple[float, str]] = field(default_factory=list)
    is_final: bool = False
    is_error: bool = False
    guids: set[str] = field(default_factory=set)

    @property
    def is_spinning(self) -> bool:
        """Whether a person still sees it work."""
        return bool(self.space) and not (self.is_final and self.variables.get("flowStatus") in ("3", "5"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A message that reached a chat: `way` is webhook, person or group; `to` the session, person or group."""

    way: str
    to: str
    title: str
    text: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An answer to give instead of the right one."""

    status: int
    body: Mapping[str, Any]


class FakeDingtalk:
    """The platform's side of one app. All methods run in the loop of `place`; tests come in through `ask`."""

    def __init__(self, clock: Clock, *, client_id: str = "app-1", client_secret: str = SECRET, qps: int = 1000) -> None:
        self.clock = clock
        self.client_id, self.client_secret = client_id, client_secret
        self.template_id = "tpl.schema"
        self.qps = qps
        self.permissions = {"Card.Streaming.Write", "Card.Instance.Write", "Robot.Message.Send"}
        self.people = {"user123"}
        self.place = Place(0)
        self.calls: list[tuple[str, Any]] = []
        self.opened: list[dict[str, Any]] = []
        self.tickets: dict[str, float] = {}
        self.lines: list[Line] = []
        self.frames: dict[str, Frame] = {}
        self.unanswered: dict[str, Frame] = {}
        self.cards: dict[str, FakeCard] = {}
        self.shown: list[Shown] = []
        self.wrong: list[str] = []
        self.sessions: dict[str, float] = {}
        self.files: dict[str, bytes] = {}
        self.tokens: dict[str, float] = {}
        self.token_count = 0
        self.faults: dict[str, deque[Fault]] = {}
        self._card_calls: deque[float] = deque()
        self._random = random.Random(1)  # noqa: S311 - which connection gets a message, not a secret
        self._number = itertools.count(1)
        self._changed: asyncio.Condition | None = None

    # -- coming in from a test --

    async def until(self, holds: Callable[[], bool], *, timeout_s: float = 30.0) -> None:
        """Wait, from the test's loop, until something holds here."""
        await self.place.run(self._until(holds), timeout_s=timeout_s)

    async def say(self, text: str = "客户说太贵了", *, message_id: str = "", **changed: Any) -> str:
        """Deliver a message of a person over one of the connections; return the frame's id."""
        message = self.message(text, **changed)
        return await self.place.run(self.push(BOT_TOPIC, message, message_id=message_id))

    def message(self, text: str = "客户说太贵了", **changed: Any) -> dict[str, Any]:
        """Return a message with an id and a live session of its own."""
        number = next(self._number)
        now = self.clock.now()
        session = f"{self.place.http}/robot/sendBySession?session=s{number}"
        self.sessions[f"s{number}"] = now + SESSION_S
        return robot_message(
            **{
                "msgId": f"msg-{number}",
                "text": {"content": f" {text}"},
                "createAt": int(now * 1000),
                "sessionWebhook": session,
                "sessionWebhookExpiredTime": int((now + SESSION_S) * 1000),
                **changed,
            }
        )

    def fail(self, path: str, status: int, code: str, *, times: int = 1, message: str = "") -> None:
        """Answer the next calls of a path with an error."""
        body = {"code": code, "message": message or code, "requestid": "r-1"}
        self.faults.setdefault(path, deque()).extend([Fault(status=status, body=body)] * times)

    # -- connections --

    def open_connection(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Hand out a ticket."""
        self.opened.append(dict(body))
        if (body.get("clientId"), body.get("clientSecret")) != (self.client_id, self.client_secret):
            return 401, _error("InvalidCredentials")
        if not body.get("subscriptions"):
            return 400, _error("MissingSubscriptions")
        ticket = f"ticket {next(self._number)}+/="
        self.tickets[ticket] = self.clock.now() + TICKET_S
        return 200, {"endpoint": f"{self.place.ws}/connect", "ticket": ticket}

    def admit(self, ticket: str) -> bool:
        """Whether a ticket lets somebody in; it does so once."""
        return self.tickets.pop(ticket, 0.0) > self.clock.now()

    async def push(self, topic: str, data: object, *, kind: str = "CALLBACK", message_id: str = "", **more: str) -> str:
        """Send a frame to one of the connections and wait for its answer to come some time."""
        message_id = message_id or f"frame-{next(self._number)}"
        headers = {
            "appId": self.client_id,
            "connectionId": "c-1",
            "contentType": "application/json",
            "messageId": message_id,
            "time": str(int(self.clock.now() * 1000)),
            "topic": topic,
            **more,
        }
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        frame = {"specVersion": "1.0", "type": kind, "headers": headers, "data": text}
        one = self.frames.setdefault(message_id, Frame(frame=frame))
        if not one.answers:
            self.unanswered[message_id] = one
        await self._send(one)
        return message_id

    async def redeliver(self) -> int:
        """Send again what was not answered in time; return how many."""
        late_at = self.clock.now() - REDELIVER_AFTER_S
        late = [one for one in self.unanswered.values() if one.sent_at and one.sent_at[-1] <= late_at]
        for one in late:
            await self._send(one)
        return len(late)

    async def ask_to_leave(self) -> None:
        """Tell every connection to go; nothing more is delivered to it."""
        leaving, self.lines = self.lines, []
        for line in leaving:
            await line.send(_system("disconnect", {"reason": "persistent connection is timeout"}))

    async def hang_up(self, code: int = 1001) -> None:
        """Close every connection."""
        leaving, self.lines = self.lines, []
        for one in self.waiting:
            one.is_adrift = True
        for line in leaving:
            await line.hang_up(code)

    async def ping(self, opaque: str) -> None:
        """Send the platform's own ping to every connection."""
        for line in self.lines:
            self.frames[f"ping-{opaque}"] = Frame(frame={})
            await line.send(_system("ping", {"opaque": opaque}, message_id=f"ping-{opaque}"))

    async def send_raw(self, text: str) -> None:
        """Send anything to every connection."""
        for line in self.lines:
            await line.send({"raw": text})

    async def joined(self, line: Line) -> None:
        """A connection is there."""
        self.lines.append(line)
        await self.note_change()

    async def left(self, line: Line) -> None:
        """A connection is gone."""
        if line in self.lines:
            self.lines.remove(line)
        await self.note_change()

    async def answered(self, answer: dict[str, Any]) -> None:
        """A connection answered a frame."""
        message_id = answer.get("headers", {}).get("messageId", "")
        frame = self.frames.setdefault(message_id, Frame(frame={}))
        self.unanswered.pop(message_id, None)
        frame.answers.append(answer)
        frame.answered_at.append(self.clock.now())
        await self.note_change()

    @property
    def waiting(self) -> list[Frame]:
        """Frames that somebody has and has not answered yet."""
        return [one for one in self.unanswered.values() if not one.is_adrift]

    def codes(self, message_id: str) -> list[int]:
        """The codes with which a frame was answered."""
        return [answer["code"] for answer in self.frames[message_id].answers]

    # -- calls --

    def login(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Hand out a token; the same one while it is valid."""
        if (body.get("appKey"), body.get("appSecret")) != (self.client_id, self.client_secret):
            return 400, _error("invalidClientIdOrSecret")
        self.token_count += 1
        live = [token for token, until in self.tokens.items() if until > self.clock.now()]
        token = live[-1] if live else f"token-{next(self._number)}"
        self.tokens.setdefault(token, self.clock.now() + TOKEN_S)
        return 200, {"accessToken": token, "expireIn": int(self.tokens[token] - self.clock.now())}

    def refusal(self, path: str, token: str) -> Fault | None:
        """What keeps a call from being done: a fault that a test asked for, a stale token, too many calls."""
        if self.faults.get(path):
            return self.faults[path].popleft()
        if self.tokens.get(token, 0.0) <= self.clock.now():
            return Fault(status=401, body=_error("InvalidAuthentication"))
        needed = _permission(path)
        if needed not in self.permissions:
            message = f"应用尚未开通所需的权限：[{needed}]，点击链接申请并开通即可：https://open-dev.dingtalk.com/"
            return Fault(status=403, body=_error("Forbidden.AccessDenied.AccessTokenPermissionDenied", message))
        if path.startswith("/v1.0/card") and self._is_too_fast():
            return Fault(status=403, body=_error("Forbidden.AccessDenied.QpsLimitForApi"))
        return None

    def expire_tokens(self) -> None:
        """Make every token stale before its time."""
        self.tokens = dict.fromkeys(self.tokens, 0.0)

    async def note_change(self) -> None:
        """Wake whoever waits for something to hold."""
        condition = self._condition()
        async with condition:
            condition.notify_all()

    async def _send(self, one: Frame) -> None:
        one.sent_at.append(self.clock.now())
        one.is_adrift = not self.lines
        if self.lines:
            await self._random.choice(self.lines).send(one.frame)

    async def _until(self, holds: Callable[[], bool]) -> None:
        condition = self._condition()
        async with condition:
            await condition.wait_for(holds)

    def _condition(self) -> asyncio.Condition:
        if self._changed is None:
            self._changed = asyncio.Condition()
        return self._changed

    def _is_too_fast(self) -> bool:
        now = self.clock.now()
        while self._card_calls and self._card_calls[0] <= now - 1.0:
            self._card_calls.popleft()
        self._card_calls.append(now)
        return len(self._card_calls) > self.qps


@contextmanager
def standing(fake: FakeDingtalk, *, port: int = 0) -> Iterator[FakeDingtalk]:
    """Serve the platform until the block ends, on a free port unless one is given."""
    from bots.testing.dingtalk_routes import routes

    with served(routes(fake), port=port) as place:
        fake.place = place
        yield fake


def _system(topic: str, data: Mapping[str, Any], *, message_id: str = "system-1") -> dict[str, Any]:
    headers = {"contentType": "application/json", "messageId": message_id, "time": "0", "topic": topic}
    return {"specVersion": "1.0", "type": "SYSTEM", "headers": headers, "data": json.dumps(data)}


def _error(code: str, message: str = "") -> dict[str, Any]:
    return {"code": code, "message": message or code, "requestid": "r-1"}


def _permission(path: str) -> str:
    if path.startswith("/v1.0/card"):
        return "Card.Streaming.Write" if path.endswith("/streaming") else "Card.Instance.Write"
    return "Robot.Message.Send"
