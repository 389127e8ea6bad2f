"""One WebSocket connection of a smart bot: frames out with their acknowledgements, callbacks in, heartbeats."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from bots.clock import Clock
from bots.errors import RefusedError
from bots.wecom.steps import OutcomeUnknownError
from domain.errors import PlatformError

log = structlog.get_logger(__name__)

Frame = Mapping[str, Any]
OnFrame = Callable[[Frame], None]

T = TypeVar("T")

_ACK_S = 5.0
_BEAT_S = 30.0
_MISSED_ACKS = 2
_BAD_SECRET = 853000
_GONE = (846605, 846608)
_BUSY = (-1, 6000, 45009, 45033)


class GoneError(RefusedError):
    """What this would continue is over: a stream after its six minutes, a callback nobody remembers."""


class BadSecretError(RefusedError):
    """The bot's id or secret is wrong."""


class Connection:
    """Frames over an open socket.

    Args:
        on_frame: Takes each callback and must not wait: an acknowledgement that is waited for inside the reading
            loop never comes.
    """

    def __init__(self, socket: ClientConnection, clock: Clock, on_frame: OnFrame) -> None:
        self._socket = socket
        self._clock = clock
        self._on_frame = on_frame
        self._waiting: dict[str, asyncio.Future[Frame]] = {}

    @property
    def is_open(self) -> bool:
        """Whether frames can still go out."""
        return self._socket.state is State.OPEN

    async def subscribe(self, bot_id: str, secret: str) -> None:
        """Say who we are; any other connection of this bot is closed by it.

        Raises:
            BadSecretError: The id or the secret is wrong.
            PlatformError: It was not acknowledged.
        """
        await self.request("aibot_subscribe", {"bot_id": bot_id, "secret": secret})

    async def request(self, command: str, body: Mapping[str, Any] | None, *, req_id: str = "") -> Frame:
        """Send a frame and wait up to five seconds for its acknowledgement.

        Args:
            req_id: Of the callback that is answered; one frame at a time. Empty: a fresh one.

        Raises:
            OutcomeUnknownError: It was sent and nothing came back.
            PlatformError: The connection is over and nothing was sent, or the platform is busy.
            GoneError: What it answers is over.
            RefusedError: The platform does not take it.
        """
        if not self.is_open:
            raise PlatformError("bots.wecom_bot_offline")
        req_id = req_id or f"{command}_{secrets.token_hex(8)}"
        frame: dict[str, Any] = {"cmd": command, "headers": {"req_id": req_id}}
        if body is not None:
            frame["body"] = body
        waiting: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._waiting[req_id] = waiting
        try:
            await self._socket.send(json.dumps(frame, ensure_ascii=False))
            said = await within(waiting, _ACK_S, self._clock)
        except ConnectionClosed as error:
            raise OutcomeUnknownError("bots.wecom_bot_offline") from error
        except TimeoutError as error:
            raise OutcomeUnknownError("bots.wecom_no_ack") from error
        finally:
            self._waiting.pop(req_id, None)
        return _checked(said)

    async def read(self) -> None:
        """Read until the connection ends; a frame that cannot be read is passed over."""
        try:
            async for raw in self._socket:
                self._take(raw)
        except ConnectionClosed:
            pass
        finally:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(OutcomeUnknownError("bots.wecom_bot_offline"))

    async def beat(self) -> None:
        """Ping every thirty seconds; return when two pings in a row were not acknowledged."""
        missed = 0
        while missed < _MISSED_ACKS:
            await self._clock.sleep(_BEAT_S)
            try:
                await self.request("ping", None)
                missed = 0
            except PlatformError:
                missed += 1

    async def close(self) -> None:
        """Close the socket."""
        await self._socket.close()

    def _take(self, raw: str | bytes) -> None:
        frame = _frame(raw)
        if frame is None:
            log.warning("wecom.frame_unreadable", size=len(raw))
            return
        if "cmd" in frame:
            self._on_frame(frame)
            return
        waiting = self._waiting.get(req_id_of(frame))
        if waiting is not None and not waiting.done():
            waiting.set_result(frame)


def req_id_of(frame: Frame) -> str:
    """Return the id that ties frames together."""
    headers = frame.get("headers")
    return str(headers.get("req_id", "")) if isinstance(headers, dict) else ""


async def within(awaited: asyncio.Future[T], seconds: float, clock: Clock) -> T:
    """Wait for something, but not longer than so many seconds of the clock.

    Raises:
        TimeoutError: It did not come; it is cancelled.
    """
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        both: list[asyncio.Future[Any]] = [awaited, timer]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not awaited.done():
            raise TimeoutError
        return awaited.result()
    finally:
        timer.cancel()
        if not awaited.done():
            awaited.cancel()


def _frame(raw: str | bytes) -> Frame | None:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _checked(said: Frame) -> Frame:
    code = said.get("errcode", 0)
    if code == 0:
        return said
    if code == _BAD_SECRET:
        raise BadSecretError("bots.wecom_bad_bot_secret")
    if code in _GONE:
        raise GoneError("bots.wecom_gone")
    if code in _BUSY:
        raise PlatformError("bots.wecom_busy", code=code)
    raise RefusedError("bots.wecom_refused", code=code)
