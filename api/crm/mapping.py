"""CRM payloads as accounts and deals, and our activities as CRM payloads, each by a mapping file.

A path is names with dots between them; a number is a place in a list. What a mapping does not name
is kept as an extra field, citable like the others.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from domain.accounts import Account, Deal
from domain.errors import InputError
from wire.documents import read_account, read_deal


class CrmSystem(StrEnum):
    """The CRMs whose payloads can be read."""

    HUBSPOT = "hubspot"
    SALESFORCE = "salesforce"
    FXIAOKE = "fxiaoke"
    XIAOSHOUYI = "xiaoshouyi"


class CrmKind(StrEnum):
    """What a CRM record is to us."""

    ACCOUNT = "account"
    DEAL = "deal"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RecordMapping(_Strict):
    """How one kind of record is read.

    Attributes:
        fields: Our field → path there.
        values: Our field → their value → ours.
        dates: Fields that hold an instant and are read as a date.
        extra: Where unknown fields lie: `*` beside the known ones.
        drop: Unknown fields that say nothing about the customer.
    """

    id: str
    fields: Mapping[str, str]
    modified_at: str = ""
    account_id: str = ""
    extra: str = ""
    values: Mapping[str, Mapping[str, str]] = Field(default={})
    dates: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class Link(_Strict):
    """How an activity is tied to a record: `body` goes to `path`, with the record's id for `$id`."""

    of: CrmKind
    path: str
    body: Any


class ActivityMapping(_Strict):
    """The request that writes an activity: constants, or `{from, as}` for what is ours."""

    method: str
    path: str
    body: Mapping[str, Any]
    links: tuple[Link, ...] = ()


class CrmMapping(_Strict):
    """One CRM's mapping file."""

    records: str
    account: RecordMapping
    deal: RecordMapping
    activity: ActivityMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmRecord:
    """One record that a CRM sent.

    Attributes:
        external_id: Its id there.
        account_external_id: Of a deal: its customer's id there.
        modified_at: When it was last changed there; None when the payload does not say.
    """

    external_id: str
    document: dict[str, Any]
    kind: CrmKind
    account_external_id: str = ""
    modified_at: datetime | None = None

    def account(self, account_id: str) -> Account:
        """Read it as a customer under our id."""
        return read_account({**self.document, "account_id": account_id})

    def deal(self, deal_id: str, account_id: str) -> Deal:
        """Read it as a deal under our ids."""
        return read_deal({**self.document, "deal_id": deal_id, "account_id": account_id})


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What a call was, for the CRM's timeline; `source_id` is ours and finds it again there."""

    source_id: str
    occurred_at: datetime
    subject: str
    body: str
    owner: str = ""
    direction: str = "outbound"
    duration_ms: int | None = None
    account: str = ""
    deal: str = ""


@cache
def mapping(system: CrmSystem) -> CrmMapping:
    """Return a CRM's mapping."""
    content = (files("api.crm") / f"{system.value}.toml").read_text(encoding="utf-8")
    return CrmMapping.model_validate(tomllib.loads(content))


def read_records(system: CrmSystem, kind: CrmKind, payload: object) -> list[CrmRecord]:
    """Read what a CRM's query, read or webhook body holds: one record, a list, or its own envelope.

    Raises:
        InputError: `api.no_crm_records`, or `api.no_crm_id`: a record without an id.
    """
    whole = mapping(system)
    found = at(payload, whole.records)
    rows = found if isinstance(found, list) else payload if isinstance(payload, list) else [payload]
    rules = whole.account if kind is CrmKind.ACCOUNT else whole.deal
    records = [_record(row, rules, kind) for row in rows if isinstance(row, dict)]
    if not records or len(records) < len(rows):
        raise InputError("api.no_crm_records")
    return records


def write_activity(system: CrmSystem, activity: Activity) -> dict[str, Any]:
    """Return the request that writes an activity into a CRM: method, path and body. Nothing is sent."""
    rules = mapping(system).activity
    body = _filled(rules.body, activity)
    for link in rules.links:
        record_id = getattr(activity, link.of.value)
        if record_id:
            _tie(body, link, record_id)
    return {"method": rules.method, "path": rules.path.replace("$source_id", activity.source_id), "body": body}


