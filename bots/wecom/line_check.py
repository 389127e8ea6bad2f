"""Is the gateway there, does it know us, and is our clock right?"""

from __future__ import annotations

import asyncio
from email.utils import parsedate_to_datetime

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from bots.clock import Clock
from bots.platform import Finding
from bots.wecom.config import WecomBotConfig
from bots.wecom.connection import Connection
from domain.errors import PlatformError

_SKEW_S = 60.0


async def line_findings(config: WecomBotConfig, clock: Clock) -> list[Finding]:
    """Open a connection and close it again, without logging in."""
    try:
        async with _connected(config) as socket:
            date = socket.response.headers.get("Date", "") if socket.response else ""
    except (OSError, TimeoutError, WebSocketException):
        return [Finding(ok=False, key="bots.wecom_line_unreachable", params={})]
    return [Finding(ok=True, key="bots.wecom_line_well", params={}), *clock_findings(date, clock)]


async def secret_finding(config: WecomBotConfig, clock: Clock) -> Finding:
    """Log in once and leave."""
    try:
        async with _connected(config) as socket:
            connection = Connection(socket, clock, lambda frame: None)
            reading = asyncio.create_task(connection.read())
            try:
                await connection.subscribe(config.bot_id, config.secret)
            finally:
                reading.cancel()
    except PlatformError as error:
        return Finding(ok=False, key=error.code, params=error.params)
    except (OSError, TimeoutError, WebSocketException):
        return Finding(ok=False, key="bots.wecom_line_unreachable", params={})
    return Finding(ok=True, key="bots.wecom_bot_secret_well", params={})


def clock_findings(date: str, clock: Clock) -> list[Finding]:
    """Compare our clock with a `Date` header; nothing where there is none."""
    try:
        theirs = parsedate_to_datetime(date).timestamp()
    except ValueError:
        return []
    off_s = round(clock.now() - theirs)
    well = abs(off_s) <= _SKEW_S
    return [Finding(ok=well, key="bots.wecom_clock_well" if well else "bots.wecom_clock_off", params={"s": off_s})]


def _connected(config: WecomBotConfig) -> connect:
    return connect(config.ws_url, proxy=config.proxy or None, open_timeout=config.timeout_s, close_timeout=2)
