"""API keys: shown once, kept as a hash, found by the part that is no secret."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from domain.errors import NotFoundError
from store.scope import Repository
from store.tables import ApiKeyRow

_FORM = re.compile(r"zq_([a-z0-9]{8})_[A-Za-z0-9_-]{43}")
_USE_NOTED_EVERY = timedelta(minutes=5)


class Role(StrEnum):
    """What a caller may see: a rep their own, a manager the team's, an admin and an integration all."""

    REP = "rep"
    MANAGER = "manager"
    ADMIN = "admin"
    INTEGRATION = "integration"


class ApiScope(StrEnum):
    """What a key may be used for."""

    READ = "read"
    WRITE = "write"
    COACH = "coach"
    ADMIN = "admin"


ALL_SCOPES = frozenset(ApiScope)

SCOPES_OF_ROLE = {
    Role.REP: ALL_SCOPES - {ApiScope.ADMIN},
    Role.MANAGER: ALL_SCOPES - {ApiScope.ADMIN},
    Role.ADMIN: ALL_SCOPES,
    Role.INTEGRATION: ALL_SCOPES,
}
"""What each role may have at most: a key's scopes beyond it do not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as lists show it; the secret itself is not kept."""

    tenant: str
    key_id: str
    name: str
    role: Role
    scopes: frozenset[ApiScope]
    rep_id: str | None
    team_id: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def is_good_at(self, now: datetime) -> bool:
        """Whether it may be used at that time."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key just made, with the secret that is shown this once: `zq_<id>_<256 bits>`."""

    key: ApiKey
    secret: str


class ApiKeys(Repository):
    """The API keys of one tenant."""

    async def create(
        self,
        name: str,
        *,
        role: Role = Role.INTEGRATION,
        scopes: frozenset[ApiScope] = ALL_SCOPES,
        rep_id: str | None = None,
        team_id: str | None = None,
        expires_at: datetime | None = None,
    ) -> NewKey:
        """Make a key; its secret is returned here and never again."""
        alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
        key_id = "".join(secrets.choice(alphabet) for _ in range(8))
        secret = f"zq_{key_id}_{secrets.token_urlsafe(32)}"
        values = {
            "key_id": key_id,
            "secret_hash": _hashed(secret),
            "name": name,
            "role": role,
            "scopes": sorted(scopes),
            "rep_id": rep_id,
            "team_id": team_id,
            "created_at": self._now(),
            "expires_at": expires_at,
            "revoked_at": None,
            "last_used_at": None,
        }
        await self._insert(ApiKeyRow, [values])
        return NewKey(key=await self.existing(key_id), secret=secret)

    async def all(self) -> list[ApiKey]:
        """Return every key, oldest first."""
        rows = await self._session.scalars(select(ApiKeyRow).order_by(ApiKeyRow.created_at, ApiKeyRow.key_id))
        return [_key(row) for row in rows]

    async def existing(self, key_id: str) -> ApiKey:
        """Return a key that must be there.

        Raises:
            NotFoundError: It is not.
        """
        row = await self._session.scalar(select(ApiKeyRow).where(ApiKeyRow.key_id == key_id))
        if row is None:
            raise NotFoundError("store.no_key")
        return _key(row)

    async def revoke(self, key_id: str) -> ApiKey:
        """Make a key worthless from the next request on.

        Raises:
            NotFoundError: There is no such key.
        """
        open_key = update(ApiKeyRow).where(ApiKeyRow.key_id == key_id, ApiKeyRow.revoked_at.is_(None))
        await self._session.execute(open_key.values(revoked_at=self._now()))
        return await self.existing(key_id)

    async def rotate(self, key_id: str, *, overlap: timedelta) -> NewKey:
        """Make a key with the same rights; the old one goes on for the overlap.

        Raises:
            NotFoundError: There is no such key.
        """
        old = await self.existing(key_id)
        until = self._now() + overlap
        ends = until if old.expires_at is None else min(until, old.expires_at)
        await self._session.execute(update(ApiKeyRow).where(ApiKeyRow.key_id == key_id).values(expires_at=ends))
        return await self.create(
            old.name,
            role=old.role,
            scopes=old.scopes,
            rep_id=old.rep_id,
            team_id=old.team_id,
            expires_at=old.expires_at,
        )

    async def note_use(self, key: ApiKey) -> None:
        """Remember that a key was used, to within five minutes."""
        await self._session.execute(
            update(ApiKeyRow).where(ApiKeyRow.key_id == key.key_id).values(last_used_at=self._now())
        )


def use_is_stale(key: ApiKey, now: datetime) -> bool:
    """Whether it is time to note a use again."""
    return key.last_used_at is None or now - key.last_used_at > _USE_NOTED_EVERY


async def find_keys(session: AsyncSession, secrets: Collection[str]) -> dict[str, ApiKey]:
    """Return the keys of any tenant that these are the secrets of, good or not; unknown ones are left out."""
    forms = {secret: form.group(1) for secret in secrets if (form := _FORM.fullmatch(secret))}
    if not forms:
        return {}
    found = await session.scalars(select(ApiKeyRow).where(ApiKeyRow.key_id.in_(set(forms.values()))))
    rows = {row.key_id: row for row in found}
    return {
        secret: _key(rows[key_id])
        for secret, key_id in forms.items()
        if key_id in rows and hmac.compare_digest(rows[key_id].secret_hash, _hashed(secret))
    }


async def any_key(session: AsyncSession, tenant: str) -> bool:
    """Whether a tenant has a key at all."""
    return await session.scalar(select(ApiKeyRow.key_id).where(ApiKeyRow.tenant_id == tenant).limit(1)) is not None


def _hashed(secret: str) -> str:
    """Plain SHA-256 is enough for 256 random bits, and fast enough for every request."""
    return hashlib.sha256(secret.encode("utf-8")).hexdigest()


def _key(row: ApiKeyRow) -> ApiKey:
    return ApiKey(
        tenant=row.tenant_id,
        key_id=row.key_id,
        name=row.name,
        role=Role(row.role),
        scopes=frozenset(ApiScope(scope) for scope in row.scopes),
        rep_id=row.rep_id,
        team_id=row.team_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
