"""Calls to DingTalk's open API: tokens, errors and waits in one place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from bots.clock import Clock
from bots.dingtalk.config import DingtalkConfig
from bots.errors import RefusedError
from bots.quiet import keep_queries_out_of_logs
from bots.tokens import Token, TokenCache
from bots.wecom.steps import OutcomeUnknownError
from domain.errors import PlatformError

_BUSY = re.compile(r"QpsLimit|Throttl|TooManyRequest|FlowControl|RateLimit", re.IGNORECASE)
_STALE = re.compile(r"InvalidAuthentication|InvalidAccessToken|AccessTokenExpired", re.IGNORECASE)
_IP = re.compile(r"IpNotInWhiteList|IpWhite", re.IGNORECASE)
_PERMISSION = re.compile(r"\b[A-Za-z]\w*(?:\.[A-Za-z]\w*){1,4}\b")
_MAX_ANSWER_BYTES = 1_000_000
_TOO_LARGE = 460101


class BusyError(PlatformError):
    """The platform says it is too much at once; nothing was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Where to connect, and the pass for it: single use, 90 s."""

    endpoint: str
    ticket: str = field(repr=False)


class DingtalkApi:
    """One app's calls.

    Args:
        transport: Another way to send, for tests.

    Attributes:
        date: The platform's clock as its last answer had it; empty before the first.
    """

    def __init__(
        self, config: DingtalkConfig, clock: Clock, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        keep_queries_out_of_logs()
        self._config = config
        self.date = ""
        self._tokens = TokenCache(self._fetch_token, clock)
        self._client = httpx.AsyncClient(
            timeout=config.timeout_s,
            trust_env=False,
            follow_redirects=False,
            proxy=config.proxy or None,
            transport=transport,
        )

    @property
    def client(self) -> httpx.AsyncClient:
        """The client with this app's proxy and time limits, for downloads."""
        return self._client

    async def token(self) -> str:
        """Return an access token.

        Raises:
            RefusedError: The credentials are wrong.
            PlatformError: The platform could not be asked.
        """
        return await self._tokens.token()

    async def call(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Call an API with a token; a stale token is renewed once.

        Raises:
            BusyError: Too much at once; nothing was done.
            OutcomeUnknownError: No answer came; it may have been done.
            RefusedError: The platform will not do it.
            PlatformError: The platform is down; nothing was done.
        """
        token = await self._tokens.token()
        answer = await self._send(method, self._config.api_base + path, body, token)
        if answer.status_code == 401 or (answer.status_code >= 400 and _STALE.search(_code(answer))):
            self._tokens.drop(token)
            answer = await self._send(method, self._config.api_base + path, body, await self._tokens.token())
        return _checked(answer)

    async def open_connection(self, body: Mapping[str, Any]) -> Ticket:
        """Register a Stream connection.

        Raises:
            RefusedError: The credentials are wrong, or the answer names a host that is not the platform's.
            PlatformError: The platform could not be asked.
        """
        said = _checked(await self._send("POST", f"{self._config.api_base}/v1.0/gateway/connections/open", body))
        endpoint, ticket = said.get("endpoint"), said.get("ticket")
        if not isinstance(endpoint, str) or not isinstance(ticket, str) or not ticket:
            raise PlatformError("bots.dingtalk_down", status=200)
        if not self._config.may_reach(endpoint, secure="wss"):
            raise RefusedError("bots.dingtalk_foreign_host")
        return Ticket(endpoint=endpoint, ticket=ticket)

    async def post_webhook(self, url: str, body: Mapping[str, Any]) -> None:
        """Post to a session webhook; needs no token.

        Raises:
            RefusedError: The session does not take it (expired, too large, or not the platform's address).
            OutcomeUnknownError: No answer came; it may have been shown.
            PlatformError: The platform is down or busy; nothing was shown.
        """
        if not self._config.may_reach(url):
            raise RefusedError("bots.dingtalk_foreign_host")
        said = _checked(await self._send("POST", url, body))
        code = said.get("errcode", 0)
        if code == _TOO_LARGE:
            raise RefusedError("bots.dingtalk_too_large")
        if code != 0:
            raise RefusedError("bots.dingtalk_refused", code=str(code)[:64])

    async def close(self) -> None:
        """Let connections go."""
        await self._client.aclose()

    async def _fetch_token(self) -> Token:
        body = {"appKey": self._config.client_id, "appSecret": self._config.client_secret}
        said = _checked(await self._send("POST", f"{self._config.api_base}/v1.0/oauth2/accessToken", body), login=True)
        value, lifetime = said.get("accessToken"), said.get("expireIn")
        if not isinstance(value, str) or not value or not isinstance(lifetime, int | float):
            raise PlatformError("bots.dingtalk_down", status=200)
        return Token(value=value, lifetime_s=float(lifetime))

    async def _send(self, method: str, url: str, body: Mapping[str, Any], token: str = "") -> httpx.Response:
        # Escaped Chinese would be twice as long and the platform counts bytes.
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        headers = {"content-type": "application/json; charset=utf-8"}
        if token:
            headers["x-acs-dingtalk-access-token"] = token
        try:
            answer = await self._client.request(method, url, content=content, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            raise PlatformError("bots.dingtalk_unreachable") from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise OutcomeUnknownError("bots.dingtalk_unreachable") from error
        self.date = answer.headers.get("date", self.date)
        return answer


def _checked(answer: httpx.Response, *, login: bool = False) -> dict[str, Any]:
    """Return the answer's JSON object, or raise what it says went wrong."""
    status, code = answer.status_code, _code(answer)
    if status < 400:
        said = _json(answer)
        return said if isinstance(said, dict) else {}
    if status == 429 or (status == 403 and _BUSY.search(code)):
        raise BusyError("bots.dingtalk_busy")
    if status >= 500 or status == 408:
        raise PlatformError("bots.dingtalk_down", status=status)
    if _IP.search(code):
        raise RefusedError("bots.dingtalk_ip_not_allowed")
    if "PermissionDenied" in code:
        raise RefusedError("bots.dingtalk_no_permission", permission=_permission(answer))
    if login or status == 401 or _STALE.search(code) or "gateway/connections" in str(answer.request.url):
        raise RefusedError("bots.dingtalk_bad_credentials")
    raise RefusedError("bots.dingtalk_refused", code=(code or str(status))[:64])


def _permission(answer: httpx.Response) -> str:
    """Return the permission point that the platform's message names."""
    said = _json(answer)
    named = _PERMISSION.findall(str(said.get("message", ""))) if isinstance(said, dict) else []
    return next((name for name in named if not name.startswith("Forbidden")), "?")[:64]


def _code(answer: httpx.Response) -> str:
    said = _json(answer) if answer.status_code >= 400 else None
    return str(said.get("code", "")) if isinstance(said, dict) else ""


def _json(answer: httpx.Response) -> object:
    if len(answer.content) > _MAX_ANSWER_BYTES:
        return None
    try:
        said: object = json.loads(answer.content)
    except (ValueError, RecursionError):
        return None
    return said
