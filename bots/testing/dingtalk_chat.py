"""A chat with the coach in a terminal, through a DingTalk that stands on this machine.

    python -m bots.testing.dingtalk_chat 8801
    ZHANQING_BOTS__DINGTALK__API_BASE=http://127.0.0.1:8801 ZHANQING_BOTS__DINGTALK__CLIENT_ID=app-1 \
    ZHANQING_BOTS__DINGTALK__CLIENT_SECRET=app-secret zhanqing serve

What is typed reaches the service as a message of the person `user123`; what they would see is printed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from bots.clock import SystemClock
from bots.testing.dingtalk import FakeCard, FakeDingtalk, standing

_PATIENCE_S = 120.0
_PING_S = 20.0


async def converse(fake: FakeDingtalk, lines: AsyncIterator[str], show: Callable[[str], None]) -> None:
    """Say each line and show what comes back, until there are no more lines."""
    await fake.until(lambda: bool(fake.lines), timeout_s=_PATIENCE_S)
    async for line in lines:
        for text in await _answers(fake, line):
            show(text)


async def _answers(fake: FakeDingtalk, line: str) -> list[str]:
    before = len(_finished(fake))
    await fake.say(line)
    await fake.until(lambda: len(_finished(fake)) > before, timeout_s=_PATIENCE_S)
    return _finished(fake)[before:]


def _finished(fake: FakeDingtalk) -> list[str]:
    """Messages and cards that are done, in the order in which they were."""
    cards = [(card.updates[-1][0], card.variables["content"]) for card in fake.cards.values() if _is_done(card)]
    return [text for _, text in sorted([*((shown.at, shown.text) for shown in fake.shown), *cards])]


def _is_done(card: FakeCard) -> bool:
    return bool(card.updates) and not card.is_spinning


async def _typed() -> AsyncIterator[str]:
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line.strip():
            yield line.strip()


async def _alive(fake: FakeDingtalk) -> None:
    while True:
        await asyncio.sleep(_PING_S)
        await fake.place.run(fake.ping("alive"))


async def _main(port: int) -> None:
    with standing(FakeDingtalk(SystemClock()), port=port) as fake:
        alive = asyncio.create_task(_alive(fake))
        with suppress(TimeoutError):
            await converse(fake, _typed(), lambda text: print(f"\n{text}\n"))  # noqa: T201 - the chat
        alive.cancel()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
