"""What the floods of both platforms share: a clock that hurries, a coach that echoes, and the count of what came of it."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog
from sqlalchemy import func, select

from store.engine import make_engine
from store.inbox import ANSWER_MESSAGE
from store.migrate import upgrade
from store.sealing import Sealer
from store.tables import ChatAnswerRow, InboxRow
from store.work import Store
from zhanqing.chats.bells import Bell
from zhanqing.chats.intake import read_message
from zhanqing.worker.inprocess import InProcessWorker
from zhanqing.worker.runs import Backoff, JobRun, JobRunner

KEY = Sealer(bytes(32))
_PATIENCE_S = 90.0
"""So long nothing may happen before what is still open counts as lost; longer than any wait for a next try."""


class FastClock:
    """Goes `speed` times as fast as ours, but for waits of `real_s`, e.g. those for acknowledgements."""

    def __init__(self, speed: float, *, real_s: float | None = None) -> None:
        self._began, self._at, self._speed, self._real_s = time.time(), time.monotonic(), speed, real_s

    def now(self) -> float:
        return self._began + (time.monotonic() - self._at) * self._speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds if seconds == self._real_s else seconds / self._speed)


@dataclass(frozen=True, kw_only=True)
class Flood:
    """What came of it.

    Attributes:
        never_came: Messages that were on the wire when it was cut and that the platform does not repeat.
        lost: Messages that came in and were not answered.
        in_order: Conversations whose answers came in the order of the inbox.
    """

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


@asynccontextmanager
async def working(store: Store, bell: Bell, *, owner: str, slots: int = 4) -> AsyncIterator[None]:
    """Answer messages with themselves until the block ends, as the service's own worker for chats would."""

    async def echo(run: JobRun) -> None:
        message_id = str(run.job.payload["message_id"])
        async with run.store.read(run.job.tenant) as work:
            payload = await work.inbox.get(message_id)
        if payload is None:
            return
        message = read_message(payload)
        async with run.finishing() as work:
            await work.chat_answers.write(message.answer_id, text=message.text, state="finished")
            await work.inbox.finish(message_id)
        bell.ring()

    runner = JobRunner(store, {ANSWER_MESSAGE: echo}, owner=owner, backoff=Backoff(first_s=0.01, longest_s=0.1))
    worker = InProcessWorker(store, runner, slots=slots, poll_s=0.5)
    async with until_left(worker.run):
        yield


@asynccontextmanager
async def until_left(run: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run something until the block ends."""
    task = asyncio.ensure_future(run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def settled(store: Store) -> None:
    """Wait until nothing is open any more, or nothing has changed for a long while; then a little for doubles."""
    seen, since = -1, time.monotonic()
    while (left := await _open(store)) and time.monotonic() - since < _PATIENCE_S:
        if left != seen:
            seen, since = left, time.monotonic()
        await asyncio.sleep(0.2)
    await asyncio.sleep(1.5)


async def kept_keys(store: Store) -> list[str]:
    """Return the first ids of what the inbox took, in its order."""
    first = select(InboxRow.dedupe_key).where(InboxRow.job_id.is_not(None)).order_by(InboxRow.message_id)
    async with store.across_tenants(writes=False) as session:
        return list(await session.scalars(first))


def counted(
    words: Mapping[str, str], kept: Iterable[str], shown: Sequence[str], *, deliveries: int, cuts: int, seconds: float
) -> Flood:
    """Count what was said (id → `person#number`), what the inbox kept of it, and which answers were shown."""
    said = set(words.values())
    shown = [text for text in shown if text in said]  # not what only says that the rest comes later
    times = Counter(shown)
    answers, asked = defaultdict(list), defaultdict(list)
    for text in shown:
        answers[text.partition("#")[0]].append(text)
    for key in kept:
        asked[words[key].partition("#")[0]].append(words[key])
    came = sum(map(len, asked.values()))
    return Flood(
        messages=len(words),
        deliveries=deliveries,
        disconnects=cuts,
        never_came=len(words) - came,
        answered_once=sum(number == 1 for number in times.values()),
        answered_twice=sum(number > 1 for number in times.values()),
        lost=came - len(times),
        conversations=len(asked),
        in_order=sum(answers[person] == texts for person, texts in asked.items()),
        seconds=round(seconds, 1),
    )


@asynccontextmanager
async def fresh_store(url: str = "") -> AsyncIterator[Store]:
    """Open a database that nobody else uses: SQLite in a folder of its own unless an address is given."""
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(url or f"sqlite+aiosqlite:///{folder}/flood.db")
        await upgrade(engine)
        store = Store(engine, blobs=Path(folder) / "blobs", sealer=KEY)
        try:
            yield store
        finally:
            await store.close()


def main(flood: Callable[[Store, int, int], Awaitable[Flood]]) -> None:
    """Print what came of `COUNT CUTS [DATABASE_URL]` of the command line."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))

    async def run() -> Flood:
        async with fresh_store(sys.argv[3] if len(sys.argv) > 3 else "") as store:
            return await flood(store, int(sys.argv[1]), int(sys.argv[2]))

    print(json.dumps(asdict(asyncio.run(run()))))  # noqa: T201 - the figure


async def _open(store: Store) -> int:
    """How many answers are still to be shown."""
    async with store.across_tenants(writes=False) as session:
        still = select(func.count()).select_from(ChatAnswerRow).where(ChatAnswerRow.is_open.is_(True))
        return await session.scalar(still) or 0
