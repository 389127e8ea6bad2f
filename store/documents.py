"""Policies, price lists and product documents: one source each, versioned, with where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select

from domain.sources import Source, SourceKind, document_source_id
from store.scope import Repository
from store.sources import Sources
from store.tables import DocumentRow

LIVE = "live"
RETIRED = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a document is, beside its text.

    Attributes:
        kind: document, policy, price_list or product.
        origin: File name or address it came from.
        dated_on: The date it speaks for, where it says one.
    """

    id: str
    kind: str
    title: str
    origin: str = ""
    dated_on: date | None = None


class Documents(Repository):
    """The documents of one tenant."""

    async def put(self, document: Document, text: str, *, by: str) -> Source:
        """Keep a document as the source `doc:<id>`; a new version only when the text changed."""
        source = await Sources(self._scope).put(
            document_source_id(document.id), kind=SourceKind.DOCUMENT, title=document.title, text=text
        )
        now = self._now()
        values: dict[str, Any] = {
            "document_id": document.id,
            "kind": document.kind,
            "source_id": source.source_id,
            "title": document.title,
            "status": LIVE,
            "origin": document.origin,
            "dated_on": document.dated_on,
            "document": {},
            "created_by": by,
            "created_at": now,
            "updated_at": now,
        }
        await self._upsert(DocumentRow, ["document_id"], values)
        return source

    async def retire(self, document_id: str) -> None:
        """Take a document out of use; nothing finds it any more.

        Raises:
            NotFoundError: There is no such document.
        """
        await Sources(self._scope).retire(document_source_id(document_id))
        row = await self._session.scalar(select(DocumentRow).where(DocumentRow.document_id == document_id))
        if row is not None:
            row.status, row.updated_at = RETIRED, self._now()

    async def page(self, *, limit: int, after: str = "", kind: str | None = None) -> list[Document]:
        """Return live documents in order of id."""
        statement = select(DocumentRow).where(DocumentRow.document_id > after, DocumentRow.status == LIVE)
        if kind is not None:
            statement = statement.where(DocumentRow.kind == kind)
        rows = await self._session.scalars(statement.order_by(DocumentRow.document_id).limit(limit))
        return [
            Document(id=row.document_id, kind=row.kind, title=row.title, origin=row.origin, dated_on=row.dated_on)
            for row in rows
        ]
