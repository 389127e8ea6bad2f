"""Who there is: tenants, teams, reps, console users, API keys, and who may see what for how long."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from store.columns import Base, TenantOwned, belongs_to, belongs_to_tenant, identifier


class TenantRow(Base):
    """A company; nothing is shared between two."""

    __tablename__ = "tenants"

    tenant_id: Mapped[str] = identifier(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime]


class TeamRow(TenantOwned):
    """A sales team."""

    __tablename__ = "teams"
    __table_args__ = (belongs_to_tenant(),)

    team_id: Mapped[str] = identifier(primary_key=True)
    name: Mapped[str]


class RepRow(TenantOwned):
    """A salesperson."""

    __tablename__ = "reps"
    __table_args__ = (belongs_to_tenant(), belongs_to("teams", ("team_id", "team_id")))

    rep_id: Mapped[str] = identifier(primary_key=True)
    name: Mapped[str]
    team_id: Mapped[str | None] = identifier()
    created_at: Mapped[datetime]


class RepVoiceRow(TenantOwned):
    """What a rep's voice is known by, sealed; kept by the rep's own consent alone."""

    __tablename__ = "rep_voices"
    __table_args__ = (belongs_to_tenant(), belongs_to("reps", ("rep_id", "rep_id"), cascade=True))

    rep_id: Mapped[str] = identifier(primary_key=True)
    sealed: Mapped[str]
    consent_reference: Mapped[str] = identifier()
    enrolled_at: Mapped[datetime]


class UserRow(TenantOwned):
    """A person who signs in to the console; `rep_id` says which rep, if one."""

    __tablename__ = "users"
    __table_args__ = (belongs_to_tenant(), UniqueConstraint("tenant_id", "login"))

    user_id: Mapped[str] = identifier(primary_key=True)
    login: Mapped[str] = identifier()
    password_hash: Mapped[str | None]
    role: Mapped[str] = identifier()
    rep_id: Mapped[str | None] = identifier()
    team_id: Mapped[str | None] = identifier()
    failed_logins: Mapped[int]
    locked_until: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class SessionRow(TenantOwned):
    """A signed-in console user; the token itself is never kept."""

    __tablename__ = "sessions"
    __table_args__ = (belongs_to("users", ("user_id", "user_id"), cascade=True), UniqueConstraint("token_hash"))

    session_id: Mapped[str] = identifier(primary_key=True)
    user_id: Mapped[str] = identifier()
    token_hash: Mapped[str] = identifier()
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class ApiKeyRow(TenantOwned):
    """A key of a calling system; only its SHA-256 is kept, `key_id` is the part shown in lists."""

    __tablename__ = "api_keys"
    __table_args__ = (belongs_to_tenant(), UniqueConstraint("key_id"))

    key_id: Mapped[str] = identifier(primary_key=True)
    secret_hash: Mapped[str] = identifier()
    name: Mapped[str]
    role: Mapped[str] = identifier()
    scopes: Mapped[list[Any]]
    rep_id: Mapped[str | None] = identifier()
    team_id: Mapped[str | None] = identifier()
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class GrantRow(TenantOwned):
    """A time-boxed right of one rep to see one object of another."""

    __tablename__ = "grants"
    __table_args__ = (belongs_to_tenant(), Index(None, "tenant_id", "rep_id", "object_kind", "object_id"))

    grant_id: Mapped[str] = identifier(primary_key=True)
    rep_id: Mapped[str] = identifier()
    object_kind: Mapped[str] = identifier()
    object_id: Mapped[str] = identifier()
    granted_by: Mapped[str] = identifier()
    why: Mapped[str]
    created_at: Mapped[datetime]
    ends_at: Mapped[datetime]


class AccessRow(TenantOwned):
    """One denial, or one read that must be accounted for."""

    __tablename__ = "access_log"
    __table_args__ = (belongs_to_tenant(), Index(None, "tenant_id", "at"))

    access_id: Mapped[str] = identifier(primary_key=True)
    at: Mapped[datetime]
    principal: Mapped[str] = identifier()
    action: Mapped[str] = identifier()
    object_kind: Mapped[str] = identifier()
    object_id: Mapped[str] = identifier()
    allowed: Mapped[bool]
    why: Mapped[str]


class ReceiptRow(TenantOwned):
    """Proof of an export, correction, withdrawal or erasure; holds counts, never the words erased."""

    __tablename__ = "receipts"
    __table_args__ = (
        belongs_to_tenant(),
        Index(None, "tenant_id", "subject"),
    )

    receipt_id: Mapped[str] = identifier(primary_key=True)
    action: Mapped[str] = identifier()
    subject: Mapped[str] = identifier()
    at: Mapped[datetime]
    by: Mapped[str] = identifier()
    document: Mapped[dict[str, Any]]
