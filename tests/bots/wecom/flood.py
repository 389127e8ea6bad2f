"""Many messages over a long connection that breaks, with duplicates; how each of them was answered.

`python -m tests.bots.wecom.flood 10000 200 [database url]` prints the figure. Everything is real but the coach:
one connection, inbox, jobs, courier, database; the answer echoes the message. The line is cut while nothing is
under way, before an answer's frame is taken, and after it was taken but before it was acknowledged.
WeCom does not deliver again what was on the wire when a connection broke: `never_came` counts those apart.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from bots.testing.wecom_gateway import FakeGateway
from bots.wecom.bot import WecomBot
from bots.wecom.config import WecomBotConfig
from store.answer_queue import AnswerQueue
from store.work import Store
from tests.bots.floods import KEY, FastClock, Flood, counted, kept_keys, main, settled, until_left, working
from zhanqing.chats.bells import Bell
from zhanqing.chats.couriers import Courier
from zhanqing.chats.intake import Intake

SPEED = 10.0
"""A bubble's six minutes are 36 s of ours."""
PEOPLE = 500
MOST_WAITING = 12
"""Messages without an answer; reps have more to say when there are fewer."""
CODES = (1000, 1001, 1006, 1011)


async def flood(store: Store, count: int, disconnects: int, *, seed: int = 1) -> Flood:
    clock = FastClock(SPEED, real_s=5.0)
    gateway = FakeGateway(clock, has_addresses=True)
    began = time.monotonic()
    async with gateway.serve(), _process(store, gateway, clock):
        await gateway.until(lambda: gateway.is_connected)
        words: dict[str, str] = {}
        deliveries = await _pour(gateway, count, disconnects, random.Random(seed), words)
        await settled(store)
        seconds = time.monotonic() - began
        kept = await kept_keys(store)
        return counted(words, kept, gateway.ended, deliveries=deliveries, cuts=disconnects, seconds=seconds)


@asynccontextmanager
async def _process(store: Store, gateway: FakeGateway, clock: FastClock) -> AsyncIterator[None]:
    config = WecomBotConfig(bot_id="BOT", secret=gateway.secrets["BOT"], ws_url=gateway.url, refresh_s=0.0)
    platform, bell = WecomBot(config, clock, jitter=lambda: 0.0), Bell()
    courier = Courier(store, AnswerQueue(store, KEY), platform, bell=bell)
    intake = Intake(store, "default")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(platform.close)
        await stack.enter_async_context(until_left(lambda: platform.run(intake.keep)))
        await stack.enter_async_context(working(store, bell, owner="p"))
        await stack.enter_async_context(until_left(courier.run))
        yield


async def _pour(
    gateway: FakeGateway, count: int, disconnects: int, chance: random.Random, words: dict[str, str]
) -> int:
    said: Counter[str] = Counter()
    every = max(count // disconnects, 1) if disconnects else count + 1
    deliveries = 0
    for number in range(count):
        person = f"user{chance.randrange(PEOPLE)}"
        said[person] += 1
        words[f"m{number}"] = f"{person}#{said[person]}"
        body = {"msgid": f"m{number}", "from": {"userid": person}}
        for _ in range(2 if chance.random() < 0.3 else 1):
            await _say(gateway, f"{person}#{said[person]}", f"R{number}", body)
            deliveries += 1
        await _caught_up(gateway, number)
        if number % every == every - 1:
            await _cut(gateway, chance)
    return deliveries


async def _cut(gateway: FakeGateway, chance: random.Random) -> None:
    """Break the line: at once, or in the middle of what our side sends next."""
    code, where = chance.choice(CODES), chance.randrange(3)
    if where == 0:
        await gateway.close(code)
    elif where == 1:
        gateway.close_after = code
    else:
        gateway.cut_after = code


async def _say(gateway: FakeGateway, text: str, req_id: str, body: Mapping[str, object]) -> None:
    """Deliver once a bot is connected; nobody's words wait at the platform."""
    while True:
        async with asyncio.timeout(120):
            while not gateway.is_connected:
                await asyncio.sleep(0.01)
        with suppress(Exception):
            await gateway.say(text, req_id=req_id, **body)
            return


async def _caught_up(gateway: FakeGateway, number: int) -> None:
    until = time.monotonic() + 10
    while number - len(gateway.ended) > MOST_WAITING and time.monotonic() < until:
        await asyncio.sleep(0.005)


if __name__ == "__main__":
    main(flood)
