"""Console users and their sessions: lock-out after wrong passwords, tokens kept only as hashes."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from domain.errors import ConflictError, NotFoundError
from store.ids import new_id
from store.keys import Role
from store.scope import Repository
from store.tables import SessionRow, UserRow

MOST_FAILURES = 5
LOCKED_FOR = timedelta(minutes=15)
SESSION_FOR = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person who signs in to the console.

    Attributes:
        login: What they type; unique in the tenant, compared without regard to case.
        password_hash: None for those who sign in elsewhere (OIDC) only.
        rep_id: Which rep they are, if one.
        team_id: The team whose work a manager sees.
    """

    tenant: str
    user_id: str
    login: str
    role: Role
    rep_id: str | None
    team_id: str | None
    password_hash: str | None
    failed_logins: int
    locked_until: datetime | None
    disabled_at: datetime | None
    created_at: datetime

    def may_sign_in_at(self, now: datetime) -> bool:
        """Whether they are neither disabled nor locked out at that time."""
        return self.disabled_at is None and (self.locked_until is None or self.locked_until <= now)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSession:
    """A signed-in user."""

    session_id: str
    user: User
    expires_at: datetime


class Users(Repository):
    """The console users of one tenant."""

    async def create(
        self,
        login: str,
        *,
        role: Role,
        password_hash: str | None = None,
        rep_id: str | None = None,
        team_id: str | None = None,
    ) -> User:
        """Make a user.

        Raises:
            ConflictError: `store.login_taken`.
        """
        user_id = new_id("user", self._now())
        values = {
            "user_id": user_id,
            "login": _folded(login),
            "password_hash": password_hash,
            "role": role,
            "rep_id": rep_id,
            "team_id": team_id,
            "failed_logins": 0,
            "locked_until": None,
            "disabled_at": None,
            "created_at": self._now(),
        }
        if not await self._insert_new(UserRow, values):
            raise ConflictError("store.login_taken")
        return await self.existing(user_id)

    async def all(self) -> list[User]:
        """Return every user in order of login."""
        return [_user(row) for row in await self._session.scalars(select(UserRow).order_by(UserRow.login))]

    async def existing(self, user_id: str) -> User:
        """Return a user that must be there.

        Raises:
            NotFoundError: `store.no_user`.
        """
        row = await self._session.scalar(select(UserRow).where(UserRow.user_id == user_id))
        if row is None:
            raise NotFoundError("store.no_user")
        return _user(row)

    async def by_login(self, login: str) -> User | None:
        """Return who has this login, or None."""
        row = await self._session.scalar(select(UserRow).where(UserRow.login == _folded(login)))
        return None if row is None else _user(row)

    async def note_failure(self, user_id: str) -> User:
        """Count a wrong password; the fifth in a row locks the user out for a quarter of an hour."""
        row, failures = UserRow, UserRow.failed_logins + 1
        locked = case((failures >= MOST_FAILURES, self._now() + LOCKED_FOR), else_=row.locked_until)
        again = case((failures >= MOST_FAILURES, 0), else_=failures)
        counted = update(row).where(row.user_id == user_id).values(failed_logins=again, locked_until=locked)
        await self._session.execute(counted)
        return await self.existing(user_id)

    async def set_password(self, user_id: str, password_hash: str) -> User:
        """Give a user another password; every session of theirs ends, a lock-out too."""
        return await self._change(user_id, password_hash=password_hash, failed_logins=0, locked_until=None)

    async def disable(self, user_id: str) -> User:
        """Keep a user from signing in from now on; every session of theirs ends."""
        return await self._change(user_id, disabled_at=self._now())

    async def enable(self, user_id: str) -> User:
        """Let a disabled or locked-out user sign in again."""
        return await self._change(user_id, disabled_at=None, failed_logins=0, locked_until=None)

    async def sign_in(self, user_id: str) -> str:
        """Open a session and return its token, which is kept only as a hash."""
        token = secrets.token_urlsafe(32)
        now = self._now()
        values = {
            "session_id": new_id("sess", now),
            "user_id": user_id,
            "token_hash": _hashed(token),
            "created_at": now,
            "expires_at": now + SESSION_FOR,
        }
        await self._session.execute(delete(SessionRow).where(SessionRow.expires_at <= now))
        await self._insert(SessionRow, [values])
        fresh = update(UserRow).where(UserRow.user_id == user_id).values(failed_logins=0, locked_until=None)
        await self._session.execute(fresh)
        return token

    async def sign_out(self, session_id: str) -> None:
        """End a session."""
        await self._session.execute(delete(SessionRow).where(SessionRow.session_id == session_id))

    async def _change(self, user_id: str, **values: object) -> User:
        await self._session.execute(update(UserRow).where(UserRow.user_id == user_id).values(**values))
        await self._session.execute(delete(SessionRow).where(SessionRow.user_id == user_id))
        return await self.existing(user_id)


async def find_session(session: AsyncSession, token: str, now: datetime) -> UserSession | None:
    """Return the running session of any tenant that this is the token of, or None."""
    same = (UserRow.tenant_id == SessionRow.tenant_id) & (UserRow.user_id == SessionRow.user_id)
    wanted = (SessionRow.token_hash == _hashed(token), SessionRow.expires_at > now, UserRow.disabled_at.is_(None))
    found = (await session.execute(select(SessionRow, UserRow).join(UserRow, same).where(*wanted))).first()
    if found is None:
        return None
    row, user = found
    return UserSession(session_id=row.session_id, user=_user(user), expires_at=row.expires_at)


def _hashed(token: str) -> str:
    """Plain SHA-256 is enough for 256 random bits."""
    return hashlib.sha256(token.encode("utf-8")).hexdigest()


def _folded(login: str) -> str:
    return login.strip().casefold()


def _user(row: UserRow) -> User:
    return User(
        tenant=row.tenant_id,
        user_id=row.user_id,
        login=row.login,
        role=Role(row.role),
        rep_id=row.rep_id,
        team_id=row.team_id,
        password_hash=row.password_hash,
        failed_logins=row.failed_logins,
        locked_until=row.locked_until,
        disabled_at=row.disabled_at,
        created_at=row.created_at,
    )
