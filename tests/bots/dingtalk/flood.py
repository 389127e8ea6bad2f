"""Many messages over Stream connections that break, with duplicates; how each of them was answered.

`python -m tests.bots.dingtalk.flood 10000 200 [database url]` prints the figure. Everything is real but the coach:
two connected processes' worth of platforms, inbox, jobs, courier, database; the answer echoes the message.
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

from sqlalchemy import select

from bots.dingtalk.config import DingtalkConfig
from bots.dingtalk.stream import DingtalkStream
from bots.testing.dingtalk import BOT_TOPIC, SECRET, FakeDingtalk, standing
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

SPEED = 3.0
"""The platform's minutes are 20 s of ours."""
PEOPLE = 50
BACKLOG = 20
"""Frames without an acknowledgement; the platform has more to say when there are fewer."""
OPEN = 400
"""Messages without a reply; people wait for some of theirs before they go on."""
KEY = Sealer(bytes(32))


class FastClock:
    """Goes `speed` times as fast as ours."""

    def __init__(self, speed: float) -> None:
        self._began, self._at, self._speed = time.time(), time.monotonic(), speed

    def now(self) -> float:
        return self._began + (time.monotonic() - self._at) * self._speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)


@dataclass(frozen=True, kw_only=True)
class Flood:
    """What came of it; `in_order` counts conversations whose answers came in the order of the inbox."""

    messages: int
    deliveries: int
    disconnects: int
    answered_once: int
    answered_twice: int
    lost: int
    conversations: int
    in_order: int
    seconds: float


async def flood(store: Store, count: int, disconnects: int, *, seed: int = 1, speed: float = SPEED) -> Flood:
    clock = FastClock(speed)
    with standing(FakeDingtalk(clock)) as fake:
        fake.people = {f"user{number}" for number in range(PEOPLE)}
        began = time.monotonic()
        async with AsyncExitStack() as stack:
            for _ in range(2):
                await stack.enter_async_context(process(store, fake, clock))
            await stack.enter_async_context(_until_left(lambda: _platform_life(fake)))
            await fake.until(lambda: len(fake.lines) == 2)
            await _pour(fake, count, disconnects, random.Random(seed))
            await _settled(fake, count)
        deliveries = sum(len(frame.sent_at) for frame in fake.frames.values() if frame.frame)
        return await _counted(store, fake, count, deliveries, disconnects, time.monotonic() - began)


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
async def process(store: Store, fake: FakeDingtalk, clock: FastClock) -> AsyncIterator[None]:
    """One process: its connection, its worker, its courier."""
    config = DingtalkConfig(client_id="app-1", client_secret=SECRET, api_base=fake.place.http, cards_per_s=10_000)
    platform = DingtalkStream(config, clock)
    runner = JobRunner(
        store, {ANSWER_MESSAGE: _echo}, owner=f"p{id(platform)}", backoff=Backoff(first_s=0.01, longest_s=0.1)
    )
    courier = Courier(store, AnswerQueue(store, KEY), platform, poll_s=0.2)

    async def work() -> None:
        while True:
            if not await runner.run_next():
                await asyncio.sleep(0.2)

    async with AsyncExitStack() as stack:
        stack.push_async_callback(platform.close)
        for run in (lambda: platform.run(Intake(store, "default").keep), work, courier.run):
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


async def _platform_life(fake: FakeDingtalk) -> None:
    """Ping, and send again what nobody answered."""
    while True:
        await asyncio.sleep(0.3)
        await fake.place.run(fake.ping("alive"))
        await fake.place.run(fake.redeliver())


async def _pour(fake: FakeDingtalk, count: int, disconnects: int, chance: random.Random) -> None:
    said: defaultdict[str, int] = defaultdict(int)
    late: list[tuple[int, str, str]] = []
    every = max(count // disconnects, 1) if disconnects else count + 1
    for number in range(count):
        person = f"user{chance.randrange(PEOPLE)}"
        said[person] += 1
        message = fake.message(
            f"{person}#{said[person]}", senderStaffId=person, conversationId=person, msgId=f"m{number}"
        )
        data = json.dumps(message, ensure_ascii=False)
        await fake.place.run(fake.push(BOT_TOPIC, data, message_id=f"f{number}"))
        if chance.random() < 0.3:
            again = f"f{number}" if chance.random() < 0.5 else f"f{number}b"
            late.append((number + chance.randrange(50), again, data))
        for due in [one for one in late if one[0] <= number]:
            late.remove(due)
            await fake.place.run(fake.push(BOT_TOPIC, due[2], message_id=due[1]))
        await fake.until(
            lambda: len(fake.waiting) < BACKLOG and sum(said.values()) - len(fake.shown) < OPEN, timeout_s=120
        )
        if number % every == every - 1:
            await fake.place.run(fake.hang_up(chance.choice([1000, 1001, 1006, 1011, 1012])))
            await asyncio.sleep(0.05)
    for _, again, data in late:
        await fake.place.run(fake.push(BOT_TOPIC, data, message_id=again))


async def _settled(fake: FakeDingtalk, count: int) -> None:
    """Wait until everything is answered, or nothing has happened for a while; then a little longer for doubles."""
    seen, since = -1, time.monotonic()
    while len(fake.shown) < count and time.monotonic() - since < 20:
        if len(fake.shown) != seen:
            seen, since = len(fake.shown), time.monotonic()
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.5)


async def _counted(
    store: Store, fake: FakeDingtalk, count: int, deliveries: int, disconnects: int, seconds: float
) -> Flood:
    answers: defaultdict[str, list[str]] = defaultdict(list)
    times: defaultdict[str, int] = defaultdict(int)
    for shown in fake.shown:
        answers[shown.text.partition("#")[0]].append(shown.text)
        times[shown.text] += 1
    kept = await _kept(store, fake)
    return Flood(
        messages=count,
        deliveries=deliveries,
        disconnects=disconnects,
        answered_once=sum(number == 1 for number in times.values()),
        answered_twice=sum(number > 1 for number in times.values()),
        lost=count - len(times),
        conversations=len(kept),
        in_order=sum(answers[person] == texts for person, texts in kept.items()),
        seconds=round(seconds, 1),
    )


async def _kept(store: Store, fake: FakeDingtalk) -> dict[str, list[str]]:
    """What the inbox took, in its order, by person."""
    words = {}
    for frame in fake.frames.values():
        if frame.frame and frame.frame["headers"]["topic"] == BOT_TOPIC:
            data = json.loads(frame.frame["data"])
            words[f"msg:{data['msgId']}"] = data["text"]["content"].strip()
    async with store.across_tenants(writes=False) as session:
        rows = (
            await session.execute(
                select(InboxRow.dedupe_key).where(InboxRow.job_id.is_not(None)).order_by(InboxRow.message_id)
            )
        ).scalars()
        keys = list(rows)
    kept: defaultdict[str, list[str]] = defaultdict(list)
    for key in keys:
        kept[words[key].partition("#")[0]].append(words[key])
    return kept


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
