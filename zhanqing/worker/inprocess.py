"""A worker inside this process: a few slots that take jobs from the database, and a sweeper."""

from __future__ import annotations

import asyncio

import structlog

from domain.errors import ZhanqingError
from store.jobs import JobRef
from store.queue import JobQueue
from store.work import Store
from zhanqing.worker.runs import JobRunner, Stop

log = structlog.get_logger(__name__)


class InProcessWorker:
    """Runs jobs as tasks of this process's event loop, until told to stop.

    Handlers wait asynchronously and compute in threads, so the loop stays free for requests.

    Args:
        slots: How many jobs run at once.
        poll_s: How long a slot sleeps at most when nobody wakes it, e.g. for jobs of other processes.
        sweep_s: How often vanished workers are looked for.
        grace_s: How long running jobs may take to finish when the worker stops; then they are handed back.
    """

    def __init__(
        self,
        store: Store,
        runner: JobRunner,
        *,
        slots: int = 1,
        poll_s: float = 5.0,
        sweep_s: float = 15.0,
        grace_s: float = 20.0,
    ) -> None:
        self._queue = JobQueue(store)
        self._runner = runner
        self._slots = slots
        self._poll_s = poll_s
        self._sweep_s = sweep_s
        self._grace_s = grace_s
        self._stopping = asyncio.Event()
        self._woken = asyncio.Event()
        store.watch_jobs(self._wake)

    async def run(self) -> None:
        """Work until `stop` is called; then let running jobs finish, or hand them back after the grace time."""
        async with asyncio.TaskGroup() as group:
            slots = [group.create_task(self._slot()) for _ in range(self._slots)]
            sweeper = group.create_task(self._sweep())
            await self._stopping.wait()
            sweeper.cancel()
            _, busy = await asyncio.wait(slots, timeout=self._grace_s)
            if busy:
                self._runner.stop_all(Stop.SHUTDOWN)

    def stop(self) -> None:
        """Take no more jobs."""
        self._stopping.set()
        self._woken.set()

    async def _wake(self, _reference: JobRef) -> None:
        self._woken.set()

    async def _slot(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                found = await self._runner.run_next()
            except ZhanqingError as error:
                log.warning("worker.paused", reason=error.code)
                found = False
            if not found and not self._stopping.is_set():
                await self._sleep()

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(self._poll_s):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _sweep(self) -> None:
        """Look for vanished workers at once, since a restart is when they are found, and then regularly."""
        while True:
            try:
                if await self._queue.sweep():
                    self._woken.set()
            except ZhanqingError as error:
                log.warning("worker.paused", reason=error.code)
            await asyncio.sleep(self._sweep_s)
