"""What was suggested and why: a hash chain per tenant, with payloads that can be erased."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from store.columns import TenantOwned, belongs_to, belongs_to_tenant, identifier


class ChainHeadRow(TenantOwned):
    """The end of a tenant's chain; the row that appends are serialised on."""

    __tablename__ = "chain_heads"
    __table_args__ = (belongs_to_tenant(),)

    length: Mapped[int]
    hash: Mapped[str] = identifier()


class DecisionRow(TenantOwned):
    """One link. `time` is kept as the very characters that were hashed.

    `binding` ties the columns that the chain's own hash leaves out (id and kind) to the link.
    """

    __tablename__ = "decisions"
    __table_args__ = (belongs_to_tenant(), UniqueConstraint("tenant_id", "decision_id"))

    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    decision_id: Mapped[str] = identifier()
    kind: Mapped[str] = identifier()
    time: Mapped[str] = identifier()
    previous: Mapped[str] = identifier()
    commitment: Mapped[str] = identifier()
    hash: Mapped[str] = identifier()
    binding: Mapped[str] = identifier()


class DecisionPayloadRow(TenantOwned):
    """What was committed to; after an erasure only the receipt is left, and the link that records it."""

    __tablename__ = "decision_payloads"
    __table_args__ = (belongs_to("decisions", ("index", "index")),)

    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    salt: Mapped[bytes | None]
    payload: Mapped[bytes | None]
    receipt: Mapped[str | None] = identifier()
    erasure_index: Mapped[int | None]


class DecisionSourceRow(TenantOwned):
    """Which source versions a suggestion cites: found again when one of them is erased."""

    __tablename__ = "decision_sources"
    __table_args__ = (
        belongs_to("decisions", ("index", "index")),
        Index(None, "tenant_id", "source_id", "version"),
    )

    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    suggestion_id: Mapped[str] = identifier(primary_key=True)
    source_id: Mapped[str] = identifier(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class DecisionContextRow(TenantOwned):
    """What a decision is about, for lists and rights; derived, never evidence."""

    __tablename__ = "decision_contexts"
    __table_args__ = (
        belongs_to("decisions", ("index", "index")),
        Index(None, "tenant_id", "conversation_id"),
        Index(None, "tenant_id", "rep_id"),
    )

    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    created_at: Mapped[datetime]
    engine: Mapped[str] = identifier()
    abstained: Mapped[bool]
    suggestions: Mapped[int]
    conversation_id: Mapped[str | None] = identifier()
    account_id: Mapped[str | None] = identifier()
    deal_id: Mapped[str | None] = identifier()
    rep_id: Mapped[str | None] = identifier()


class FeedbackRow(TenantOwned):
    """What a human did with a suggestion."""

    __tablename__ = "feedback"
    __table_args__ = (belongs_to("decisions", ("index", "index")), Index(None, "tenant_id", "index"))

    feedback_id: Mapped[str] = identifier(primary_key=True)
    index: Mapped[int]
    action: Mapped[str] = identifier()
    by: Mapped[str] = identifier()
    at: Mapped[datetime]
    suggestion_id: Mapped[str | None] = identifier()
    text: Mapped[str | None]
