"""The customer side as the CRM knows it: accounts, their people, their deals."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from store.columns import TenantOwned, belongs_to, belongs_to_tenant, identifier


class CrmRecordRow(TenantOwned):
    """What accounts and deals share: `document` is the contract's record, `source_part` its part of a source id."""

    __abstract__ = True

    record_id: Mapped[str] = identifier(primary_key=True)
    source_part: Mapped[str] = identifier()
    name: Mapped[str]
    owner: Mapped[str] = identifier()
    document: Mapped[dict[str, Any]]
    revision: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class AccountRow(CrmRecordRow):
    """A customer."""

    __tablename__ = "accounts"
    __table_args__ = (
        belongs_to_tenant(),
        UniqueConstraint("tenant_id", "source_part"),
        Index(None, "tenant_id", "owner"),
    )


class ContactRow(TenantOwned):
    """A person at a customer, with the part they play in buying."""

    __tablename__ = "contacts"
    __table_args__ = (belongs_to("accounts", ("account_id", "record_id"), cascade=True),)

    account_id: Mapped[str] = identifier(primary_key=True)
    contact_id: Mapped[str] = identifier(primary_key=True)
    name: Mapped[str | None]
    title: Mapped[str]
    role: Mapped[str]


class DealRow(CrmRecordRow):
    """A deal; its account may be known only by name, hence no reference is enforced."""

    __tablename__ = "deals"
    __table_args__ = (
        belongs_to_tenant(),
        UniqueConstraint("tenant_id", "source_part"),
        Index(None, "tenant_id", "account_id"),
        Index(None, "tenant_id", "owner"),
    )

    account_id: Mapped[str] = identifier()
    stage: Mapped[str] = identifier()


class ExternalIdRow(TenantOwned):
    """The id that another system gave to one of our objects."""

    __tablename__ = "external_ids"
    __table_args__ = (belongs_to_tenant(), Index(None, "tenant_id", "object_kind", "object_id"))

    system: Mapped[str] = identifier(primary_key=True)
    object_kind: Mapped[str] = identifier(primary_key=True)
    external_id: Mapped[str] = identifier(primary_key=True)
    object_id: Mapped[str] = identifier()


class LexiconRow(TenantOwned):
    """One canonical name with the forms it is said in."""

    __tablename__ = "lexicon_entries"
    __table_args__ = (belongs_to_tenant(),)

    name: Mapped[str] = identifier(primary_key=True)
    kind: Mapped[str] = identifier(primary_key=True)
    aliases: Mapped[list[Any]]
    updated_at: Mapped[datetime]


class ConsentRow(TenantOwned):
    """What a customer agreed to, on which channel, in which wording, and where that is recorded."""

    __tablename__ = "consents"
    __table_args__ = (belongs_to_tenant(), Index(None, "tenant_id", "subject"))

    reference: Mapped[str] = identifier(primary_key=True)
    subject: Mapped[str] = identifier()
    channel: Mapped[str] = identifier()
    wording_version: Mapped[str] = identifier()
    recording: Mapped[str | None] = identifier()
    granted_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None] = identifier()
