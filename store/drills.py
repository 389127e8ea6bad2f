"""Role plays between two turns: a restart loses none, and a turn that was sent twice is played once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update

from domain.errors import ConflictError, NotFoundError
from store.ids import new_id
from store.scope import Repository
from store.tables import DrillRow


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDrill:
    """A drill as it is kept; what `document` and `debrief` hold is coaching's to say.

    `revision` grows with every turn.
    """

    drill_id: str
    rep_id: str | None
    conversation_id: str | None
    case_id: str | None
    is_over: bool
    document: Mapping[str, Any]
    debrief: Mapping[str, Any] | None
    created_at: datetime
    revision: int


class Drills(Repository):
    """The drills of one tenant."""

    def new_id(self) -> str:
        """Return an id for a drill that is about to begin."""
        return new_id("drill", self._now())

    async def add(
        self,
        drill_id: str,
        document: Mapping[str, Any],
        *,
        rep_id: str | None = None,
        conversation_id: str | None = None,
        case_id: str | None = None,
    ) -> StoredDrill:
        """Keep a drill that begins."""
        values = {"drill_id": drill_id, "rep_id": rep_id, "conversation_id": conversation_id, "case_id": case_id}
        state = {"is_over": False, "document": dict(document), "debrief": None, "revision": 1}
        now = self._now()
        await self._insert(DrillRow, [{**values, **state, "created_at": now, "updated_at": now}])
        return await self.existing(drill_id)

    async def existing(self, drill_id: str) -> StoredDrill:
        """Return a drill.

        Raises:
            NotFoundError: There is none of that id.
        """
        row = await self._session.scalar(select(DrillRow).where(DrillRow.drill_id == drill_id))
        if row is None:
            raise NotFoundError("store.no_drill")
        return _stored(row)

    async def move_on(
        self,
        drill_id: str,
        document: Mapping[str, Any],
        *,
        after: int,
        is_over: bool = False,
        debrief: Mapping[str, Any] | None = None,
    ) -> StoredDrill:
        """Keep the drill after one more turn.

        Args:
            after: The revision that the turn was played on.

        Raises:
            ConflictError: Another turn came first.
        """
        row = DrillRow
        statement = (
            update(row)
            .where(row.drill_id == drill_id, row.revision == after)
            .values(
                document=dict(document),
                is_over=is_over,
                debrief=None if debrief is None else dict(debrief),
                revision=after + 1,
                updated_at=self._now(),
            )
        )
        if not await self._changed(statement):
            raise ConflictError("store.drill_moved_on")
        return await self.existing(drill_id)

    async def of_rep(self, rep_id: str, *, limit: int = 50) -> list[StoredDrill]:
        """Return a rep's drills, newest first."""
        row = DrillRow
        rows = await self._session.scalars(
            select(row).where(row.rep_id == rep_id).order_by(row.drill_id.desc()).limit(limit)
        )
        return [_stored(each) for each in rows]

    async def times_played(self, rep_id: str | None) -> int:
        """Return how many drills a rep has begun."""
        row = DrillRow
        return await self._session.scalar(select(func.count()).select_from(row).where(row.rep_id == rep_id)) or 0

    async def erase_of(self, conversation_id: str) -> None:
        """Erase the drills that were made of a conversation."""
        await self._session.execute(delete(DrillRow).where(DrillRow.conversation_id == conversation_id))


def _stored(row: DrillRow) -> StoredDrill:
    return StoredDrill(
        drill_id=row.drill_id,
        rep_id=row.rep_id,
        conversation_id=row.conversation_id,
        case_id=row.case_id,
        is_over=row.is_over,
        document=row.document,
        debrief=row.debrief,
        created_at=row.created_at,
        revision=row.revision,
    )
