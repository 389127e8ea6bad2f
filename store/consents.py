"""Consent records: what a customer agreed to, where, in which wording, and whether it still holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from domain.conversation import Consent, ConsentStatus
from domain.errors import NotFoundError
from store.scope import Repository
from store.tables import ConsentRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRecord:
    """One consent.

    Attributes:
        reference: Names the record; conversations carry it.
        subject: Whose consent: an account's or a person's id.
        channel: Where it holds: call, meeting, wecom, …
        wording_version: Which text was read to them.
        recording: Where the consent itself can be heard or seen.
    """

    reference: str
    subject: str
    channel: str = "call"
    wording_version: str = ""
    recording: str | None = None
    granted_at: datetime
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None

    @property
    def consent(self) -> Consent:
        """The consent as a conversation carries it."""
        status = ConsentStatus.WITHDRAWN if self.withdrawn_at else ConsentStatus.GRANTED
        return Consent(status=status, reference=self.reference)


class Consents(Repository):
    """The consent records of one tenant."""

    async def put(self, record: ConsentRecord) -> ConsentRecord:
        """Store a record unless there is one of its reference; return the one that counts.

        A record never changes, except that it is withdrawn.
        """
        names = ("reference", "subject", "channel", "wording_version", "recording", "granted_at")
        values = {name: getattr(record, name) for name in names}
        await self._insert_new(ConsentRow, {**values, "withdrawn_at": None, "withdrawn_by": None})
        stored = await self.get(record.reference)
        return stored or record

    async def get(self, reference: str) -> ConsentRecord | None:
        """Return a record, or None."""
        row = await self._session.scalar(select(ConsentRow).where(ConsentRow.reference == reference))
        return None if row is None else _record(row)

    async def status(self, reference: str | None) -> Consent:
        """Return what is known under a reference: granted, withdrawn, or unknown."""
        record = None if reference is None else await self.get(reference)
        return Consent(reference=reference) if record is None else record.consent

    async def of_subject(self, subject: str) -> list[ConsentRecord]:
        """Return a subject's records, oldest first."""
        statement = select(ConsentRow).where(ConsentRow.subject == subject).order_by(ConsentRow.granted_at)
        return [_record(row) for row in await self._session.scalars(statement)]

    async def page(self, *, limit: int, after: str = "") -> list[ConsentRecord]:
        """Return records in order of reference."""
        row = ConsentRow
        statement = select(row).where(row.reference > after).order_by(row.reference).limit(limit)
        return [_record(each) for each in await self._session.scalars(statement)]

    async def withdraw(self, reference: str, *, by: str) -> ConsentRecord:
        """Record that a consent no longer holds; again changes nothing.

        Raises:
            NotFoundError: There is no such record.
        """
        row = ConsentRow
        open_record = update(row).where(row.reference == reference, row.withdrawn_at.is_(None))
        await self._session.execute(open_record.values(withdrawn_at=self._now(), withdrawn_by=by))
        record = await self.get(reference)
        if record is None:
            raise NotFoundError("store.no_consent")
        return record


def _record(row: ConsentRow) -> ConsentRecord:
    return ConsentRecord(
        reference=row.reference,
        subject=row.subject,
        channel=row.channel,
        wording_version=row.wording_version,
        recording=row.recording,
        granted_at=row.granted_at,
        withdrawn_at=row.withdrawn_at,
        withdrawn_by=row.withdrawn_by,
    )
