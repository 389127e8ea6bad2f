"""A question's own address (`response_url`): it takes one message within the hour and leaves out every later one.

That makes it the one way out of a smart bot on which an answer of unknown fate may be sent again without a double.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import httpx

from bots.errors import RefusedError
from bots.outgoing import Outgoing
from bots.wecom.hosts import may_reach
from bots.wecom.steps import OutcomeUnknownError, Step
from domain.errors import PlatformError

_LIFE_S = 3600.0 - 60.0
"""An hour, less what our clock and the platform's may differ by."""


class ResponseUrl:
    """Calls the addresses that questions bring.

    Args:
        domains: Where such an address may lead; `local` allows this machine too.
    """

    def __init__(self, client: httpx.AsyncClient, domains: Iterable[str], *, local: bool) -> None:
        self._client, self._domains, self._local = client, tuple(domains), local

    def takes(self, outgoing: Outgoing, *, now: float) -> bool:
        """Whether the question of an answer has an address of the platform's that is not too old."""
        return self._is_ours(_address(outgoing)) and now - outgoing.asked_at < _LIFE_S

    def step(self, outgoing: Outgoing, body: Mapping[str, Any]) -> Step:
        """Return what sends the one message."""

        async def send(again: bool) -> None:
            try:
                await self.call(_address(outgoing), body)
            except RefusedError:
                # Refused after a try whose fate is unknown: that one was taken.
                if not again:
                    raise

        return send

    async def call(self, url: str, body: Mapping[str, Any]) -> None:
        """Send a message.

        Raises:
            RefusedError: There is no address, it is not the platform's, or the platform does not take the message.
            OutcomeUnknownError: It went out and nothing came back.
            PlatformError: It did not go out.
        """
        if not self._is_ours(url):
            raise RefusedError("bots.wecom_no_response_url")
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        try:
            answer = await self._client.post(url, content=content, headers={"content-type": "application/json"})
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            raise PlatformError("bots.wecom_unreachable") from error
        except httpx.HTTPError as error:
            raise OutcomeUnknownError("bots.wecom_response_unknown") from error
        _check(answer)

    def _is_ours(self, url: str) -> bool:
        return may_reach(url, self._domains, local=self._local)


def _address(outgoing: Outgoing) -> str:
    return outgoing.reply_to.get("response_url", "")


def _check(answer: httpx.Response) -> None:
    if answer.status_code >= 500:
        raise OutcomeUnknownError("bots.wecom_response_unknown")
    try:
        code = json.loads(answer.content or b"{}").get("errcode", 0)
    except (ValueError, AttributeError):
        code = answer.status_code
    if answer.status_code >= 400 or code != 0:
        raise RefusedError("bots.wecom_refused", code=code or answer.status_code)
