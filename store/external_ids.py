"""The ids that other systems give to our objects, and which of two versions of a record is newer."""

from __future__ import annotations

from sqlalchemy import select

from store.scope import Repository
from store.tables import ExternalIdRow


class ExternalIds(Repository):
    """External ids of one tenant: `(system, kind, external id)` names one object."""

    async def find(self, system: str, kind: str, external_id: str) -> str | None:
        """Return our id of an object, or None."""
        row = ExternalIdRow
        named = (row.system == system, row.object_kind == kind, row.external_id == external_id)
        return await self._session.scalar(select(row.object_id).where(*named))

    async def bind(self, system: str, kind: str, external_id: str, object_id: str) -> str:
        """Give an object its id elsewhere; the first binding stays. Return the object that is bound."""
        values = {"system": system, "object_kind": kind, "external_id": external_id, "object_id": object_id}
        await self._insert_new(ExternalIdRow, values)
        return await self.find(system, kind, external_id) or object_id

    async def of(self, system: str, kind: str, object_id: str) -> str | None:
        """Return an object's id in a system; the first in order when it has several."""
        row = ExternalIdRow
        same = (row.system == system, row.object_kind == kind, row.object_id == object_id)
        return await self._session.scalar(select(row.external_id).where(*same).order_by(row.external_id))
