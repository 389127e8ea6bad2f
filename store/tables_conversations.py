"""What was said: calls and their recordings, conversations, turns, signals, reports."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from store.columns import TenantOwned, belongs_to, belongs_to_tenant, identifier


class ConversationRow(TenantOwned):
    """A transcript without its turns.

    `content_hash` is over all of it, `words_hash` over who said what: what an analysis depends on.
    After an erasure the row stays, empty, so that a late redelivery does not bring it back.
    """

    __tablename__ = "conversations"
    __table_args__ = (
        belongs_to_tenant(),
        UniqueConstraint("tenant_id", "source_part"),
        Index(None, "tenant_id", "created_at", "conversation_id"),
        Index(None, "tenant_id", "account_id"),
        Index(None, "tenant_id", "deal_id"),
        Index(None, "tenant_id", "rep_id"),
        Index(None, "tenant_id", "consent_reference"),
    )

    conversation_id: Mapped[str] = identifier(primary_key=True)
    source_part: Mapped[str] = identifier()
    kind: Mapped[str] = identifier()
    content_hash: Mapped[str] = identifier()
    words_hash: Mapped[str] = identifier()
    started_at: Mapped[datetime | None]
    account_id: Mapped[str | None] = identifier()
    deal_id: Mapped[str | None] = identifier()
    rep_id: Mapped[str | None] = identifier()
    consent_status: Mapped[str] = identifier()
    consent_reference: Mapped[str | None] = identifier()
    document: Mapped[dict[str, Any]]
    revision: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]


class TurnRow(TenantOwned):
    """One turn; its citable text is the source `turn:<conversation>:<turn>`."""

    __tablename__ = "turns"
    __table_args__ = (
        belongs_to("conversations", ("conversation_id", "conversation_id"), cascade=True),
        UniqueConstraint("tenant_id", "conversation_id", "position"),
        UniqueConstraint("tenant_id", "conversation_id", "source_part"),
    )

    conversation_id: Mapped[str] = identifier(primary_key=True)
    turn_id: Mapped[str] = identifier(primary_key=True)
    source_part: Mapped[str] = identifier()
    position: Mapped[int]
    speaker: Mapped[str] = identifier()
    text: Mapped[str]
    start_ms: Mapped[int | None]
    end_ms: Mapped[int | None]
    document: Mapped[dict[str, Any]]


class AnalysisRow(TenantOwned):
    """The metrics of one conversation, and which transcript they were made from."""

    __tablename__ = "analyses"
    __table_args__ = (belongs_to("conversations", ("conversation_id", "conversation_id"), cascade=True),)

    conversation_id: Mapped[str] = identifier(primary_key=True)
    words_hash: Mapped[str] = identifier()
    metrics: Mapped[list[Any]]
    made_at: Mapped[datetime]


class SignalRow(TenantOwned):
    """One asserted observation on a span of a turn."""

    __tablename__ = "signals"
    __table_args__ = (
        belongs_to("analyses", ("conversation_id", "conversation_id"), cascade=True),
        Index(None, "tenant_id", "kind", "label"),
    )

    conversation_id: Mapped[str] = identifier(primary_key=True)
    signal_id: Mapped[str] = identifier(primary_key=True)
    position: Mapped[int]
    kind: Mapped[str] = identifier()
    label: Mapped[str] = identifier()
    score: Mapped[float]
    turn_id: Mapped[str] = identifier()
    start: Mapped[int]
    end: Mapped[int]
    quote: Mapped[str]
    extractor: Mapped[str] = identifier()
    version: Mapped[str] = identifier()
    attributes: Mapped[dict[str, Any]]


class ReportRow(TenantOwned):
    """The coaching report of one conversation, as data and as one self-contained page."""

    __tablename__ = "reports"
    __table_args__ = (belongs_to("conversations", ("conversation_id", "conversation_id"), cascade=True),)

    conversation_id: Mapped[str] = identifier(primary_key=True)
    document: Mapped[dict[str, Any]]
    html: Mapped[str]
    made_at: Mapped[datetime]


class CallRow(TenantOwned):
    """A recording that was handed in; becomes the conversation of the same id once it is heard.

    Where it stands is its job's status; without a job it waits in quarantine for a consent.
    """

    __tablename__ = "calls"
    __table_args__ = (
        belongs_to_tenant(),
        UniqueConstraint("tenant_id", "external_id"),
        Index(None, "tenant_id", "created_at", "call_id"),
        Index(None, "tenant_id", "rep_id"),
        Index(None, "tenant_id", "account_id"),
        Index(None, "tenant_id", "consent_reference"),
    )

    call_id: Mapped[str] = identifier(primary_key=True)
    external_id: Mapped[str | None] = identifier()
    blob_hash: Mapped[str | None] = identifier()
    rep_id: Mapped[str | None] = identifier()
    account_id: Mapped[str | None] = identifier()
    deal_id: Mapped[str | None] = identifier()
    consent_reference: Mapped[str | None] = identifier()
    job_id: Mapped[str | None] = identifier()
    roles: Mapped[list[Any] | None]
    started_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]


class MomentCommentRow(TenantOwned):
    """A comment on a moment; anchored by time and quote, so that it survives a new transcription."""

    __tablename__ = "moment_comments"
    __table_args__ = (
        belongs_to("conversations", ("conversation_id", "conversation_id"), cascade=True),
        Index(None, "tenant_id", "conversation_id"),
    )

    comment_id: Mapped[str] = identifier(primary_key=True)
    conversation_id: Mapped[str] = identifier()
    turn_id: Mapped[str] = identifier()
    start_ms: Mapped[int | None]
    end_ms: Mapped[int | None]
    quote: Mapped[str]
    by: Mapped[str] = identifier()
    text: Mapped[str]
    at: Mapped[datetime]
