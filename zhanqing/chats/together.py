"""Many small asks, done at once: while one round is under way, those who come gather for the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from domain.errors import UpstreamError

Item = TypeVar("Item")


@dataclass(slots=True)
class _Asked(Generic[Item]):
    """Something that was asked for; `error` is why it was not done."""

    item: Item
    is_done: bool = False
    error: Exception | None = None


class Together(Generic[Item]):
    """Does what many callers ask for in one round, in the order in which they asked.

    No task of its own: whoever comes first does the round for all who wait by then. Alone it costs nothing but the
    doing, and nobody ever waits for others to come.

    Args:
        do: Does all or nothing of a round, and is harmless when called again with the same.
    """

    def __init__(self, do: Callable[[Sequence[Item]], Awaitable[None]]) -> None:
        self._do = do
        self._turn = asyncio.Lock()
        self._waiting: list[_Asked[Item]] = []

    async def ask(self, item: Item) -> None:
        """Have it done; whatever keeps it from being done is raised here."""
        asked = _Asked(item)
        self._waiting.append(asked)
        try:
            async with self._turn:
                if not asked.is_done:
                    round_, self._waiting = self._waiting, []
                    await self._round(round_)
        except asyncio.CancelledError:
            self._waiting = [one for one in self._waiting if one is not asked]
            raise
        if asked.error is not None:
            raise asked.error

    async def _round(self, asked: Sequence[_Asked[Item]]) -> None:
        try:
            await self._do([one.item for one in asked])
        except UpstreamError as error:  # nobody's own fault: it is the same for all
            _end(asked, error)
        except Exception as error:  # one that is refused or breaks must not take the others with it
            if len(asked) == 1:
                _end(asked, error)
            else:
                for one in asked:
                    await self._round([one])
        except BaseException:
            # Whoever did the round was stopped; the others do the next one.
            self._waiting = [*(one for one in asked if not one.is_done), *self._waiting]
            raise
        else:
            _end(asked, None)


def _end(asked: Sequence[_Asked[Item]], error: Exception | None) -> None:
    for one in asked:
        one.is_done, one.error = True, error
