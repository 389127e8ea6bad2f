"""Workers on many machines: Dramatiq carries wake-ups, the rows stay the truth.

A message says only that there is work. Whoever gets it takes the most urgent job from the
database, so priorities hold, a lost message costs time and never a job, and a message that comes
twice finds nothing to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from dramatiq import Broker, Message, Worker, actor
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import BrokerError
from redis.exceptions import RedisError

from domain.errors import ZhanqingError
from store.jobs import JobRef
from store.queue import JobQueue
from store.work import Store
from zhanqing.worker.runs import JobRunner, Stop

log = structlog.get_logger(__name__)

QUEUE = "zhanqing"
_WAKE = "take_jobs"
_MOST_WAKE_UPS = 100


def redis_broker(url: str, *, namespace: str = "zhanqing") -> RedisBroker:
    """Return a broker on `redis://…`. Retries and time limits are the rows' matter, so it has no middleware."""
    return RedisBroker(url=url, middleware=[], namespace=namespace)  # type: ignore[no-untyped-call]  # as shipped


def waker(broker: Broker) -> Callable[[JobRef], Awaitable[None]]:
    """Return what `Store.watch_jobs` needs so that jobs queued here are taken by workers elsewhere."""
    broker.declare_queue(QUEUE)

    async def wake(_reference: JobRef) -> None:
        await asyncio.to_thread(_send, broker)

    return wake


class BrokerWorker:
    """Runs jobs whenever the broker says that there are some, until told to stop.

    Args:
        slots: How many jobs run at once.
        sweep_s: How often vanished workers and lost wake-ups are looked for.
        grace_s: How long running jobs may take to finish when the worker stops; then they are handed back.
    """

    def __init__(
        self,
        store: Store,
        runner: JobRunner,
        broker: Broker,
        *,
        slots: int = 1,
        sweep_s: float = 5.0,
        grace_s: float = 20.0,
    ) -> None:
        self._queue = JobQueue(store)
        self._runner = runner
        self._broker = broker
        self._slots = slots
        self._sweep_s = sweep_s
        self._grace_s = grace_s
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        """Work until `stop` is called; then let running jobs finish, or hand them back after the grace time."""
        self._loop = asyncio.get_running_loop()
        actor(actor_name=_WAKE, queue_name=QUEUE, broker=self._broker)(self._take)
        worker = Worker(self._broker, queues={QUEUE}, worker_threads=self._slots, worker_timeout=200)
        worker.start()
        try:
            async with asyncio.TaskGroup() as group:
                sweeper = group.create_task(self._sweep())
                await self._stopping.wait()
                sweeper.cancel()
        finally:
            await self._close(worker)

    def stop(self) -> None:
        """Take no more jobs."""
        self._stopping.set()

    def _take(self) -> None:
        """Run in a Dramatiq thread: wait there while the event loop runs jobs until none is due."""
        assert self._loop is not None  # noqa: S101  # the thread was started by `run`
        asyncio.run_coroutine_threadsafe(self._drain(), self._loop).result()

    async def _drain(self) -> None:
        try:
            while not self._stopping.is_set() and await self._runner.run_next():
                pass
        except ZhanqingError as error:
            log.warning("worker.paused", reason=error.code)

    async def _sweep(self) -> None:
        """Send wake-ups for due jobs that have none; at once, since a restart is when they are missing."""
        while True:
            try:
                due = len(await self._queue.sweep(limit=_MOST_WAKE_UPS))
                waiting = await asyncio.to_thread(_waiting, self._broker)
                for _ in range(due - waiting):
                    await asyncio.to_thread(_send, self._broker)
            except ZhanqingError as error:
                log.warning("worker.paused", reason=error.code)
            except (BrokerError, RedisError) as error:
                log.warning("worker.no_broker", kind=type(error).__name__)
            await asyncio.sleep(self._sweep_s)

    async def _close(self, worker: Worker) -> None:
        """Stop fetching, wait the grace time, hand back what still runs."""
        closing = asyncio.create_task(asyncio.to_thread(worker.stop, timeout=int((self._grace_s + 10) * 1000)))
        _, busy = await asyncio.wait([closing], timeout=self._grace_s)
        if busy:
            self._runner.stop_all(Stop.SHUTDOWN)
        await closing


def _send(broker: Broker) -> None:
    message: Message[None] = Message(queue_name=QUEUE, actor_name=_WAKE, args=(), kwargs={}, options={})
    broker.enqueue(message)


def _waiting(broker: Broker) -> int:
    """How many wake-ups nobody has taken yet; unknown brokers are taken to have none."""
    if isinstance(broker, RedisBroker):
        return int(broker.client.llen(f"{broker.namespace}:{QUEUE}"))
    return 0
