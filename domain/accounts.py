"""Customers and deals as the CRM knows them; every field is a citable source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.conversation import Consent


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person at the customer."""

    title: str = ""
    role: str = ""
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A customer, or one deal with it; only the name is required.

    `extra` keeps the CRM's unknown fields, which are citable like the known ones.
    """

    name: str
    account_id: str = ""
    industry: str = ""
    customer_size: str = ""
    region: str = ""
    product: str = ""
    stage: str = ""
    amount_cny: float | None = None
    expected_close: str = ""
    owner: str = ""
    last_activity_at: datetime | None = None
    contacts: tuple[Contact, ...] = ()
    notes: str = ""
    consent: Consent | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """A deal; `amount` of the outside world is read as `amount_cny`."""

    deal_id: str = ""
    account_id: str = ""
    name: str = ""
    industry: str = ""
    customer_size: str = ""
    region: str = ""
    product: str = ""
    stage: str = ""
    amount_cny: float | None = None
    expected_close: str = ""
    owner: str = ""
    last_activity_at: datetime | None = None
    notes: str = ""
    extra: Mapping[str, object] = field(default_factory=dict)
