"""Who was refused, who read what must be accounted for, and time-boxed rights to see one object."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update

from domain.errors import NotFoundError
from store.ids import new_id
from store.scope import Repository
from store.tables import AccessRow, GrantRow


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessEvent:
    """One decision about access; `why` is a code, e.g. `missing_scope`; `at` is filled in by the log."""

    principal: str
    action: str
    object_kind: str
    object_id: str
    allowed: bool
    why: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A rep's right to see one object of somebody else's until `ends_at`."""

    grant_id: str
    rep_id: str
    object_kind: str
    object_id: str
    granted_by: str
    why: str
    ends_at: datetime


class Access(Repository):
    """Grants and the access log of one tenant."""

    async def note(self, event: AccessEvent) -> None:
        """Write an event into the access log."""
        names = ("principal", "action", "object_kind", "object_id", "allowed", "why")
        values = {name: getattr(event, name) for name in names}
        await self._insert(AccessRow, [{"access_id": new_id("acs", self._now()), "at": self._now(), **values}])

    async def log(self, *, limit: int, allowed: bool | None = None) -> list[AccessEvent]:
        """Return events newest first, only refusals or only permissions if asked."""
        statement = select(AccessRow)
        if allowed is not None:
            statement = statement.where(AccessRow.allowed.is_(allowed))
        rows = await self._session.scalars(statement.order_by(AccessRow.access_id.desc()).limit(limit))
        return [
            AccessEvent(
                principal=row.principal,
                action=row.action,
                object_kind=row.object_kind,
                object_id=row.object_id,
                allowed=row.allowed,
                why=row.why,
                at=row.at,
            )
            for row in rows
        ]

    async def forget(self, before: datetime) -> int:
        """Remove events from before a time; say how many."""
        return await self._changed(delete(AccessRow).where(AccessRow.at < before))

    async def grant(
        self, rep_id: str, *, object_kind: str, object_id: str, ends_at: datetime, granted_by: str, why: str
    ) -> Grant:
        """Let a rep see one object until a time."""
        grant_id = new_id("grant", self._now())
        values = {
            "grant_id": grant_id,
            "rep_id": rep_id,
            "object_kind": object_kind,
            "object_id": object_id,
            "granted_by": granted_by,
            "why": why,
            "created_at": self._now(),
            "ends_at": ends_at,
        }
        await self._insert(GrantRow, [values])
        return Grant(
            grant_id=grant_id,
            rep_id=rep_id,
            object_kind=object_kind,
            object_id=object_id,
            granted_by=granted_by,
            why=why,
            ends_at=ends_at,
        )

    async def is_granted(self, rep_id: str, *, object_kind: str, object_id: str) -> bool:
        """Whether a rep may see an object of somebody else's now."""
        row = GrantRow
        wanted = (row.rep_id == rep_id, row.object_kind == object_kind, row.object_id == object_id)
        return await self._session.scalar(select(row.grant_id).where(*wanted, row.ends_at > self._now())) is not None

    async def granted_ids(self, rep_id: str) -> frozenset[str]:
        """Return the ids of everything that a rep was granted and may still see."""
        row = GrantRow
        running = select(row.object_id).where(row.rep_id == rep_id, row.ends_at > self._now())
        return frozenset(await self._session.scalars(running))

    async def grants(self, *, limit: int) -> list[Grant]:
        """Return the grants that still run, the one that ends first first."""
        row = GrantRow
        running = select(row).where(row.ends_at > self._now()).order_by(row.ends_at, row.grant_id).limit(limit)
        return [_grant(each) for each in await self._session.scalars(running)]

    async def end_grant(self, grant_id: str) -> Grant:
        """End a grant now; again changes nothing.

        Raises:
            NotFoundError: `store.no_grant`.
        """
        row, now = GrantRow, self._now()
        running = update(row).where(row.grant_id == grant_id, row.ends_at > now).values(ends_at=now)
        await self._session.execute(running)
        found = await self._session.scalar(select(row).where(row.grant_id == grant_id))
        if found is None:
            raise NotFoundError("store.no_grant")
        return _grant(found)


def _grant(row: GrantRow) -> Grant:
    return Grant(
        grant_id=row.grant_id,
        rep_id=row.rep_id,
        object_kind=row.object_kind,
        object_id=row.object_id,
        granted_by=row.granted_by,
        why=row.why,
        ends_at=row.ends_at,
    )
