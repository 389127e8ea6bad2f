"""Jobs as their tenant sees them: added with the change that asks for them, watched, cancelled, retried.

Workers take them through `store.queue` and end them through `store.leases`. Life: queued → running
(under a lease) → done, or failed (it can never work), or dead (it was tried often enough), or cancelled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from functools import cache, partial
from typing import Any

from sqlalchemy import Insert, Row, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from domain.errors import ConflictError, NotFoundError
from store.columns import table_of
from store.ids import new_id
from store.scope import Repository
from store.tables import JobEventRow, JobRow


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    DEAD = "dead"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Nothing will happen to it any more unless somebody retries it."""
        return self not in (JobStatus.QUEUED, JobStatus.RUNNING)

    @property
    def is_unsuccessful(self) -> bool:
        """It ended without having been done."""
        return self.is_final and self is not JobStatus.DONE


class Priority(IntEnum):
    """Lower goes first."""

    LIVE = 0
    INTERACTIVE = 10
    BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRef:
    """Which job of which tenant."""

    tenant: str
    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A piece of work.

    Attributes:
        percent: Progress in [0, 100]; `stage` says what is being done.
        reason: Why it failed or is tried again: an error's code, never customer words.
    """

    tenant: str
    job_id: str
    kind: str
    payload: dict[str, Any]
    status: JobStatus
    priority: int
    attempts: int
    max_attempts: int
    percent: int
    stage: str
    reason: str | None
    cancel_requested: bool
    created_at: datetime
    updated_at: datetime

    @property
    def is_spent(self) -> bool:
        """It was handed out more often than it may be tried."""
        return self.attempts > self.max_attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOrder:
    """A job to be queued with others of its kind; ids of one series are done in their order."""

    job_id: str
    serial_key: str | None
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One step in a job's life; `sequence` counts from 1."""

    sequence: int
    at: datetime
    status: JobStatus
    percent: int
    stage: str
    reason: str | None


class Jobs(Repository):
    """The jobs of one tenant."""

    async def add(
        self,
        kind: str,
        payload: dict[str, Any],
        *,
        dedupe_key: str | None = None,
        serial_key: str | None = None,
        priority: int = Priority.BATCH,
        max_attempts: int = 5,
        delay_s: float = 0.0,
    ) -> Job:
        """Queue a job; workers hear of it after the commit.

        With a `dedupe_key`, a job of the same kind and key is the same job: it is returned as it is. Jobs of one
        `serial_key` are done one after another: a later one waits until the earlier ones ended, however they did.
        """
        now = self._now()
        values = _queued(new_id("job", now), kind, payload, now) | {
            "dedupe_key": dedupe_key,
            "serial_key": serial_key,
            "priority": priority,
            "max_attempts": max_attempts,
            "available_at": now + timedelta(seconds=delay_s),
        }
        if not await self._insert_new(JobRow, values):
            same = select(JobRow).where(JobRow.kind == kind, JobRow.dedupe_key == dedupe_key)
            return job_of((await self._session.scalars(same)).one())
        job = job_of(JobRow(tenant_id=self._tenant, **values))
        await note(self._session, job)
        self._wake(job.job_id)
        return job

    async def add_series(
        self, kind: str, orders: Sequence[JobOrder], *, priority: int, max_attempts: int, delay_s: float = 0.0
    ) -> list[Job]:
        """Queue new jobs of one kind at once."""
        now = self._now()
        due_at = now + timedelta(seconds=delay_s)
        given: dict[str, Any] = {
            "dedupe_key": None,
            "priority": priority,
            "max_attempts": max_attempts,
            "available_at": due_at,
        }
        rows = [
            _queued(one.job_id, kind, dict(one.payload), now) | given | {"serial_key": one.serial_key} for one in orders
        ]
        await self._insert(JobRow, rows)
        jobs = [job_of(JobRow(tenant_id=self._tenant, **row)) for row in rows]
        await self._insert(JobEventRow, [event_of(job, 1) for job in jobs])
        for one in orders:
            self._wake(one.job_id)
        return jobs

    async def await_each(
        self,
        kind: str,
        payloads: Mapping[str, dict[str, Any]],
        *,
        priority: int = Priority.BATCH,
        max_attempts: int = 5,
        delay_s: float = 0.0,
    ) -> dict[str, str]:
        """See to it that in each series a job waits that will see what this transaction writes.

        A job that nobody has begun is that job: its row is held until the commit, so that nobody begins it before.

        Args:
            payloads: What a new job of each series, named by its serial key, is given.

        Returns:
            The job's id by serial key.
        """
        row = JobRow
        unbegun = (row.kind == kind, row.serial_key.in_(payloads), row.status == JobStatus.QUEUED)
        held = select(row.serial_key, row.job_id).where(*unbegun).with_for_update(skip_locked=True)
        waiting = {each.serial_key: each.job_id for each in await self._session.execute(held)}
        new = {series: new_id("job", self._now()) for series in payloads if series not in waiting}
        orders = [
            JobOrder(job_id=job_id, serial_key=series, payload=payloads[series]) for series, job_id in new.items()
        ]
        await self.add_series(kind, orders, priority=priority, max_attempts=max_attempts, delay_s=delay_s)
        return waiting | new

    async def get(self, job_id: str) -> Job | None:
        """Return a job, or None."""
        row = await self._session.scalar(select(JobRow).where(JobRow.job_id == job_id))
        return None if row is None else job_of(row)

    async def page(self, *, limit: int, status: JobStatus | None = None, before: str | None = None) -> list[Job]:
        """Return jobs newest first, from before a job's id on, those of one status if asked."""
        statement = select(JobRow)
        if status is not None:
            statement = statement.where(JobRow.status == status)
        if before is not None:
            statement = statement.where(JobRow.job_id < before)
        return [
            job_of(row) for row in await self._session.scalars(statement.order_by(JobRow.job_id.desc()).limit(limit))
        ]

    async def events(self, job_id: str, *, after: int = 0) -> list[JobEvent]:
        """Return what happened to a job after the given sequence number, in order."""
        row = JobEventRow
        statement = select(row).where(row.job_id == job_id, row.sequence > after).order_by(row.sequence)
        return [
            JobEvent(
                sequence=each.sequence,
                at=each.at,
                status=JobStatus(each.status),
                percent=each.percent,
                stage=each.stage,
                reason=each.reason,
            )
            for each in await self._session.scalars(statement)
        ]

    async def cancel(self, job_id: str) -> Job:
        """Cancel a queued job; ask a running one to stop. A final one stays what it is.

        Raises:
            NotFoundError: There is no such job.
        """
        queued = update(JobRow).where(JobRow.job_id == job_id, JobRow.status == JobStatus.QUEUED)
        if await self._changed(queued.values(status=JobStatus.CANCELLED, updated_at=self._now())):
            job = await self.existing(job_id)
            await note(self._session, job)
            return job
        running = update(JobRow).where(JobRow.job_id == job_id, JobRow.status == JobStatus.RUNNING)
        await self._session.execute(running.values(cancel_requested=True, updated_at=self._now()))
        return await self.existing(job_id)

    async def retry(self, job_id: str) -> Job:
        """Queue a job again that failed, died or was cancelled, with all its attempts.

        Raises:
            NotFoundError: There is no such job.
            ConflictError: It is queued, running or done.
        """
        again = (JobStatus.FAILED, JobStatus.DEAD, JobStatus.CANCELLED)
        ended = update(JobRow).where(JobRow.job_id == job_id, JobRow.status.in_(again))
        fresh = {**_FRESH, "status": JobStatus.QUEUED, "available_at": self._now(), "updated_at": self._now()}
        del fresh["fence"]
        changed = await self._changed(ended.values(fresh))
        job = await self.existing(job_id)
        if not changed:
            raise ConflictError("store.job_not_ended", status=job.status)
        await note(self._session, job)
        self._wake(job_id)
        return job

    async def existing(self, job_id: str) -> Job:
        """Return a job that must be there.

        Raises:
            NotFoundError: It is not.
        """
        job = await self.get(job_id)
        if job is None:
            raise NotFoundError("store.no_job")
        return job

    def _wake(self, job_id: str) -> None:
        self._scope.after_commit.append(partial(self._scope.wake, job_id))


