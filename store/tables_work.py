"""What is to be done and what came in: jobs, blobs, inbox, idempotency keys, webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.columns import Base, TenantOwned, belongs_to, belongs_to_tenant, identifier


class JobRow(TenantOwned):
    """A piece of work; this row is the truth, any queue only wakes somebody up.

    `fence` grows with each lease, so that a worker that lost its lease cannot write. Jobs of one `serial_key` are
    done one after another, in the order of their ids.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        belongs_to_tenant(),
        UniqueConstraint("job_id"),
        UniqueConstraint("tenant_id", "kind", "dedupe_key"),
        Index(None, "status", "priority", "available_at", "job_id"),
        Index(None, "status", "lease_until"),
        Index(None, "tenant_id", "serial_key", "status"),
    )

    job_id: Mapped[str] = identifier(primary_key=True)
    kind: Mapped[str] = identifier()
    dedupe_key: Mapped[str | None] = identifier()
    serial_key: Mapped[str | None] = identifier()
    payload: Mapped[dict[str, Any]]
    status: Mapped[str] = identifier()
    priority: Mapped[int]
    attempts: Mapped[int]
    max_attempts: Mapped[int]
    available_at: Mapped[datetime]
    lease_owner: Mapped[str | None] = identifier()
    lease_until: Mapped[datetime | None]
    fence: Mapped[int]
    cancel_requested: Mapped[bool]
    percent: Mapped[int]
    stage: Mapped[str] = identifier()
    reason: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class JobEventRow(TenantOwned):
    """What happened to a job, in order; streamed to whoever watches."""

    __tablename__ = "job_events"
    __table_args__ = (belongs_to("jobs", ("job_id", "job_id"), cascade=True),)

    job_id: Mapped[str] = identifier(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    status: Mapped[str] = identifier()
    percent: Mapped[int]
    stage: Mapped[str] = identifier()
    reason: Mapped[str | None]


class BlobRow(TenantOwned):
    """A stored file of this tenant; the bytes lie in the blob folder under `file_name`."""

    __tablename__ = "blobs"
    __table_args__ = (belongs_to_tenant(),)

    content_hash: Mapped[str] = identifier(primary_key=True)
    file_name: Mapped[str] = identifier()
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str] = identifier()
    created_at: Mapped[datetime]


class InboxRow(TenantOwned):
    """A message that a chat platform delivered; the unique key makes redeliveries harmless."""

    __tablename__ = "inbox"
    __table_args__ = (
        belongs_to_tenant(),
        UniqueConstraint("tenant_id", "channel", "account_id", "dedupe_key"),
        Index(None, "tenant_id", "thread_key", "message_id"),
    )

    message_id: Mapped[str] = identifier(primary_key=True)
    channel: Mapped[str] = identifier()
    account_id: Mapped[str] = identifier()
    dedupe_key: Mapped[str] = identifier()
    thread_key: Mapped[str] = identifier()
    received_at: Mapped[datetime]
    payload: Mapped[dict[str, Any]]
    job_id: Mapped[str | None] = identifier()
    done_at: Mapped[datetime | None]


class LockRow(Base):
    """Something that one process does for the whole installation, for as long as it renews this."""

    __tablename__ = "locks"

    name: Mapped[str] = identifier(primary_key=True)
    owner: Mapped[str] = identifier()
    held_until: Mapped[datetime]


class IdempotencyRow(TenantOwned):
    """A request that must not act twice, with the answer it got."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (belongs_to_tenant(), Index(None, "created_at"))

    route: Mapped[str] = identifier(primary_key=True)
    key: Mapped[str] = identifier(primary_key=True)
    fingerprint: Mapped[str] = identifier()
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes | None]
    held_until: Mapped[datetime]
    created_at: Mapped[datetime]


class WebhookRow(TenantOwned):
    """A subscription; its secrets are sealed with the installation's key."""

    __tablename__ = "webhooks"
    __table_args__ = (belongs_to_tenant(),)

    webhook_id: Mapped[str] = identifier(primary_key=True)
    url: Mapped[str]
    events: Mapped[list[Any]]
    description: Mapped[str]
    secret: Mapped[str]
    previous_secret: Mapped[str | None]
    previous_until: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    created_at: Mapped[datetime]


class WebhookDeliveryRow(TenantOwned):
    """One event for one subscription, with what became of it; written with the effect it tells of."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (belongs_to("webhooks", ("webhook_id", "webhook_id"), cascade=True),)

    webhook_id: Mapped[str] = identifier(primary_key=True)
    event_id: Mapped[str] = identifier(primary_key=True)
    event: Mapped[str] = identifier()
    body: Mapped[str]
    attempts: Mapped[int]
    last_status: Mapped[int | None]
    last_error: Mapped[str | None] = identifier()
    created_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
