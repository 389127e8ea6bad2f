"""Calls to WeCom's server API: tokens, errors and waits in one place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from bots.clock import Clock
from bots.downloads import Download, discard, download
from bots.errors import RefusedError
from bots.quiet import keep_queries_out_of_logs
from bots.throttle import Rate, Throttle
from bots.tokens import Token, TokenCache
from bots.wecom.config import WecomAppConfig
from bots.wecom.steps import OutcomeUnknownError
from domain.errors import PlatformError

_STALE = (40014, 42001, 42007, 42009)
_BAD_SECRET = (40001, 40091)
_BUSY = (-1, 45009, 45033)
_NO_PERMISSION = (48002, 60011, 301052, 301053)
_NOBODY = (81013, 60111, 40003)
_IP_NOT_ALLOWED = 60020
_PAUSE_S = 60
_TRIES = 3
_ADDRESS = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")


class WecomApi:
    """One app's calls. A busy platform is waited for, up to three times; everything else is the caller's to retry."""

    def __init__(self, config: WecomAppConfig, clock: Clock) -> None:
        keep_queries_out_of_logs()
        self._config = config
        self._clock = clock
        self._tokens = TokenCache(self._fetch_token, clock)
        self._calls = Throttle(clock, Rate(count=10_000, seconds=60), Rate(count=150_000, seconds=3600))
        self.date = ""
        self._client = httpx.AsyncClient(
            base_url=config.api_base, timeout=config.timeout_s, trust_env=False, proxy=config.proxy or None
        )

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: str) -> dict[str, Any]:
        """Call an API; a stale token is renewed once.

        Raises:
            OutcomeUnknownError: No answer came; it may have been done.
            PlatformError: The platform is down or still busy; nothing was done.
            RefusedError: The platform will not do it.
        """
        for attempt in range(1, _TRIES + 1):
            said = await self._call_with_token(method, path, body, query)
            if said.get("errcode", 0) not in _BUSY or attempt == _TRIES:
                break
            if said["errcode"] == -1:
                await self._clock.sleep(float(2**attempt))
            else:
                self._calls.pause(path, _PAUSE_S)
        return _checked(said)

    async def fetch(self, path: str, into: Path, **query: str) -> Download:
        """Write a file that the API gives into `into`.

        Raises:
            PlatformError: It could not be had.
            InputError: It is larger than the configuration allows.
        """
        token = await self._tokens.token()
        found = await self._download(path, into, query | {"access_token": token})
        if _error_in(found, into) in _STALE:
            self._tokens.drop(token)
            found = await self._download(path, into, query | {"access_token": await self._tokens.token()})
        if code := _error_in(found, into):
            discard(into)
            _checked({"errcode": code})
        return found

    async def close(self) -> None:
        """Let connections go."""
        await self._client.aclose()

    async def _download(self, path: str, into: Path, query: Mapping[str, str]) -> Download:
        return await download(self._client, path, into, max_bytes=self._config.max_file_bytes, query=query)

    async def _call_with_token(
        self, method: str, path: str, body: Mapping[str, Any] | None, query: Mapping[str, str]
    ) -> dict[str, Any]:
        token = await self._tokens.token()
        said = await self._send(method, path, body, {**query, "access_token": token})
        if said.get("errcode") in _STALE:
            self._tokens.drop(token)
            said = await self._send(method, path, body, {**query, "access_token": await self._tokens.token()})
        return said

    async def _fetch_token(self) -> Token:
        query = {"corpid": self._config.corp_id, "corpsecret": self._config.secret}
        said = _checked(await self._send("GET", "/cgi-bin/gettoken", None, query))
        value, lifetime = said.get("access_token"), said.get("expires_in")
        if not isinstance(value, str) or not value or not isinstance(lifetime, int | float):
            raise PlatformError("bots.wecom_unreadable")
        return Token(value=value, lifetime_s=float(lifetime))

    async def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None, query: Mapping[str, str]
    ) -> dict[str, Any]:
        await self._calls.take(path)
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        try:
            answer = await self._client.request(method, path, params=dict(query), content=content)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            raise PlatformError("bots.wecom_unreachable") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise OutcomeUnknownError("bots.wecom_unreachable") from error
        self.date = answer.headers.get("date", "")
        if answer.status_code >= 500:
            raise PlatformError("bots.wecom_down", status=answer.status_code)
        return _object(answer)


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        said = json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        raise PlatformError("bots.wecom_unreadable") from error
    if not isinstance(said, dict) or not isinstance(said.get("errcode", 0), int):
        raise PlatformError("bots.wecom_unreadable")
    return said


def _checked(said: dict[str, Any]) -> dict[str, Any]:
    """Return an answer that says all is well, or raise what it says."""
    code = said.get("errcode", 0)
    if code == 0:
        return said
    if code in _BUSY or code in _STALE:
        raise PlatformError("bots.wecom_busy", code=code)
    if code in _BAD_SECRET:
        raise RefusedError("bots.wecom_bad_secret")
    if code == _IP_NOT_ALLOWED:
        address = _ADDRESS.search(str(said.get("errmsg", "")))
        raise RefusedError("bots.wecom_ip_not_allowed", ip=address[0] if address else "?")
    if code in _NO_PERMISSION:
        raise RefusedError("bots.wecom_no_permission", code=code)
    if code in _NOBODY:
        raise RefusedError("bots.wecom_nobody")
    raise RefusedError("bots.wecom_refused", code=code)


def _error_in(found: Download, path: Path) -> int:
    """The API answers a file that it cannot give with JSON."""
    if "json" not in found.media_type or path.stat().st_size > 4096:
        return 0
    try:
        said = json.loads(path.read_bytes())
    except ValueError:
        return 0
    return int(said.get("errcode", 0)) if isinstance(said, dict) else 0
