"""Documents and cards: policies, price lists, products, competitor cards, knowledge cards; each one versioned source.

A knowledge card is kept as a draft without a source first; the others are live from the moment they are put.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update

from domain.errors import NotFoundError
from domain.sources import Source, SourceKind, card_source_id, document_source_id
from store.scope import Repository
from store.sources import Sources
from store.tables import DocumentRow

DRAFT = "draft"
LIVE = "live"
RETIRED = "retired"
ERASED = "erased"

COMPETITOR_CARD = "competitor_card"
KNOWLEDGE_CARD = "knowledge_card"
PLAIN_KINDS = frozenset({"document", "policy", "price_list", "product"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a document is, beside its text.

    Attributes:
        kind: One of `PLAIN_KINDS`, `COMPETITOR_CARD` or `KNOWLEDGE_CARD`.
        origin: File name, address or conversation it came from.
        dated_on: The date it speaks for, where it says one.
        details: What only its kind has, as JSON values.
    """

    id: str
    kind: str
    title: str
    origin: str = ""
    dated_on: date | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def source_id(self) -> str:
        """The source that holds its text: `card:<competitor>` or `doc:<id>`."""
        if self.kind == COMPETITOR_CARD:
            return card_source_id(self.title)
        return document_source_id(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRecord:
    """A document as it stands; `status` is draft, live, retired or erased."""

    document: Document
    status: str
    created_by: str
    updated_at: datetime


class Documents(Repository):
    """The documents and cards of one tenant."""

    async def put(self, document: Document, text: str, *, by: str) -> Source:
        """Keep a document as a live source; a new version only when the text changed."""
        kind = SourceKind.CARD if document.kind == COMPETITOR_CARD else SourceKind.DOCUMENT
        source = await Sources(self._scope).put(document.source_id, kind=kind, title=document.title, text=text)
        await self._keep(document, LIVE, by)
        return source

    async def draft(self, document: Document, *, by: str) -> None:
        """Keep what is to be reviewed first; its words are in `details`, nothing finds or cites them."""
        await self._keep(document, DRAFT, by)

    async def get(self, document_id: str) -> DocumentRecord | None:
        """Return a document whatever its status; None if there is none."""
        row = await self._session.scalar(select(DocumentRow).where(DocumentRow.document_id == document_id))
        return None if row is None else _record(row)

    async def retire(self, document_id: str) -> None:
        """Take a document out of use; nothing finds it any more.

        Raises:
            NotFoundError: There is no such document.
        """
        record = await self.get(document_id)
        if record is None:
            raise NotFoundError("store.no_document")
        if record.status == LIVE:
            await Sources(self._scope).retire(record.document.source_id)
        await self._set_status([document_id], RETIRED)

    async def page(
        self,
        *,
        limit: int,
        after: str = "",
        kinds: Collection[str] | None = None,
        statuses: Collection[str] = (LIVE,),
        created_by: str | None = None,
    ) -> list[DocumentRecord]:
        """Return documents in order of id: of some kinds, in some statuses, of one maker."""
        row = DocumentRow
        statement = select(row).where(row.document_id > after, row.status.in_(statuses))
        if kinds is not None:
            statement = statement.where(row.kind.in_(kinds))
        if created_by is not None:
            statement = statement.where(row.created_by == created_by)
        rows = await self._session.scalars(statement.order_by(row.document_id).limit(limit))
        return [_record(each) for each in rows]

    async def erase_of(self, conversation_id: str, turn_id: str | None = None) -> int:
        """Erase the knowledge cards made from a conversation, or from one turn of it; say how many there were."""
        row = DocumentRow
        wanted = (row.kind == KNOWLEDGE_CARD, row.origin == conversation_id, row.status != ERASED)
        made = [_record(each).document for each in await self._session.scalars(select(row).where(*wanted))]
        cards = [card for card in made if turn_id is None or _holds(card, turn_id)]
        await Sources(self._scope).erase_many([card.source_id for card in cards])
        emptied = {"status": ERASED, "title": "", "document": {}, "updated_at": self._now()}
        for card in cards:
            await self._session.execute(update(row).where(row.document_id == card.id).values(emptied))
        return len(cards)

    async def _keep(self, document: Document, status: str, by: str) -> None:
        now = self._now()
        values: dict[str, Any] = {
            "document_id": document.id,
            "kind": document.kind,
            "source_id": document.source_id,
            "title": document.title,
            "status": status,
            "origin": document.origin,
            "dated_on": document.dated_on,
            "document": dict(document.details),
            "created_by": by,
            "created_at": now,
            "updated_at": now,
        }
        await self._upsert(DocumentRow, ["document_id"], values)

    async def _set_status(self, document_ids: Collection[str], status: str) -> None:
        values = {"status": status, "updated_at": self._now()}
        row = DocumentRow
        await self._session.execute(update(row).where(row.document_id.in_(document_ids)).values(values))


def _holds(card: Document, turn_id: str) -> bool:
    return any(line["turn_id"] == turn_id for line in card.details.get("turns", ()))


def _record(row: DocumentRow) -> DocumentRecord:
    document = Document(
        id=row.document_id,
        kind=row.kind,
        title=row.title,
        origin=row.origin,
        dated_on=row.dated_on,
        details=row.document,
    )
    return DocumentRecord(document=document, status=row.status, created_by=row.created_by, updated_at=row.updated_at)
