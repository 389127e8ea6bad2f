"""Access tokens: fetched once however many ask, renewed once however many find them stale."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bots.clock import Clock
from bots.errors import RefusedError

_EARLY_S = 300
_FIRST_PAUSE_S = 60
_LONGEST_PAUSE_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as the platform gave it."""

    value: str = field(repr=False)
    lifetime_s: float


class TokenCache:
    """One secret's token, for all tasks of this process.

    Concurrent callers share one fetch, and its failure too. After a refusal (a wrong secret) the platform is left
    alone for a minute, then two, four … up to an hour; callers get the refusal again in the meantime.

    Args:
        fetch: Asks the platform; raises `PlatformError`, or `RefusedError` when asking again will not help.
    """

    def __init__(self, fetch: Callable[[], Awaitable[Token]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._token: Token | None = None
        self._stale_at = 0.0
        self._flight: asyncio.Task[str] | None = None
        self._refusal: RefusedError | None = None
        self._pause_s = _FIRST_PAUSE_S
        self._ask_again_at = 0.0

    async def token(self) -> str:
        """Return a token that is good for some minutes more.

        Raises:
            PlatformError: The platform could not be asked.
            RefusedError: The platform refused the secret, now or a short while ago.
        """
        now = self._clock.now()
        if self._token and now < self._stale_at:
            return self._token.value
        if self._refusal and now < self._ask_again_at:
            raise RefusedError(self._refusal.code, **self._refusal.params)
        if self._flight is None or self._flight.done():
            self._flight = asyncio.create_task(self._renew())
        return await asyncio.shield(self._flight)

    def drop(self, value: str) -> None:
        """Forget the token if it is still the one that failed; a newer one stays."""
        if self._token and self._token.value == value:
            self._token = None

    async def _renew(self) -> str:
        try:
            token = await self._fetch()
        except RefusedError as error:
            self._refusal, self._ask_again_at = error, self._clock.now() + self._pause_s
            self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
            raise
        self._refusal, self._pause_s = None, _FIRST_PAUSE_S
        self._token = token
        self._stale_at = self._clock.now() + max(token.lifetime_s - _EARLY_S, token.lifetime_s / 2)
        return token.value
