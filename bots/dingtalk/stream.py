"""DingTalk's Stream mode: we connect, so no public address is needed; several connections share the messages."""

from __future__ import annotations

import asyncio
from collections import deque
from random import SystemRandom
from urllib.parse import quote_plus

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from bots.clock import Clock
from bots.dingtalk.account import DingtalkAccount
from bots.dingtalk.config import DingtalkConfig
from bots.dingtalk.frames import BOT, CARD, Frame, FrameKind
from bots.dingtalk.line import Line
from bots.dingtalk.messages import read_message, read_press
from bots.errors import RefusedError
from bots.inbound import Channel, InboundMessage
from bots.platform import Finding, OnMessage
from domain.errors import InputError, PlatformError

log = structlog.get_logger(__name__)

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
MOST_REFUSALS, REFUSALS_WITHIN_S = 5, 600.0
_MAX_FRAME_BYTES = 1024 * 1024
_PING_S = 60.0
_random = SystemRandom()


class DingtalkStream(DingtalkAccount):
    """One app over Stream connections; every process may have one of its own."""

    channel = Channel.DINGTALK_STREAM
    exclusive: bool = False

    def __init__(self, config: DingtalkConfig, clock: Clock) -> None:
        super().__init__(config, clock, hears_presses=True)
        self._refused_at: deque[float] = deque()
        self._failures = 0

    async def run(self, on_message: OnMessage) -> None:
        """Stay connected until cancelled; when the platform asks us to leave, the next connection comes first.

        Raises:
            RefusedError: The platform refused us five times within ten minutes.
        """
        lines: set[Line] = set()
        leaving: set[asyncio.Task[None]] = set()

        async def keep(frame: Frame) -> bool:
            return await self._keep(frame, on_message)

        try:
            old: Line | None = None
            is_first, self._failures = True, 0
            while True:
                line = Line(await self._connected(), keep, self._clock)
                lines.add(line)
                if old is not None:
                    self._let_go(old, lines, leaving)
                log.info("bot.connected", channel=self.channel.value)
                was_asked = await line.until_it_ends()
                log.info("bot.disconnected", channel=self.channel.value, was_asked=was_asked)
                old = line
                if line.has_heard:
                    self._failures = 0
                # Asked to leave, we come back at once; asked again before anything else was said, we wait too.
                if not was_asked or not (line.has_heard or is_first):
                    await self._wait()
                is_first = line.has_heard
        finally:
            for task in leaving:
                task.cancel()
            await asyncio.gather(*leaving, *(line.drop() for line in lines), return_exceptions=True)

    async def check(self) -> list[Finding]:
        """Try the credentials, the robot, the cards, the clock, and whether a connection can be made."""
        findings = await super().check()
        if findings[0].ok:
            findings.append(await self._stream_finding())
        return findings

    async def _stream_finding(self) -> Finding:
        try:
            await self._api.open_connection(self._registration())
        except PlatformError as error:
            return Finding(ok=False, key=error.code, params=error.params)
        return Finding(ok=True, key="bots.dingtalk_stream_well", params={})

    async def _connected(self) -> ClientConnection:
        while True:
            try:
                return await self._connect()
            except RefusedError as error:
                self._count_refusal(error)
            except PlatformError as error:
                log.warning("bot.connect_failed", channel=self.channel.value, code=error.code)
            except (OSError, TimeoutError, WebSocketException) as error:
                # Their texts hold the address, and that the ticket.
                log.warning("bot.connect_failed", channel=self.channel.value, error=type(error).__name__)
            await self._wait()

    async def _connect(self) -> ClientConnection:
        pass_ = await self._api.open_connection(self._registration())
        return await connect(
            f"{pass_.endpoint}?ticket={quote_plus(pass_.ticket)}",
            proxy=self._config.proxy or None,
            open_timeout=self._config.timeout_s,
            close_timeout=1,
            ping_interval=_PING_S,
            max_size=_MAX_FRAME_BYTES,
        )

    def _registration(self) -> dict[str, object]:
        topics = [BOT, CARD] if self._config.card_template_id else [BOT]
        return {
            "clientId": self._config.client_id,
            "clientSecret": self._config.client_secret,
            "subscriptions": [{"type": "CALLBACK", "topic": topic} for topic in topics],
            "ua": "zhanqing/1",
            "localIp": "127.0.0.1",
        }

    def _count_refusal(self, error: RefusedError) -> None:
        now = self._clock.now()
        self._refused_at.append(now)
        while self._refused_at[0] <= now - REFUSALS_WITHIN_S:
            self._refused_at.popleft()
        log.warning("bot.connect_refused", channel=self.channel.value, code=error.code, count=len(self._refused_at))
        if len(self._refused_at) >= MOST_REFUSALS:
            raise error

    async def _wait(self) -> None:
        """Wait longer each time, and never in step with the other processes."""
        longest = min(FIRST_WAIT_S * 2**self._failures, LONGEST_WAIT_S)
        self._failures = min(self._failures + 1, 10)
        await self._clock.sleep(_random.uniform(longest / 2, longest))

    def _let_go(self, line: Line, lines: set[Line], leaving: set[asyncio.Task[None]]) -> None:
        async def leave() -> None:
            await line.leave()
            lines.discard(line)

        task = asyncio.create_task(leave())
        leaving.add(task)
        task.add_done_callback(leaving.discard)

    async def _keep(self, frame: Frame, on_message: OnMessage) -> bool:
        try:
            message = self._read(frame)
        except InputError:
            log.warning("bot.message_unreadable", channel=self.channel.value, topic=frame.headers.topic)
            return True  # it would be no more readable a second time
        if message is None:
            return True
        try:
            await on_message(message)
        except Exception as error:  # the edge of this loop: whatever fails beneath, the next message must be kept
            # Its text may hold what was to be kept.
            log.error("bot.message_not_kept", channel=self.channel.value, kind=type(error).__name__)
            return False
        return True

    def _read(self, frame: Frame) -> InboundMessage | None:
        channel, account_id, message_id = self.channel, self.account_id, frame.headers.message_id
        if frame.type != FrameKind.CALLBACK:
            return None
        if frame.headers.topic == BOT:
            return read_message(frame.opened, channel=channel, account_id=account_id, message_id=message_id)
        if frame.headers.topic == CARD:
            now = self._clock.now()
            return read_press(frame.opened, channel=channel, account_id=account_id, message_id=message_id, now=now)
        return None
