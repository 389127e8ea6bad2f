"""Teams and reps of a tenant, and who may see whose work."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from store.scope import Repository
from store.tables import RepRow, TeamRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A sales team."""

    team_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rep:
    """A salesperson."""

    rep_id: str
    name: str
    team_id: str | None = None


class People(Repository):
    """The teams and reps of one tenant."""

    async def put_team(self, team: Team) -> None:
        """Store a team in place of an earlier one of the same id."""
        await self._upsert(TeamRow, ["team_id"], {"team_id": team.team_id, "name": team.name})

    async def put_rep(self, rep: Rep) -> None:
        """Store a rep in place of an earlier one of the same id.

        Raises:
            ConflictError: There is no such team.
        """
        values = {"rep_id": rep.rep_id, "name": rep.name, "team_id": rep.team_id, "created_at": self._now()}
        await self._upsert(RepRow, ["rep_id"], values)

    async def rep(self, rep_id: str) -> Rep | None:
        """Return a rep, or None."""
        row = await self._session.scalar(select(RepRow).where(RepRow.rep_id == rep_id))
        return None if row is None else Rep(rep_id=row.rep_id, name=row.name, team_id=row.team_id)

    async def reps(self) -> list[Rep]:
        """Return all reps in order of id."""
        rows = await self._session.scalars(select(RepRow).order_by(RepRow.rep_id))
        return [Rep(rep_id=row.rep_id, name=row.name, team_id=row.team_id) for row in rows]

    async def reps_of(self, team_id: str) -> list[Rep]:
        """Return a team's reps in order of id."""
        rows = await self._session.scalars(select(RepRow).where(RepRow.team_id == team_id).order_by(RepRow.rep_id))
        return [Rep(rep_id=row.rep_id, name=row.name, team_id=row.team_id) for row in rows]
