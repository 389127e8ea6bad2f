"""Chats on WeCom and DingTalk: who a sender is, and the answers on their way out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from store.columns import TenantOwned, belongs_to, belongs_to_tenant, identifier


class ChatBindingRow(TenantOwned):
    """Which rep a platform's user is; `platform` is shared by all channels that use the same user ids."""

    __tablename__ = "chat_bindings"
    __table_args__ = (belongs_to_tenant(), belongs_to("reps", ("rep_id", "rep_id"), cascade=True))

    platform: Mapped[str] = identifier(primary_key=True)
    user_id: Mapped[str] = identifier(primary_key=True)
    rep_id: Mapped[str] = identifier()
    quiet_from: Mapped[int]
    quiet_to: Mapped[int]
    created_at: Mapped[datetime]


class ChatCodeRow(TenantOwned):
    """A one-time code that binds a sender; only its digest is kept."""

    __tablename__ = "chat_codes"
    __table_args__ = (belongs_to_tenant(), belongs_to("reps", ("rep_id", "rep_id"), cascade=True))

    digest: Mapped[str] = identifier(primary_key=True)
    rep_id: Mapped[str] = identifier()
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ChatThreadRow(TenantOwned):
    """What a conversation with the coach is about at present."""

    __tablename__ = "chat_threads"
    __table_args__ = (belongs_to_tenant(),)

    thread_key: Mapped[str] = identifier(primary_key=True)
    account_id: Mapped[str | None] = identifier()
    drill_id: Mapped[str | None] = identifier()
    updated_at: Mapped[datetime]


class ChatAnswerRow(TenantOwned):
    """An answer as far as it has come, and how much of it was shown.

    `version` grows with each change of what is to be shown; `shown` is the version that was. A courier holds a row
    until `held_until`; `fence` grows each time, so that one that took too long cannot write.
    """

    __tablename__ = "chat_answers"
    __table_args__ = (
        belongs_to_tenant(),
        Index(None, "channel", "account_id", "is_open", "due_at"),
        Index(None, "tenant_id", "thread_key", "is_open", "order_key"),
        Index(None, "tenant_id", "decision_id"),
    )

    answer_id: Mapped[str] = identifier(primary_key=True)
    channel: Mapped[str] = identifier()
    account_id: Mapped[str] = identifier()
    thread_key: Mapped[str] = identifier()
    user_id: Mapped[str] = identifier()
    conversation_id: Mapped[str] = identifier()
    is_group: Mapped[bool]
    reply_to: Mapped[str]
    text: Mapped[str]
    state: Mapped[str] = identifier()
    card: Mapped[dict[str, Any] | None]
    replaces: Mapped[bool]
    notes: Mapped[dict[str, Any]]
    decision_id: Mapped[str | None] = identifier()
    asked_at: Mapped[datetime]
    order_key: Mapped[str] = identifier()
    version: Mapped[int]
    shown: Mapped[int]
    is_open: Mapped[bool]
    attempts: Mapped[int]
    due_at: Mapped[datetime]
    held_until: Mapped[datetime | None]
    fence: Mapped[int]
    reason: Mapped[str | None]
