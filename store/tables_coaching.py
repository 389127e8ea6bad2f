"""Coaching that goes on after the report: drills."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from store.columns import TenantOwned, belongs_to, belongs_to_tenant, identifier


class DrillRow(TenantOwned):
    """A role play as it stands, and its debrief once it is over.

    One made of a conversation holds its customer's words and goes when those are erased.
    """

    __tablename__ = "drills"
    __table_args__ = (
        belongs_to_tenant(),
        belongs_to("conversations", ("conversation_id", "conversation_id"), cascade=True),
        Index(None, "tenant_id", "rep_id", "drill_id"),
        Index(None, "tenant_id", "conversation_id"),
    )

    drill_id: Mapped[str] = identifier(primary_key=True)
    rep_id: Mapped[str | None] = identifier()
    conversation_id: Mapped[str | None] = identifier()
    case_id: Mapped[str | None] = identifier()
    is_over: Mapped[bool]
    document: Mapped[dict[str, Any]]
    debrief: Mapped[dict[str, Any] | None]
    revision: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
