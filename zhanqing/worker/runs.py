"""One run of one job: what its handler gets, and how the run ends.

A handler may run twice. What it does through `JobRun.finishing` happens exactly once, because it
is committed together with the end of the job, and only while the lease still holds.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import structlog
from opentelemetry import trace

from domain.errors import ConflictError, ZhanqingError
from store.jobs import Job
from store.leases import Lease
from store.queue import Claim, JobQueue
from store.work import Store, Work

log = structlog.get_logger(__name__)
_tracer = trace.get_tracer("zhanqing.worker")

INTERNAL = "zhanqing.internal"
"""Reason of a job whose handler failed in a way that nobody foresaw; the log says where."""


class Stop(StrEnum):
    """Why a run must not go on."""

    CANCELLED = "cancelled"
    LEASE_LOST = "lease_lost"
    SHUTDOWN = "shutdown"


class RunStopped(Exception):  # noqa: N818  # nothing went wrong
    """Raised inside a handler that asks for leave to go on and has it no more."""


class Ending(StrEnum):
    """How a run ended."""

    DONE = "done"
    FAILED = "failed"
    RETRY = "retry"
    SPENT = "spent"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended, with the code of the error that ended it."""

    ending: Ending
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait before the next try, in seconds: doubling from `first_s` up to `longest_s`."""

    first_s: float = 2.0
    longest_s: float = 600.0
    spread: Callable[[], float] = random.random

    def delay_s(self, attempt: int) -> float:
        """The wait after the attempt of this number (from 1): half fixed, half by chance."""
        longest = min(self.longest_s, self.first_s * 2.0 ** min(attempt - 1, 32))
        return longest * (0.5 + 0.5 * self.spread())


class Delays(Protocol):
    """Says how long to wait before the next try."""

    def delay_s(self, attempt: int) -> float:
        """The wait after the attempt of this number (from 1), in seconds."""
        ...


class JobRun:
    """What a handler gets: the job, the store, and the way to tell how far it is and to end it."""

    def __init__(self, store: Store, claim: Claim) -> None:
        self.store = store
        self.job = claim.job
        self.lease: Lease = claim.lease
        self.stop: Stop | None = None
        self.is_finished = False
        self._reported: tuple[int, str] | None = None

    def report(self, percent: int, stage: str) -> None:
        """Say how far the job is: percent in [0, 100] and what is being done. Callable from any thread.

        Raises:
            RunStopped: The run must not go on.
        """
        if self.stop is not None:
            raise RunStopped
        self._reported = (percent, stage)

    @asynccontextmanager
    async def finishing(self) -> AsyncIterator[Work]:
        """Open the transaction that holds the job's effects and its end, both or neither.

        Raises:
            ConflictError: `store.lease_lost`: somebody else has the job, nothing was kept.
        """
        async with self.store.begin(self.job.tenant) as work:
            yield work
            await work.leases.finish(self.lease)
        self.is_finished = True

    def take_report(self) -> tuple[int, str] | None:
        """Return what was reported since the last look, and forget it."""
        reported, self._reported = self._reported, None
        return reported


Handler = Callable[[JobRun], Awaitable[None]]
FailureHook = Callable[[Work, Job], Awaitable[None]]
"""Called in the transaction that ends a job as failed, dead or cancelled."""


class JobRunner:
    """Runs jobs one after another.

    Args:
        handlers: Which handler does which kind of job.
        owner: Names this worker in leases.
        backoff: How long to wait before the next try; `delays` says it for single kinds of jobs.
        on_failure: What else belongs into the transaction that ends a job without success.
        lease_s: How long a lease holds unless it is extended; a worker that vanished is missed after it.
        watch_s: How often progress is written down and the lease is looked after.
    """

    def __init__(
        self,
        store: Store,
        handlers: Mapping[str, Handler],
        *,
        owner: str,
        on_failure: FailureHook | None = None,
        backoff: Delays | None = None,
        delays: Mapping[str, Delays] | None = None,
        lease_s: float = 60.0,
        watch_s: float = 1.0,
    ) -> None:
        self._store = store
        self._queue = JobQueue(store)
        self._handlers = dict(handlers)
        self._owner = owner
        self._on_failure = on_failure
        self._backoff = backoff or Backoff()
        self._delays = dict(delays or {})
        self._lease_s = lease_s
        self._watch_s = watch_s
        self._active: dict[JobRun, asyncio.Task[Outcome]] = {}

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of jobs that this runner does."""
        return frozenset(self._handlers)

    async def run_next(self) -> bool:
        """Take the most urgent due job and run it to an end; False if there was none.

        Raises:
            UpstreamError: The database is out of reach.
        """
        claim = await self._queue.claim(self._owner, lease_s=self._lease_s, kinds=self.kinds)
        if claim is None:
            return False
        with (
            structlog.contextvars.bound_contextvars(tenant_id=claim.job.tenant, job_id=claim.job.job_id),
            _tracer.start_as_current_span(f"job {claim.job.kind}", record_exception=False) as span,
        ):
            span.set_attributes({"zhanqing.job_id": claim.job.job_id, "zhanqing.attempt": claim.job.attempts})
            await self._run(claim)
        return True

    def stop_all(self, why: Stop) -> None:
        """Stop what is running: handlers end at their next await or report."""
        for run, task in self._active.items():
            _stop(run, task, why)

    async def _run(self, claim: Claim) -> None:
        run = JobRun(self._store, claim)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self._attempt(run))
            self._active[run] = task
            watcher = group.create_task(self._watch(run, task))
            try:
                await asyncio.wait([task])
            finally:
                watcher.cancel()
                del self._active[run]
        await self._end(run, task.result())

    async def _attempt(self, run: JobRun) -> Outcome:
        """Run the handler; whatever happens becomes an outcome."""
        if run.job.is_spent:
            return Outcome(ending=Ending.SPENT)
        try:
            await self._handlers[run.job.kind](run)
        except RunStopped:
            return Outcome(ending=Ending.STOPPED)
        except asyncio.CancelledError:
            if run.stop is None:
                raise
            return Outcome(ending=Ending.STOPPED)
        except ZhanqingError as error:
            return _outcome(run, error)
        except Exception as error:  # the outer edge of a job
            log.error("job.broke", kind=type(error).__name__, at=_place(error))
            return Outcome(ending=Ending.RETRY, reason=INTERNAL)
        return Outcome(ending=Ending.DONE)

    async def _watch(self, run: JobRun, task: asyncio.Task[Outcome]) -> None:
        """Write down progress, keep the lease, and stop the run once it must not go on."""
        waited_s = 0.0
        while True:
            await asyncio.sleep(self._watch_s)
            waited_s += self._watch_s
            reported = run.take_report()
            if reported is None and waited_s < self._lease_s / 4:
                continue
            try:
                job = await self._look_after(run, reported)
            except ConflictError:
                _stop(run, task, Stop.LEASE_LOST)
                return
            except ZhanqingError as error:
                log.warning("job.watch_failed", reason=error.code)
                continue
            waited_s = 0.0
            if job.cancel_requested:
                _stop(run, task, Stop.CANCELLED)

    async def _look_after(self, run: JobRun, reported: tuple[int, str] | None) -> Job:
        async with self._store.begin(run.job.tenant) as work:
            job = await work.leases.extend(run.lease, lease_s=self._lease_s)
            return job if reported is None else await work.leases.progress(run.lease, *reported)

    async def _end(self, run: JobRun, outcome: Outcome) -> None:
        """Write down how the run ended; a lost lease leaves that to whoever holds the job now."""
        if run.is_finished or run.stop is Stop.LEASE_LOST:
            log.info("job.ended", ending=outcome.ending, finished=run.is_finished)
            return
        try:
            async with self._store.begin(run.job.tenant) as work:
                job = await self._change(work, run, outcome)
                if self._on_failure is not None and job.status.is_unsuccessful:
                    await self._on_failure(work, job)
        except ConflictError:
            log.warning("job.lease_lost")
            return
        log.info("job.ended", ending=outcome.ending, status=job.status, reason=outcome.reason)

    async def _change(self, work: Work, run: JobRun, outcome: Outcome) -> Job:
        leases, lease = work.leases, run.lease
        match outcome.ending:
            case Ending.DONE:
                return await leases.finish(lease)
            case Ending.FAILED:
                return await leases.fail(lease, outcome.reason)
            case Ending.SPENT:
                return await leases.bury(lease)
            case Ending.RETRY:
                delay_s = self._delays.get(run.job.kind, self._backoff).delay_s(run.job.attempts)
                return await leases.retry_later(lease, outcome.reason, delay_s=delay_s)
            case Ending.STOPPED:
                return await (leases.cancel(lease) if run.stop is Stop.CANCELLED else leases.hand_back(lease))


def _stop(run: JobRun, task: asyncio.Task[Outcome], why: Stop) -> None:
    run.stop = run.stop or why
    task.cancel()


def _outcome(run: JobRun, error: ZhanqingError) -> Outcome:
    if error.code == "store.lease_lost":
        run.stop = Stop.LEASE_LOST
        return Outcome(ending=Ending.STOPPED)
    return Outcome(ending=Ending.RETRY if error.retryable else Ending.FAILED, reason=error.code)


def _place(error: BaseException) -> str:
    """Where an exception was raised. Its text is left out: it may hold customer words."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
