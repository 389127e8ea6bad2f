"""CRM fields as citable text.

Words stay as the CRM has them. Amounts are written the way they are read aloud, without rounding:
5000000 becomes 500万元, 1234567 becomes 123.4567万元. The exact number stays in the record.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from datetime import datetime, time
from decimal import Decimal
from functools import partial

from domain.accounts import Account, Contact, Deal
from domain.sources import SourceKind, account_source_id, deal_source_id
from store.sources import SourceDraft
from store.titles import field_title, truth

_NOT_TEXT = {"account": {"account_id", "consent", "extra"}, "deal": {"deal_id", "extra"}}
_NOT_SAID = {"crm_modified_at"}  # when the CRM changed it last: kept to tell old from new, never cited
_TEN_THOUSAND = Decimal(10_000)
_HUNDRED_MILLION = Decimal(100_000_000)


def account_drafts(account: Account) -> list[SourceDraft]:
    """Return the sources `crm:account:<id>:<field>` of every field that says something."""
    return _drafts(account, "account", partial(account_source_id, account.account_id))


def deal_drafts(deal: Deal) -> list[SourceDraft]:
    """Return the sources `crm:deal:<id>:<field>` of every field that says something."""
    return _drafts(deal, "deal", partial(deal_source_id, deal.deal_id))


def _drafts(record: Account | Deal, kind: str, source_id: Callable[[str], str]) -> list[SourceDraft]:
    """One draft a source id: of unknown fields whose names differ only in unsafe characters, the last."""
    drafts = {
        source_id(name): SourceDraft(
            source_id=source_id(name), kind=SourceKind.CRM, title=field_title(kind, name), text=text
        )
        for name, text in _texts(record, kind)
    }
    return list(drafts.values())


def amount_text(amount_cny: float) -> str:
    """Write an amount in yuan exactly, in 元, 万元 or 亿元."""
    amount = Decimal(str(amount_cny))
    for unit, word in ((_HUNDRED_MILLION, "亿元"), (_TEN_THOUSAND, "万元")):
        if abs(amount) >= unit:
            return f"{_plain(amount / unit)}{word}"
    return f"{_plain(amount)}元"


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _texts(record: Account | Deal, kind: str) -> Iterator[tuple[str, str]]:
    given = {item.name: getattr(record, item.name) for item in fields(record) if item.name not in _NOT_TEXT[kind]}
    for name, value in {**record.extra, **given}.items():
        if name in _NOT_SAID:
            continue
        text = amount_text(value) if name == "amount_cny" and value is not None else field_text(value)
        if text:
            yield name, text


def field_text(value: object) -> str:
    """Write a field's value as text; empty when it says nothing."""
    match value:
        case None:
            return ""
        case str():
            return value.strip()
        case bool():
            return truth(value)
        case datetime():
            return f"{value:%Y-%m-%d}" if value.timetz().replace(tzinfo=None) == time.min else f"{value:%Y-%m-%d %H:%M}"
        case Contact():
            return "，".join(part for part in (value.name, value.title, value.role) if part)
        case float() if value.is_integer():
            return str(int(value))
        case Mapping():
            return json.dumps(value, ensure_ascii=False, sort_keys=True) if value else ""
        case list() | tuple():
            separator = "；" if any(isinstance(item, Contact) for item in value) else "、"
            return separator.join(filter(None, map(field_text, value)))
    return str(value)
