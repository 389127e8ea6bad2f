"""Accounts and deals: what the CRM last said, every field also a versioned source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy import delete, select

from domain.accounts import Account, Deal
from domain.errors import ConflictError
from domain.sources import SourceStatus, account_source_id, deal_source_id, safe_part
from store.canonical import canonical, digest
from store.crm_fields import account_drafts, deal_drafts
from store.scope import Repository
from store.sources import SourceDraft, Sources
from store.tables import AccountRow, ContactRow, DealRow
from store.tables_crm import CrmRecordRow
from wire.documents import dump, read

Record = TypeVar("Record", Account, Deal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """How often a record was changed, and when last."""

    number: int
    updated_at: datetime


class _Records(Repository, Generic[Record]):
    """What accounts and deals have in common."""

    _table: ClassVar[type[CrmRecordRow]]
    _kind: ClassVar[type]

    async def get(self, record_id: str) -> Record | None:
        """Return a record, or None if there is none of that id."""
        row = await self._row(record_id)
        return None if row is None else self._record(row)

    async def by_source_part(self, part: str) -> Record | None:
        """Return the record that a field's source id names, or None."""
        row = await self._session.scalar(select(self._table).where(self._table.source_part == part))
        return None if row is None else self._record(row)

    async def revision(self, record_id: str) -> Revision | None:
        """Return a record's revision, for conditional changes; None if there is no such record."""
        row = await self._row(record_id)
        return None if row is None else Revision(number=row.revision, updated_at=row.updated_at)

    async def page(self, *, limit: int, after: str = "", owner: str | None = None) -> list[Record]:
        """Return records in order of id, those of one owner if asked."""
        statement = select(self._table).where(self._table.record_id > after)
        if owner is not None:
            statement = statement.where(self._table.owner == owner)
        rows = await self._session.scalars(statement.order_by(self._table.record_id).limit(limit))
        return [self._record(row) for row in rows]

    async def _put(self, record_id: str, record: Record, values: dict[str, Any], drafts: list[SourceDraft]) -> bool:
        """Store a record and its fields as sources; say whether anything changed."""
        row = await self._row(record_id)
        document = dump(record, keep_none=False)
        if row is not None and row.document == document:
            return False
        await self._refuse_lookalike(record_id)
        common = {
            "record_id": record_id,
            "source_part": safe_part(record_id),
            "name": record.name,
            "owner": record.owner,
            "document": document,
            "revision": row.revision + 1 if row else 1,
            "created_at": self._now(),
            "updated_at": self._now(),
        }
        await self._upsert(self._table, ["record_id"], common | values)
        await self._put_fields(self._prefix(record_id), drafts)
        return True

    async def _row(self, record_id: str) -> CrmRecordRow | None:
        table: type[CrmRecordRow] = self._table
        rows = await self._session.scalars(select(table).where(table.record_id == record_id))
        return rows.one_or_none()

    async def _refuse_lookalike(self, record_id: str) -> None:
        part = self._table.source_part == safe_part(record_id)
        if await self._session.scalar(select(self._table.record_id).where(part, self._table.record_id != record_id)):
            raise ConflictError("store.lookalike_id")

    async def _put_fields(self, prefix: str, drafts: Sequence[SourceDraft]) -> None:
        """Store the fields that say something, retire those that no longer do."""
        sources = Sources(self._scope)
        kept = {source.source_id for source in await sources.put_many(drafts)}
        live = [source for source in await sources.under(prefix) if source.status is SourceStatus.LIVE]
        await sources.retire_many([source.source_id for source in live if source.source_id not in kept])

    def _prefix(self, record_id: str) -> str:
        name = account_source_id if self._kind is Account else deal_source_id
        return name(record_id, "_").removesuffix("_")

    def _record(self, row: CrmRecordRow) -> Record:
        record: Record = read(self._kind, row.document, what=self._kind.__name__.lower())
        return record


class Accounts(_Records[Account]):
    """The customers of one tenant."""

    _table = AccountRow
    _kind = Account

    async def put(self, account: Account) -> Account:
        """Store an account as given, replacing what was there; an unchanged one changes nothing.

        An account without an id gets one from its name, so that the same inline account is the
        same account again.

        Raises:
            ConflictError: Its id differs from a stored one only in characters that a source id cannot hold.
        """
        account = account if account.account_id else replace(account, account_id=_id_of("acc", account.name))
        if await self._put(account.account_id, account, {}, account_drafts(account)):
            await self._put_contacts(account)
        return account

    async def _put_contacts(self, account: Account) -> None:
        await self._session.execute(delete(ContactRow).where(ContactRow.account_id == account.account_id))
        rows = [
            {
                "account_id": account.account_id,
                "contact_id": f"{number:03d}",
                "name": contact.name,
                "title": contact.title,
                "role": contact.role,
            }
            for number, contact in enumerate(account.contacts, start=1)
        ]
        await self._insert(ContactRow, rows)


class Deals(_Records[Deal]):
    """The deals of one tenant."""

    _table = DealRow
    _kind = Deal

    async def put(self, deal: Deal) -> Deal:
        """Store a deal as given, replacing what was there; an unchanged one changes nothing.

        A deal without an id gets one from what it says, so that the same inline deal is the same
        deal again.

        Raises:
            ConflictError: Its id differs from a stored one only in characters that a source id cannot hold.
        """
        if not deal.deal_id:
            deal = replace(deal, deal_id=_id_of("deal", canonical(dump(deal)).decode("utf-8")))
        await self._put(deal.deal_id, deal, {"account_id": deal.account_id, "stage": deal.stage}, deal_drafts(deal))
        return deal

    async def of_account(self, account_id: str) -> list[Deal]:
        """Return an account's deals in order of id."""
        statement = select(DealRow).where(DealRow.account_id == account_id).order_by(DealRow.record_id)
        return [self._record(row) for row in await self._session.scalars(statement)]


def _id_of(prefix: str, content: str) -> str:
    return f"{prefix}-{digest(content.encode('utf-8')).removeprefix('sha256:')[:16]}"
