"""Jobs as the worker that holds them sees them; every change is refused once the lease is lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from domain.errors import ConflictError
from store.columns import table_of
from store.jobs import Job, Jobs, JobStatus, job_of, note
from store.scope import Repository
from store.tables import JobRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to work on a job; worthless once the job's fence has moved on."""

    tenant: str
    job_id: str
    owner: str
    fence: int


class Leases(Repository):
    """The jobs of one tenant that somebody works on.

    Every method raises ConflictError `store.lease_lost` when the lease no longer holds: another
    worker has the job, and whatever shares this transaction must not be kept.
    """

    async def extend(self, lease: Lease, *, lease_s: float) -> Job:
        """Hold on for `lease_s` seconds from now; the job says whether it should be cancelled."""
        return await self._change(lease, {"lease_until": self._now() + timedelta(seconds=lease_s)}, noted=False)

    async def progress(self, lease: Lease, percent: int, stage: str) -> Job:
        """Say how far the job is: percent in [0, 100] and what is being done."""
        return await self._change(lease, {"percent": max(0, min(100, percent)), "stage": stage})

    async def finish(self, lease: Lease) -> Job:
        """The job is done. In the transaction of its effects, they happen exactly once."""
        return await self._change(lease, {"status": JobStatus.DONE, "percent": 100, "reason": None, **_FREE})

    async def cancel(self, lease: Lease) -> Job:
        """The job was stopped as asked."""
        return await self._change(lease, {"status": JobStatus.CANCELLED, **_FREE})

    async def fail(self, lease: Lease, reason: str) -> Job:
        """The job can never work."""
        return await self._change(lease, {"status": JobStatus.FAILED, "reason": reason, **_FREE})

    async def bury(self, lease: Lease) -> Job:
        """The job was tried too often; why stays as it was last written down."""
        return await self._change(lease, {"status": JobStatus.DEAD, **_FREE})

    async def retry_later(self, lease: Lease, reason: str, *, delay_s: float) -> Job:
        """Try again after a while; a job that was tried often enough is dead instead."""
        job = await Jobs(self._scope).existing(lease.job_id)
        status = JobStatus.QUEUED if job.attempts < job.max_attempts else JobStatus.DEAD
        available = self._now() + timedelta(seconds=delay_s)
        return await self._change(lease, {"status": status, "reason": reason, "available_at": available, **_FREE})

    async def hand_back(self, lease: Lease) -> Job:
        """Give the job back untouched, e.g. when stopping; this was no attempt."""
        untried = {
            "status": JobStatus.QUEUED,
            "attempts": JobRow.__table__.c.attempts - 1,
            "available_at": self._now(),
            **_FREE,
        }
        return await self._change(lease, untried)

    async def _change(self, lease: Lease, values: dict[str, Any], *, noted: bool = True) -> Job:
        table = table_of(JobRow)
        held = (table.c.tenant_id == self._tenant, table.c.job_id == lease.job_id, table.c.fence == lease.fence)
        running = (*held, table.c.status == JobStatus.RUNNING)
        changed = update(table).where(*running).values({**values, "updated_at": self._now()}).returning(table)
        row = (await (await self._session.connection()).execute(changed)).one_or_none()
        if row is None:
            raise ConflictError("store.lease_lost", job_id=lease.job_id)
        job = job_of(row)
        if noted:
            await note(self._session, job)
        return job


_FREE: dict[str, Any] = {"lease_owner": None, "lease_until": None}
