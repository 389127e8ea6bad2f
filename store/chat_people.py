"""Which rep a sender in a chat is: bound once by a one-time code."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select, update

from domain.errors import NotFoundError
from store.people import People, Rep
from store.scope import Repository
from store.tables import ChatBindingRow, ChatCodeRow

CODE_LIFE = timedelta(minutes=30)
_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A platform's user and the rep they are; pushes wait from hour `quiet_from` to `quiet_to` (local, 0–23)."""

    platform: str
    user_id: str
    rep_id: str
    quiet_from: int = 21
    quiet_to: int = 8


class ChatPeople(Repository):
    """The senders that one tenant knows."""

    async def invite(self, rep_id: str) -> str:
        """Return a code that binds whoever sends it first, within the half hour, to this rep.

        Raises:
            NotFoundError: There is no such rep.
        """
        await self._existing(rep_id)
        code = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}d}"
        values = {
            "digest": _digest(self._tenant, code),
            "rep_id": rep_id,
            "expires_at": self._now() + CODE_LIFE,
            "used_at": None,
        }
        await self._insert(ChatCodeRow, [values])
        return code

    async def bind(self, code: str, *, platform: str, user_id: str) -> Rep | None:
        """Bind a sender by a code, once; None for a code that is wrong, used or too old."""
        row, now = ChatCodeRow, self._now()
        fresh = (row.digest == _digest(self._tenant, code), row.used_at.is_(None), row.expires_at > now)
        if not await self._changed(update(row).where(*fresh).values(used_at=now)):
            return None
        rep_id = await self._session.scalar(select(row.rep_id).where(row.digest == _digest(self._tenant, code)))
        assert rep_id is not None  # noqa: S101  # the update found it
        return await self.put(Binding(platform=platform, user_id=user_id, rep_id=rep_id))

    async def void(self, code: str) -> None:
        """Make a code worthless that others may have read."""
        mine = (ChatCodeRow.digest == _digest(self._tenant, code), ChatCodeRow.used_at.is_(None))
        await self._session.execute(update(ChatCodeRow).where(*mine).values(used_at=self._now()))

    async def put(self, binding: Binding) -> Rep:
        """Bind a sender in place of an earlier binding.

        Raises:
            NotFoundError: There is no such rep.
        """
        rep = await self._existing(binding.rep_id)
        values = {
            "platform": binding.platform,
            "user_id": binding.user_id,
            "rep_id": binding.rep_id,
            "quiet_from": binding.quiet_from,
            "quiet_to": binding.quiet_to,
            "created_at": self._now(),
        }
        await self._upsert(ChatBindingRow, ["platform", "user_id"], values)
        return rep

    async def of(self, platform: str, user_id: str) -> Binding | None:
        """Return who a sender is, or None."""
        mine = (ChatBindingRow.platform == platform, ChatBindingRow.user_id == user_id)
        row = await self._session.scalar(select(ChatBindingRow).where(*mine))
        return None if row is None else _binding(row)

    async def bindings_of(self, rep_id: str) -> list[Binding]:
        """Return where a rep can be reached."""
        rows = await self._session.scalars(
            select(ChatBindingRow).where(ChatBindingRow.rep_id == rep_id).order_by(ChatBindingRow.platform)
        )
        return [_binding(row) for row in rows]

    async def bound_reps(self) -> list[str]:
        """Return the reps who can be reached somewhere."""
        found = await self._session.scalars(select(ChatBindingRow.rep_id).distinct().order_by(ChatBindingRow.rep_id))
        return list(found)

    async def unbind(self, platform: str, user_id: str) -> bool:
        """Forget a sender; False if nobody was bound."""
        mine = (ChatBindingRow.platform == platform, ChatBindingRow.user_id == user_id)
        return await self._changed(delete(ChatBindingRow).where(*mine)) > 0

    async def _existing(self, rep_id: str) -> Rep:
        rep = await People(self._scope).rep(rep_id)
        if rep is None:
            raise NotFoundError("store.no_rep")
        return rep


def _binding(row: ChatBindingRow) -> Binding:
    return Binding(
        platform=row.platform,
        user_id=row.user_id,
        rep_id=row.rep_id,
        quiet_from=row.quiet_from,
        quiet_to=row.quiet_to,
    )


def _digest(tenant: str, code: str) -> str:
    return hashlib.sha256(f"{tenant}\n{code.strip()}".encode()).hexdigest()
