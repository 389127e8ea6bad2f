"""No faster than the app's plan allows, and a rest when the platform asks for one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from bots.clock import Clock
from bots.dingtalk.api import BusyError
from bots.dingtalk.config import DingtalkConfig
from bots.throttle import Rate, Throttle

TRIES = 4
_Said = TypeVar("_Said")


class Pace:
    """One app's calls of one kind (cards, messages), in the order of asking."""

    def __init__(self, config: DingtalkConfig, clock: Clock, *, kind: str) -> None:
        count = max(1, int(config.cards_per_s))
        self._throttle = Throttle(clock, Rate(count=count, seconds=count / config.cards_per_s))
        self._pause_s = config.pause_after_limit_s
        self._kind = kind

    async def run(self, call: Callable[[], Awaitable[_Said]], *, tries: int = TRIES) -> _Said:
        """Call when it is our turn; when the platform is busy everybody rests and the call is made again.

        Raises:
            BusyError: Busy at every try.
        """
        for _ in range(tries - 1):
            try:
                return await self._once(call)
            except BusyError:
                continue
        return await self._once(call)

    async def _once(self, call: Callable[[], Awaitable[_Said]]) -> _Said:
        await self._throttle.take(self._kind)
        try:
            return await call()
        except BusyError:
            self._throttle.pause(self._kind, self._pause_s)
            raise
