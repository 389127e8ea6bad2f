"""Recordings that were handed in: kept, quarantined without a consent, queued with one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select, tuple_, update

from domain.conversation import ConsentStatus
from domain.errors import NotFoundError
from store.blobs import Blobs, StoredFile
from store.consents import Consents
from store.ids import new_id
from store.jobs import Jobs, JobStatus, Priority
from store.scope import Repository, Scope
from store.tables import CallRow, JobRow

DIGEST_CALL = "digest_call"
"""The kind of job that listens to a call; its payload is `{"call_id"}`."""


class CallStatus(StrEnum):
    """Where a call stands."""

    QUARANTINED = "quarantined"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    ERASED = "erased"


_BY_JOB = {
    JobStatus.QUEUED: CallStatus.QUEUED,
    JobStatus.RUNNING: CallStatus.RUNNING,
    JobStatus.DONE: CallStatus.DONE,
    JobStatus.FAILED: CallStatus.FAILED,
    JobStatus.DEAD: CallStatus.FAILED,
    JobStatus.CANCELLED: CallStatus.FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDetails:
    """What the caller knows of a recording.

    Attributes:
        external_id: The caller's own id; the same again is the same call.
        roles: Speaker by channel, `rep` or `customer`.
    """

    external_id: str | None = None
    rep_id: str | None = None
    account_id: str | None = None
    deal_id: str | None = None
    consent_reference: str | None = None
    roles: tuple[str, ...] | None = None
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call and where it stands; `reason` is the code of the error that ended it."""

    call_id: str
    status: CallStatus
    details: CallDetails
    created_at: datetime
    blob_hash: str | None = None
    job_id: str | None = None
    percent: int = 0
    stage: str = ""
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """Which calls a list holds; absent fields do not narrow it."""

    account_id: str | None = None
    rep_ids: tuple[str, ...] | None = None


class Calls(Repository):
    """The calls of one tenant."""

    def __init__(self, scope: Scope, blobs: Blobs) -> None:
        super().__init__(scope)
        self._blobs = blobs

    async def submit(self, audio: StoredFile, details: CallDetails, *, media_type: str) -> Call:
        """Keep a recording and queue it, or quarantine it when its consent is unknown or withdrawn.

        The same external id again is the call that is there already; the recording is then dropped.
        """
        now = self._now()
        values: dict[str, Any] = {
            "call_id": new_id("call", now),
            "created_at": now,
            **{name: getattr(details, name) for name in _DETAILS},
            "roles": list(details.roles) if details.roles else None,
            "blob_hash": None,
            "job_id": None,
            "erased_at": None,
        }
        if not await self._insert_new(CallRow, values):
            self._blobs.drop(audio)
            same = select(CallRow.call_id).where(CallRow.external_id == details.external_id)
            return await self.existing((await self._session.scalars(same)).one())
        blob = await self._blobs.add(audio, media_type=media_type)
        await self._set(values["call_id"], blob_hash=blob.content_hash)
        consent = await Consents(self._scope).status(details.consent_reference)
        if consent.status is ConsentStatus.GRANTED:
            await self._queue(values["call_id"])
        return await self.existing(values["call_id"])

    async def release(self, reference: str, call_ids: Sequence[str] = ()) -> list[str]:
        """Queue the quarantined calls of a granted consent, and those named, which from now on rest on it.

        Returns:
            The ids of the calls that were queued.
        """
        for call_id in call_ids:
            await self.existing(call_id)
            await self._set(call_id, consent_reference=reference)
        row = CallRow
        waiting = select(row.call_id).where(
            row.consent_reference == reference, row.job_id.is_(None), row.erased_at.is_(None)
        )
        queued = list(await self._session.scalars(waiting.order_by(row.call_id)))
        for call_id in queued:
            await self._queue(call_id)
        return queued

    async def get(self, call_id: str) -> Call | None:
        """Return a call, or None."""
        statement = self._with_job().where(CallRow.call_id == call_id)
        found = (await self._session.execute(statement)).one_or_none()
        return None if found is None else _call(found[0], found[1])

    async def existing(self, call_id: str) -> Call:
        """Return a call that must be there.

        Raises:
            NotFoundError: It is not.
        """
        call = await self.get(call_id)
        if call is None:
            raise NotFoundError("store.no_call")
        return call

    async def page(self, wanted: CallFilter, *, limit: int, before: tuple[datetime, str] | None = None) -> list[Call]:
        """Return calls newest first; `before` is the last one seen, by creation and id."""
        statement = self._with_job()
        if wanted.account_id is not None:
            statement = statement.where(CallRow.account_id == wanted.account_id)
        if wanted.rep_ids is not None:
            statement = statement.where(CallRow.rep_id.in_(wanted.rep_ids))
        if before is not None:
            statement = statement.where(tuple_(CallRow.created_at, CallRow.call_id) < before)
        newest_first = statement.order_by(CallRow.created_at.desc(), CallRow.call_id.desc()).limit(limit)
        return [_call(call, job) for call, job in await self._session.execute(newest_first)]

    async def of_consent(self, reference: str) -> list[str]:
        """Return the ids of the calls that rest on a consent."""
        statement = select(CallRow.call_id).where(CallRow.consent_reference == reference)
        return list(await self._session.scalars(statement.order_by(CallRow.call_id)))

    async def erase(self, call_id: str) -> None:
        """Remove a call's recording and stop its job; the emptied row stays as a tombstone."""
        call = await self.existing(call_id)
        if call.job_id is not None:
            await Jobs(self._scope).cancel(call.job_id)
        await self._set(call_id, erased_at=self._now())
        await self.drop_recording(call_id)

    async def drop_recording(self, call_id: str) -> None:
        """Remove a call's audio, unless another call has the very same; what was made of it stays."""
        call = await self.existing(call_id)
        await self._set(call_id, blob_hash=None)
        self._blobs.drop_scratch(call_id)
        shared = select(CallRow.call_id).where(CallRow.blob_hash == call.blob_hash)
        if call.blob_hash is not None and await self._session.scalar(shared) is None:
            await self._blobs.erase(call.blob_hash)

    def _with_job(self) -> Any:
        job = (JobRow.tenant_id == CallRow.tenant_id) & (JobRow.job_id == CallRow.job_id)
        return select(CallRow, JobRow).outerjoin(JobRow, job)

    async def _queue(self, call_id: str) -> None:
        payload = {"call_id": call_id}
        job = await Jobs(self._scope).add(DIGEST_CALL, payload, dedupe_key=call_id, priority=Priority.INTERACTIVE)
        await self._set(call_id, job_id=job.job_id)

    async def _set(self, call_id: str, **values: object) -> None:
        await self._session.execute(update(CallRow).where(CallRow.call_id == call_id).values(**values))


_DETAILS = ("external_id", "rep_id", "account_id", "deal_id", "consent_reference", "started_at")


def _call(row: CallRow, job: JobRow | None) -> Call:
    details = {name: getattr(row, name) for name in _DETAILS}
    roles = tuple(row.roles) if row.roles else None
    return Call(
        call_id=row.call_id,
        status=_status(row, job),
        details=CallDetails(**details, roles=roles),
        created_at=row.created_at,
        blob_hash=row.blob_hash,
        job_id=row.job_id,
        percent=job.percent if job else 0,
        stage=job.stage if job else "",
        reason=job.reason if job else None,
    )


def _status(row: CallRow, job: JobRow | None) -> CallStatus:
    if row.erased_at is not None:
        return CallStatus.ERASED
    return CallStatus.QUARANTINED if job is None else _BY_JOB[JobStatus(job.status)]