def at(document: object, path: str) -> Any:
    """Return what lies at a path, or None."""
    for name in path.split("."):
        if isinstance(document, dict):
            document = document.get(name)
        elif isinstance(document, list) and name.isdecimal() and int(name) < len(document):
            document = document[int(name)]
        else:
            return None
    return document


def _record(row: dict[str, Any], rules: RecordMapping, kind: CrmKind) -> CrmRecord:
    external_id = at(row, rules.id)
    if not isinstance(external_id, (str, int)) or not str(external_id).strip():
        raise InputError("api.no_crm_id")
    known = {name: _value(at(row, path), name, rules) for name, path in rules.fields.items()}
    owner = at(row, rules.account_id) if rules.account_id else None
    document = {**_extra(row, rules), **{name: value for name, value in known.items() if value not in (None, "")}}
    return CrmRecord(
        external_id=str(external_id),
        document=document,
        kind=kind,
        account_external_id=str(owner) if owner is not None else "",
        modified_at=instant(at(row, rules.modified_at)) if rules.modified_at else None,
    )


def _extra(row: dict[str, Any], rules: RecordMapping) -> dict[str, Any]:
    """Return what the mapping does not name, without empty fields."""
    if not rules.extra:
        return {}
    place = row if rules.extra == "*" else at(row, rules.extra)
    prefix = "" if rules.extra == "*" else f"{rules.extra}."
    paths = (*rules.fields.values(), rules.id, rules.modified_at, rules.account_id)
    named = {path.removeprefix(prefix).split(".")[0] for path in paths if path.startswith(prefix)} | set(rules.drop)
    unknown = place.items() if isinstance(place, dict) else ()
    return {name: value for name, value in unknown if name not in named and value not in (None, "", [], {})}


def _value(value: Any, name: str, rules: RecordMapping) -> Any:
    if value is None:
        return None
    if name in rules.values:
        return rules.values[name].get(str(value), str(value))
    if name == "amount_cny":
        return _number(value)
    if name == "last_activity_at":
        moment = instant(value)
        return moment.isoformat() if moment else None
    if name in rules.dates:
        moment = instant(value)
        return f"{moment:%Y-%m-%d}" if moment else str(value)
    return str(value)


def _number(value: Any) -> float | None:
    try:
        return float(str(value).replace(",", ""))
    except ValueError:
        return None


def instant(value: Any) -> datetime | None:
    """Read an instant as CRMs write it: ISO text, a date, or milliseconds since 1970 as a number or digits."""
    text = str(value).strip()
    try:
        if text.isdecimal() and len(text) > 8:
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


_FORMS: Mapping[str, Callable[[Any], Any]] = {
    "": lambda value: value,
    "text": str,
    "upper": lambda value: value.upper(),
    "title": lambda value: value.title(),
    "utc": lambda value: f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    "date": lambda value: f"{value:%Y-%m-%d}",
    "ms": lambda value: int(value.timestamp() * 1000),
    "seconds": lambda value: value // 1000,
}


def _filled(template: Any, activity: Activity) -> Any:
    """Fill a template: `{from, as}` becomes what is ours; what is not known is left out."""
    if isinstance(template, dict) and "from" in template:
        value = getattr(activity, template["from"])
        return None if value in (None, "") else _FORMS[template.get("as", "")](value)
    if isinstance(template, dict):
        filled = {name: _filled(each, activity) for name, each in template.items()}
        return {name: value for name, value in filled.items() if value is not None and value != []}
    if isinstance(template, list):
        return [value for each in template if (value := _filled(each, activity)) is not None]
    return template


def _tie(body: dict[str, Any], link: Link, record_id: str) -> None:
    """Put a link's body where its path says; a list there takes several."""
    *way, last = link.path.split(".")
    for name in way:
        body = body.setdefault(name, {})
    tied = _with_id(link.body, record_id)
    if isinstance(tied, dict):
        body.setdefault(last, []).append(tied)
    elif isinstance(tied, list):
        body.setdefault(last, []).extend(tied)
    else:
        body[last] = tied


def _with_id(template: Any, record_id: str) -> Any:
    if template == "$id":
        return record_id
    if isinstance(template, dict):
        return {name: _with_id(each, record_id) for name, each in template.items()}
    if isinstance(template, list):
        return [_with_id(each, record_id) for each in template]
    return template
