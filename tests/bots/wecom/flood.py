"""Many messages over a long connection that breaks, with duplicates; how each of them was answered.

`python -m tests.bots.wecom.flood 10000 200 [database url]` prints the figure. Everything is real but the coach:
one connection, inbox, jobs, courier, database; the answer echoes the message.
WeCom does not deliver again what was on the wire when a connection broke: `never_came` counts those apart.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bots.testing.wecom_gateway import FakeGateway
from bots.wecom.bot import WecomBot
from bots.wecom.config import WecomBotConfig
from store.answer_queue import AnswerQueue
from store.engine import make_engine
from store.inbox import ANSWER_MESSAGE
from store.migrate import upgrade
from store.sealing import Sealer
from store.tables import InboxRow
from store.work import Store
from zhanqing.chats.couriers import Courier
from zhanqing.chats.intake import Intake, read_message
from zhanqing.worker.runs import Backoff, JobRun, JobRunner

SPEED = 20.0
PEOPLE = 500
MOST_WAITING = 40
"""Messages without an answer; reps have more to say when there are fewer."""
KEY = Sealer(bytes(32))


class FastClock:
    """Goes `SPEED` times as fast as ours, but for the waits for acknowledgements."""

    def __init__(self) -> None:
        self._began, self._at = time.time(), time.monotonic()

    def now(self) -> float:
        return self._began + (time.monotonic() - self._at) * SPEED

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds if seconds == 5.0 else seconds / SPEED)


@dataclass(frozen=True, kw_only=True)
class Flood:
    """What came of it; `in_order` counts conversations whose answers came in the order of the inbox."""

    messages: int
    deliveries: int
    disconnects: int
    never_came: int
    answered_once: int
    answered_twice: int
    lost: int
    conversations: int
    in_order: int
    seconds: float


async def flood(store: Store, count: int, disconnects: int, *, seed: int = 1) -> Flood:
    clock = FastClock()
    gateway = FakeGateway(clock)
    began = time.monotonic()
    async with gateway.serve(), _process(store, gateway, clock):
        await gateway.until(lambda: gateway.is_connected)
        words: dict[str, str] = {}
        deliveries = await _pour(gateway, count, disconnects, random.Random(seed), words)
        await _settled(gateway, store)
        spent_s = round(time.monotonic() - began, 1)
        told = {"messages": count, "deliveries": deliveries, "disconnects": disconnects, "seconds": spent_s}
        return await _counted(store, gateway, words, told)


async def _echo(run: JobRun) -> None:
    message_id = str(run.job.payload["message_id"])
    async with run.store.read(run.job.tenant) as work:
        payload = await work.inbox.get(message_id)
    if payload is None:
        return
    message = read_message(payload)
    async with run.finishing() as work:
        await work.chat_answers.write(message.answer_id, text=message.text, state="finished")
        await work.inbox.finish(message_id)


@asynccontextmanager
async def _process(store: Store, gateway: FakeGateway, clock: FastClock) -> AsyncIterator[None]:
    config = WecomBotConfig(bot_id="BOT", secret=gateway.secrets["BOT"], ws_url=gateway.url, refresh_s=0.0)
    platform = WecomBot(config, clock)
    backoff = Backoff(first_s=0.01, longest_s=0.1)
    runners = [JobRunner(store, {ANSWER_MESSAGE: _echo}, owner=f"p{number}", backoff=backoff) for number in range(2)]
    courier = Courier(store, AnswerQueue(store, KEY), platform, poll_s=0.05)

    def work(runner: JobRunner) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            while True:
                if not await runner.run_next():
                    await asyncio.sleep(0.02)

        return run

    async with AsyncExitStack() as stack:
        stack.push_async_callback(platform.close)
        for run in (lambda: platform.run(Intake(store, "default").keep), *map(work, runners), courier.run):
            await stack.enter_async_context(_until_left(run))
        yield


@asynccontextmanager
async def _until_left(run: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _pour(
    gateway: FakeGateway, count: int, disconnects: int, chance: random.Random, words: dict[str, str]
) -> int:
    said: defaultdict[str, int] = defaultdict(int)
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
            await gateway.close(chance.choice([1000, 1001, 1006, 1011]))
    return deliveries


async def _say(gateway: FakeGateway, text: str, req_id: str, body: dict[str, object]) -> None:
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
    while number - len(gateway.bubbles) > MOST_WAITING and time.monotonic() < until:
        await asyncio.sleep(0.005)


async def _settled(gateway: FakeGateway, store: Store) -> None:
    """Wait until everything that came is answered, or nothing has happened for a while; then a little for doubles."""
    kept, seen, since = len(await _kept(store)), -1, time.monotonic()
    while (done := sum(b.finishes > 0 for b in gateway.bubbles.values())) < kept and time.monotonic() - since < 20:
        if done != seen:
            seen, since = done, time.monotonic()
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)


async def _counted(store: Store, gateway: FakeGateway, words: dict[str, str], told: dict[str, Any]) -> Flood:
    times: defaultdict[str, int] = defaultdict(int)
    answers: defaultdict[str, list[str]] = defaultdict(list)
    for text in gateway.ended:
        times[text] += 1
        answers[text.partition("#")[0]].append(text)
    kept: defaultdict[str, list[str]] = defaultdict(list)
    for key in await _kept(store):
        kept[words[key].partition("#")[0]].append(words[key])
    came = sum(map(len, kept.values()))
    return Flood(
        **told,
        never_came=len(words) - came,
        answered_once=sum(number == 1 for number in times.values()),
        answered_twice=sum(number > 1 for number in times.values()),
        lost=came - len(times),
        conversations=len(kept),
        in_order=sum(answers[person] == texts for person, texts in kept.items()),
    )


async def _kept(store: Store) -> list[str]:
    """The ids of what the inbox took, in its order."""
    async with store.across_tenants(writes=False) as session:
        rows = await session.execute(
            select(InboxRow.dedupe_key).where(InboxRow.job_id.is_not(None)).order_by(InboxRow.message_id)
        )
        return list(rows.scalars())


async def _main(count: int, disconnects: int, url: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        where = url or f"sqlite+aiosqlite:///{folder}/flood.db"
        engine = make_engine(where)
        await upgrade(engine)
        store = Store(engine, blobs=Path(folder) / "blobs", sealer=KEY)
        found = await flood(store, count, disconnects)
        await store.close()
    print(json.dumps(asdict(found)))  # noqa: T201 - the figure


if __name__ == "__main__":
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else ""))
