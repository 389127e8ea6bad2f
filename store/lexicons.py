"""A tenant's own names: products, competitors, people and places."""

from __future__ import annotations

from sqlalchemy import delete, select

from domain.lexicon import Lexicon, LexiconEntry, LexiconKind
from store.scope import Repository
from store.tables import LexiconRow


class Lexicons(Repository):
    """The lexicon of one tenant."""

    async def put(self, entries: Lexicon) -> None:
        """Add entries; one of the same name and kind is replaced."""
        values = [
            {"name": entry.name, "kind": entry.kind, "aliases": list(entry.aliases), "updated_at": self._now()}
            for entry in entries
        ]
        await self._upsert_many(LexiconRow, ["name", "kind"], values)

    async def all(self) -> Lexicon:
        """Return every entry, by kind and name."""
        rows = await self._session.scalars(select(LexiconRow).order_by(LexiconRow.kind, LexiconRow.name))
        return tuple(
            LexiconEntry(name=row.name, aliases=tuple(row.aliases), kind=LexiconKind(row.kind)) for row in rows
        )

    async def remove(self, name: str, kind: LexiconKind) -> bool:
        """Remove an entry; say whether it was there."""
        row = LexiconRow
        return await self._changed(delete(row).where(row.name == name, row.kind == kind)) > 0
