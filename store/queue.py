"""The job queue over all tenants: who works on what next, and what became of those who vanished."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from store.columns import table_of
from store.jobs import Job, JobRef, JobStatus, job_of, note
from store.leases import Lease
from store.tables import JobRow
from store.work import Store

VANISHED = "store.worker_vanished"
_row = table_of(JobRow)


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
        wanted: dict[str, Any] = {"now": now, "kinds": list(kinds)}
        if only is not None:
            wanted |= {"tenant": only.tenant, "job": only.job_id}
        async with self._store.across_tenants() as session:
            connection = await session.connection()
            row = (await connection.execute(_claimable(only is not None), wanted)).one_or_none()
            return None if row is None else await self._lease(session, row, owner, now + timedelta(seconds=lease_s))

    async def sweep(self, *, limit: int = 1000) -> list[JobRef]:
        """Queue again the jobs whose workers vanished; return all that are due, the most urgent first.

        A broker that lost its messages is made whole by sending these again.
        """
        async with self._store.across_tenants() as session:
            vanished = select(_row).where(_vanished(self._store.clock())).with_for_update(skip_locked=True)
            for row in (await session.execute(vanished)).all():
                values = {"status": JobStatus.QUEUED, "reason": VANISHED, "available_at": self._store.clock()}
                await self._change(session, job_of(row), values)
            statement = select(_row.c.tenant_id, _row.c.job_id).where(_due(self._store.clock()), _first_of_its_series())
            due = statement.order_by(_row.c.priority, _row.c.available_at, _row.c.job_id).limit(limit)
            return [JobRef(tenant=row.tenant_id, job_id=row.job_id) for row in await session.execute(due)]

    async def next_due_at(self, kinds: Collection[str]) -> datetime | None:
        """Return when the earliest queued job of these kinds becomes due; None if there is none."""
        async with self._store.across_tenants(writes=False) as session:
            queued = (JobRow.status == JobStatus.QUEUED, JobRow.kind.in_(list(kinds)))
            return await session.scalar(
                select(JobRow.available_at).where(*queued).order_by(JobRow.available_at).limit(1)
            )

    async def _lease(self, session: AsyncSession, row: Row[Any], owner: str, until: datetime) -> Claim:
        fence = row.fence + 1
        values = {
            "status": JobStatus.RUNNING,
            "attempts": row.attempts + 1,
            "fence": fence,
            "lease_owner": owner,
            "lease_until": until,
        }
        job = await self._change(session, job_of(row), values)
        return Claim(job=job, lease=Lease(tenant=job.tenant, job_id=job.job_id, owner=owner, fence=fence))

    async def _change(self, session: AsyncSession, job: Job, values: dict[str, Any]) -> Job:
        """Write values, all of them known, to a job's row; return the job as it is then."""
        now = self._store.clock()
        written = {"lease_owner": None, "lease_until": None, "updated_at": now, **values}
        mine = (_row.c.tenant_id == job.tenant, _row.c.job_id == job.job_id)
        await (await session.connection()).execute(update(_row).where(*mine).values(written))
        shown = {name: value for name, value in written.items() if name in Job.__dataclass_fields__}
        changed = replace(job, **shown)
        await note(session, changed)
        return changed


@cache
def _claimable(is_named: bool) -> Select[Any]:
    """Made once: making a statement costs more than running it."""
    wanted = [_due(bindparam("now")), _row.c.kind.in_(bindparam("kinds", expanding=True)), _first_of_its_series()]
    if is_named:
        wanted += [_row.c.tenant_id == bindparam("tenant"), _row.c.job_id == bindparam("job")]
    urgent = select(_row).where(*wanted).order_by(_row.c.priority, _row.c.available_at, _row.c.job_id)
    return urgent.limit(1).with_for_update(skip_locked=True, of=_row)


def _due(now: Any) -> ColumnElement[bool]:
    return or_(and_(_row.c.status == JobStatus.QUEUED, _row.c.available_at <= now), _vanished(now))


def _first_of_its_series() -> ColumnElement[bool]:
    """Nothing earlier with the same serial key is still to be done."""
    earlier = _row.alias()
    before = select(earlier.c.job_id).where(
        earlier.c.tenant_id == _row.c.tenant_id,
        earlier.c.serial_key == _row.c.serial_key,
        earlier.c.job_id < _row.c.job_id,
        earlier.c.status.in_((JobStatus.QUEUED, JobStatus.RUNNING)),
    )
    return or_(_row.c.serial_key.is_(None), ~before.exists())


def _vanished(now: Any) -> ColumnElement[bool]:
    return and_(_row.c.status == JobStatus.RUNNING, _row.c.lease_until < now)
