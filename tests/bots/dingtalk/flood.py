"""Many messages over Stream connections that break, with duplicates; how each of them was answered.

`python -m tests.bots.dingtalk.flood 10000 200 [database url]` prints the figure. Everything is real but the coach:
two connected processes' worth of platforms, inbox, jobs, courier, database; the answer echoes the message.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from bots.dingtalk.config import DingtalkConfig
from bots.dingtalk.stream import DingtalkStream
from bots.testing.dingtalk import BOT_TOPIC, SECRET, FakeDingtalk, standing
from store.answer_queue import AnswerQueue
from store.work import Store
from tests.bots.floods import KEY, FastClock, Flood, counted, kept_keys, main, settled, until_left, working
from zhanqing.chats.bells import Bell
from zhanqing.chats.couriers import Courier
from zhanqing.chats.intake import Intake

SPEED = 3.0
"""The platform's minutes are 20 s of ours."""
PEOPLE = 50
BACKLOG = 20
"""Frames without an acknowledgement; the platform has more to say when there are fewer."""
OPEN = 400
"""Messages without a reply; people wait for some of theirs before they go on."""


async def flood(store: Store, count: int, disconnects: int, *, seed: int = 1, speed: float = SPEED) -> Flood:
    clock = FastClock(speed)
    with standing(FakeDingtalk(clock)) as fake:
        fake.people = {f"user{number}" for number in range(PEOPLE)}
        began = time.monotonic()
        async with AsyncExitStack() as stack:
            for number in range(2):
                await stack.enter_async_context(process(store, fake, clock, owner=f"p{number}"))
            await stack.enter_async_context(until_left(lambda: _platform_life(fake)))
            await fake.until(lambda: len(fake.lines) == 2)
            words: dict[str, str] = {}
            await _pour(fake, count, disconnects, random.Random(seed), words)
            await fake.until(lambda: not fake.unanswered, timeout_s=120)
            await settled(store)
        seconds = time.monotonic() - began
        deliveries = sum(len(frame.sent_at) for frame in fake.frames.values() if frame.frame)
        kept = [key.partition(":")[2] for key in await kept_keys(store)]
        shown = [one.text for one in fake.shown]
        return counted(words, kept, shown, deliveries=deliveries, cuts=disconnects, seconds=seconds)


@asynccontextmanager
async def process(store: Store, fake: FakeDingtalk, clock: FastClock, *, owner: str = "p") -> AsyncIterator[None]:
    """One process: its connection, its worker, its courier."""
    config = DingtalkConfig(client_id="app-1", client_secret=SECRET, api_base=fake.place.http, cards_per_s=10_000)
    platform, bell = DingtalkStream(config, clock), Bell()
    courier = Courier(store, AnswerQueue(store, KEY), platform, bell=bell)
    intake = Intake(store, "default")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(platform.close)
        await stack.enter_async_context(until_left(lambda: platform.run(intake.keep)))
        await stack.enter_async_context(working(store, bell, owner=owner))
        await stack.enter_async_context(until_left(courier.run))
        yield


async def _platform_life(fake: FakeDingtalk) -> None:
    """Ping, and send again what nobody answered."""
    while True:
        await asyncio.sleep(0.3)
        await fake.place.run(fake.ping("alive"))
        await fake.place.run(fake.redeliver())


async def _pour(fake: FakeDingtalk, count: int, disconnects: int, chance: random.Random, words: dict[str, str]) -> None:
    said: Counter[str] = Counter()
    late: list[tuple[int, str, str]] = []
    every = max(count // disconnects, 1) if disconnects else count + 1
    for number in range(count):
        person = f"user{chance.randrange(PEOPLE)}"
        said[person] += 1
        words[f"m{number}"] = f"{person}#{said[person]}"
        message = fake.message(words[f"m{number}"], senderStaffId=person, conversationId=person, msgId=f"m{number}")
        data = json.dumps(message, ensure_ascii=False)
        await fake.place.run(fake.push(BOT_TOPIC, data, message_id=f"f{number}"))
        if chance.random() < 0.3:
            again = f"f{number}" if chance.random() < 0.5 else f"f{number}b"
            late.append((number + chance.randrange(50), again, data))
        for due in [one for one in late if one[0] <= number]:
            late.remove(due)
            await fake.place.run(fake.push(BOT_TOPIC, due[2], message_id=due[1]))
        await fake.until(lambda: len(fake.waiting) < BACKLOG and len(words) - len(fake.shown) < OPEN, timeout_s=120)
        if number % every == every - 1:
            await fake.place.run(fake.hang_up(chance.choice([1000, 1001, 1006, 1011, 1012])))
            await asyncio.sleep(0.05)
    for _, again, data in late:
        await fake.place.run(fake.push(BOT_TOPIC, data, message_id=again))


if __name__ == "__main__":
    main(flood)
