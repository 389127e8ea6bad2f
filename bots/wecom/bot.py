"""WeCom smart bot (智能机器人) over its long connection: no public address, answers that grow, pushes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import structlog
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from bots.clock import Clock
from bots.errors import RefusedError
from bots.inbound import Attachment, Channel, InboundMessage
from bots.outgoing import Outgoing
from bots.platform import Finding, OnMessage
from bots.quiet import keep_queries_out_of_logs
from bots.wecom.bot_media import fetch_media
from bots.wecom.bot_messages import parse_bot_message, read_bot_message
from bots.wecom.bot_sending import BotSender
from bots.wecom.config import WecomBotConfig
from bots.wecom.connection import BadSecretError, Connection, Frame, req_id_of
from bots.wecom.intake import Intake
from bots.wecom.line_check import line_findings, secret_finding
from bots.wecom.response_url import ResponseUrl
from domain.errors import PlatformError

log = structlog.get_logger(__name__)

_MOST_REFUSALS = 5
_LONGEST_WAIT_S = 30.0
_HEALTHY_S = 60.0
_MOST_FRAME_BYTES = 8 << 20


class _KickedError(Exception):
    """Another connection of this bot took over."""


class WecomBot:
    """One smart bot with 使用长连接.

    WeCom allows one connection per bot and does not deliver again what was said while none was open.

    Args:
        jitter: Numbers from 0 to 1, so that many bots do not come back in the same moment.
    """

    channel = Channel.WECOM_BOT
    exclusive = True

    def __init__(
        self,
        config: WecomBotConfig,
        clock: Clock,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        keep_queries_out_of_logs()
        self._config = config
        self._clock = clock
        self._jitter = jitter
        self._client = httpx.AsyncClient(timeout=config.timeout_s, trust_env=False, proxy=config.proxy or None)
        self._sender = BotSender(config, clock, ResponseUrl(self._client, config.api_domains, local=config.local))
        self._kicked = asyncio.Event()
        self._lost_at: float | None = None
        self._connected_at: float | None = None

    @property
    def account_id(self) -> str:
        """The bot's id."""
        return self._config.bot_id

    async def run(self, on_message: OnMessage) -> None:
        """Stay connected until cancelled; come back after every close, one second later, then two … thirty.

        Raises:
            RefusedError: Another connection took over (`bots.wecom_kicked`), or id and secret were refused five
                times.
        """
        intake = Intake(on_message, self._clock)
        keeping = asyncio.create_task(intake.run())
        try:
            await self._stay_connected(intake)
        finally:
            await self._sender.finish_all()
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await intake.drain_or_tell()

    async def deliver(self, outgoing: Outgoing) -> Mapping[str, str]:
        """Show an answer in its bubble as it grows, or push; works where `run` runs."""
        return await self._sender.deliver(outgoing)

    async def fetch(self, attachment: Attachment, into: Path) -> str:
        """Write the decrypted file to `into`; each file brings its own key."""
        return await fetch_media(self._client, self._config, attachment, into, key=attachment.key)

    async def check(self) -> list[Finding]:
        """Try whether the gateway can be reached and the clock is right; without logging in, which would kick."""
        return await line_findings(self._config, self._clock)

    async def check_secret(self) -> Finding:
        """Log in once; it ends any other connection of this bot, so only where none should be."""
        return await secret_finding(self._config, self._clock)

    async def close(self) -> None:
        """End what is open and let connections go."""
        await self._sender.finish_all()
        await self._client.aclose()

    async def _stay_connected(self, intake: Intake) -> None:
        attempts, refusals = 0, 0
        while True:
            try:
                await self._connect_once(intake)
                reason = "closed"
            except _KickedError:
                raise RefusedError("bots.wecom_kicked") from None
            except BadSecretError:
                refusals, reason = refusals + 1, "refused"
                if refusals >= _MOST_REFUSALS:
                    raise
            except (OSError, TimeoutError, WebSocketException, PlatformError) as error:
                reason = type(error).__name__
            if self._connected_at is not None:
                refusals = 0
                attempts = 0 if self._clock.now() - self._connected_at >= _HEALTHY_S else attempts
            wait_s = min(2.0 ** min(attempts, 10), _LONGEST_WAIT_S) * (0.5 + self._jitter() / 2)
            attempts += 1
            log.warning("wecom.disconnected", reason=reason, wait_s=round(wait_s, 1))
            await self._clock.sleep(wait_s)

    async def _connect_once(self, intake: Intake) -> None:
        """Connect, subscribe and serve until the connection ends."""
        self._kicked.clear()
        self._connected_at = None
        async with connect(
            self._config.ws_url,
            proxy=self._config.proxy or None,
            open_timeout=self._config.timeout_s,
            close_timeout=2,
            ping_interval=None,  # the protocol has pings of its own
            max_size=_MOST_FRAME_BYTES,
        ) as socket:
            connection = Connection(socket, self._clock, lambda frame: self._take(frame, intake))
            tasks = [asyncio.create_task(connection.read()), asyncio.create_task(self._kicked.wait())]
            try:
                await connection.subscribe(self._config.bot_id, self._config.secret)
                self._note_connected()
                self._sender.use(connection)
                tasks.append(asyncio.create_task(connection.beat()))
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await self._end(connection, tasks)
        if self._kicked.is_set():
            raise _KickedError

    async def _end(self, connection: Connection, tasks: Sequence[asyncio.Task[Any]]) -> None:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            await self._sender.finish_all()
        self._sender.use(None)
        if self._connected_at is not None:
            self._lost_at = self._clock.now()
        for running in tasks:
            running.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await connection.close()

    def _note_connected(self) -> None:
        now = self._clock.now()
        self._connected_at = now
        if self._lost_at is not None:
            # What was said meanwhile is lost for good; the operator should be able to see how long that was.
            log.warning("wecom.reconnected", gap_s=round(now - self._lost_at, 1))
        else:
            log.info("wecom.connected")

    def _take(self, frame: Frame, intake: Intake) -> None:
        """Put a callback on the queue; called inside the reading loop, so nothing here waits."""
        if _is_kick(frame):
            self._kicked.set()
            return
        message = self._message(frame)
        if message is not None:
            intake.put(message)

    def _message(self, frame: Frame) -> InboundMessage | None:
        body = frame.get("body")
        if frame.get("cmd") not in ("aibot_msg_callback", "aibot_event_callback") or not isinstance(body, dict):
            return None
        said = parse_bot_message(body)
        if said is None:
            log.warning("wecom.message_unreadable")
            return None
        return read_bot_message(
            said,
            channel=self.channel,
            bot_id=self._config.bot_id,
            bot_name=self._config.bot_name,
            reply_to={"req_id": req_id_of(frame)},
            now=self._clock.now(),
        )


def _is_kick(frame: Frame) -> bool:
    body = frame.get("body")
    event = body.get("event") if isinstance(body, dict) else None
    return isinstance(event, dict) and event.get("eventtype") == "disconnected_event"