def _queued(job_id: str, kind: str, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return the columns that all new jobs share."""
    known = {"job_id": job_id, "kind": kind, "payload": payload, "status": JobStatus.QUEUED}
    return {**_FRESH, **known, "created_at": now, "updated_at": now}


_FRESH: dict[str, Any] = {
    "attempts": 0,
    "lease_owner": None,
    "lease_until": None,
    "fence": 0,
    "cancel_requested": False,
    "percent": 0,
    "stage": "",
    "reason": None,
}


def job_of(row: JobRow | Row[Any]) -> Job:
    """Return a job row as a value."""
    return Job(
        tenant=row.tenant_id,
        job_id=row.job_id,
        kind=row.kind,
        payload=row.payload,
        status=JobStatus(row.status),
        priority=row.priority,
        attempts=row.attempts,
        max_attempts=row.max_attempts,
        percent=row.percent,
        stage=row.stage,
        reason=row.reason,
        cancel_requested=row.cancel_requested,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def note(session: AsyncSession, job: Job) -> None:
    """Write down where a job stands as the next event of its life."""
    values = event_of(job, 0)
    del values["sequence"]
    await (await session.connection()).execute(_next_event(), values)


@cache
def _next_event() -> Insert:
    """Made once: making a statement costs more than running it."""
    events = table_of(JobEventRow)
    mine = (events.c.tenant_id == bindparam("tenant_id"), events.c.job_id == bindparam("job_id"))
    last = select(func.coalesce(func.max(events.c.sequence), 0) + 1).where(*mine)
    given: dict[str, Any] = {column.name: bindparam(column.name) for column in events.c if column.name != "sequence"}
    return insert(events).values({**given, "sequence": last.scalar_subquery()})


def event_of(job: Job, sequence: int) -> dict[str, Any]:
    """Return where a job stands as the columns of an event."""
    return {
        "tenant_id": job.tenant,
        "job_id": job.job_id,
        "sequence": sequence,
        "at": job.updated_at,
        "status": job.status,
        "percent": job.percent,
        "stage": job.stage,
        "reason": job.reason,
    }
