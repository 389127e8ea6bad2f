"""The job queue over all tenants: who works on what next, and what became of those who vanished."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from store.jobs import Job, JobRef, JobStatus, job_of, note
from store.leases import Lease
from store.tables import JobRow
from store.work import Store

VANISHED = "store.worker_vanished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A job and the right to work on it."""

    job: Job
    lease: Lease


class JobQueue:
    """Hands out jobs under leases; the same job is never held twice."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def claim(
        self, owner: str, *, lease_s: float, kinds: Collection[str], only: JobRef | None = None
    ) -> Claim | None:
        """Take the most urgent due job of these kinds, or the one named if it is due; None if there is none.

        A running job whose lease ran out is due again: its worker vanished. A job that was tried too
        often is handed out once more, with more attempts than it may have, so that whoever takes it
        ends it the usual way (`Leases.bury`).
        """
        now = self._store.clock()
        wanted = [_due(now), JobRow.kind.in_(list(kinds)), _first_of_its_series()]
        if only is not None:
            wanted += [JobRow.tenant_id == only.tenant, JobRow.job_id == only.job_id]
        order = (JobRow.priority, JobRow.available_at, JobRow.job_id)
        async with self._store.across_tenants() as session:
            due = select(JobRow).where(*wanted).order_by(*order).limit(1).with_for_update(skip_locked=True)
            row = await session.scalar(due)
            return None if row is None else await self._lease(session, row, owner, now + timedelta(seconds=lease_s))

    async def sweep(self, *, limit: int = 1000) -> list[JobRef]:
        """Queue again the jobs whose workers vanished; return all that are due, the most urgent first.

        A broker that lost its messages is made whole by sending these again.
        """
        async with self._store.across_tenants() as session:
            vanished = select(JobRow).where(_vanished(self._store.clock())).with_for_update(skip_locked=True)
            for row in await session.scalars(vanished):
                values = {"status": JobStatus.QUEUED, "reason": VANISHED, "available_at": self._store.clock()}
                await self._change(session, row, values)
            statement = select(JobRow.tenant_id, JobRow.job_id).where(_due(self._store.clock()), _first_of_its_series())
            due = statement.order_by(JobRow.priority, JobRow.available_at, JobRow.job_id).limit(limit)
            return [JobRef(tenant=row.tenant_id, job_id=row.job_id) for row in await session.execute(due)]

    async def next_due_at(self, kinds: Collection[str]) -> datetime | None:
        """Return when the earliest queued job of these kinds becomes due; None if there is none."""
        async with self._store.across_tenants(writes=False) as session:
            queued = (JobRow.status == JobStatus.QUEUED, JobRow.kind.in_(list(kinds)))
            return await session.scalar(
                select(JobRow.available_at).where(*queued).order_by(JobRow.available_at).limit(1)
            )

    async def _lease(self, session: AsyncSession, row: JobRow, owner: str, until: datetime) -> Claim:
        fence = row.fence + 1
        values = {
            "status": JobStatus.RUNNING,
            "attempts": row.attempts + 1,
            "fence": fence,
            "lease_owner": owner,
            "lease_until": until,
        }
        job = await self._change(session, row, values)
        return Claim(job=job, lease=Lease(tenant=job.tenant, job_id=job.job_id, owner=owner, fence=fence))

    async def _change(self, session: AsyncSession, row: JobRow, values: dict[str, object]) -> Job:
        mine = (JobRow.tenant_id == row.tenant_id, JobRow.job_id == row.job_id)
        free = {"lease_owner": None, "lease_until": None, "updated_at": self._store.clock()}
        await session.execute(update(JobRow).where(*mine).values(free | values))
        job = job_of((await session.scalars(select(JobRow).where(*mine))).one())
        await note(session, job)
        return job


def _due(now: datetime) -> ColumnElement[bool]:
    return or_(and_(JobRow.status == JobStatus.QUEUED, JobRow.available_at <= now), _vanished(now))


def _first_of_its_series() -> ColumnElement[bool]:
    """Nothing earlier with the same serial key is still to be done."""
    earlier = aliased(JobRow)
    before = select(earlier.job_id).where(
        earlier.tenant_id == JobRow.tenant_id,
        earlier.serial_key == JobRow.serial_key,
        earlier.job_id < JobRow.job_id,
        earlier.status.in_((JobStatus.QUEUED, JobStatus.RUNNING)),
    )
    return or_(JobRow.serial_key.is_(None), ~before.exists())


def _vanished(now: datetime) -> ColumnElement[bool]:
    return and_(JobRow.status == JobStatus.RUNNING, JobRow.lease_until < now)
