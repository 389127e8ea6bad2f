"""A row of cells to a war case, or the list of its faults; each fault names the field and what is wrong."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

from domain.cases import CASE_COLUMNS, CUSTOMER_SIZES, MANDATORY_COLUMNS, Outcome, WarCase
from domain.errors import ZhanqingError
from domain.messages import text
from retrieval.rows import Cells

MAX_FIELD_CHARS = 20_000
_COLUMNS = ("id", *CASE_COLUMNS)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_TAG_ENDS = re.compile(r"[、,，;；|/\n]+")
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T]\d{1,2}:\d{2}.*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with one field of a row; `problem` names a message of this room."""

    field: str
    problem: str
    details: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def line(self, lang: str = "zh") -> str:
        """Say it in one line."""
        return text(f"retrieval.{self.problem}", lang, field=self.field, **self.details)


class RowFaultsError(ZhanqingError):
    """A row that is no case, with everything that is wrong with it."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("retrieval.row_faults", count=len(faults))
        self.faults = faults


def known_columns(cells: Cells) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return the cells under the contract's column names, and the names that mean nothing to us."""
    aliases = _aliases()
    known: dict[str, object] = {}
    strangers = []
    for name, value in cells.items():
        column = aliases.get(_key(name))
        if column is None:
            strangers.append(name)
        else:
            known.setdefault(column, value)
    return known, tuple(strangers)


def check_case(cells: Mapping[str, object]) -> WarCase:
    """Make a case of cells under the contract's names.

    Raises:
        RowFaultsError: Everything that is wrong with the row.
    """
    faults: list[Fault] = []
    texts = {column: _text(column, cells.get(column), faults) for column in _COLUMNS if column != "tags"}
    wrong = {fault.field for fault in faults}
    missing = [column for column in MANDATORY_COLUMNS if not texts[column] and column not in wrong]
    faults += [Fault(field=column, problem="field_missing") for column in missing]
    outcome = _outcome(texts["outcome"], faults)
    closed_at = _date(texts["closed_at"], faults)
    if texts["customer_size"] and texts["customer_size"] not in CUSTOMER_SIZES:
        faults.append(Fault(field="customer_size", problem="bad_size", details={"known": "、".join(CUSTOMER_SIZES)}))
    tags = _tags(cells.get("tags"), faults)
    if faults or outcome is None:
        raise RowFaultsError(tuple(faults))
    plain = {column: value for column, value in texts.items() if column not in ("outcome", "closed_at")}
    return WarCase(**plain, outcome=outcome, closed_at=closed_at, tags=tags)


def _text(column: str, value: object, faults: list[Fault]) -> str:
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "\n".join(value)
    if isinstance(value, (list, dict, bool)):
        faults.append(Fault(field=column, problem="bad_type"))
        return ""
    plain = str(value).strip()
    if _CONTROL.search(plain):
        faults.append(Fault(field=column, problem="control_characters"))
    if len(plain) > MAX_FIELD_CHARS:
        faults.append(Fault(field=column, problem="field_too_long", details={"limit": MAX_FIELD_CHARS}))
    return plain


def _outcome(value: str, faults: list[Fault]) -> Outcome | None:
    if not value:
        return None
    known = _outcomes().get(value.lower())
    if known is None:
        faults.append(Fault(field="outcome", problem="bad_outcome"))
    return known


def _date(value: str, faults: list[Fault]) -> date | None:
    match = _DATE.fullmatch(value)
    try:
        if match:
            return date(*(int(part) for part in match.groups()))
    except ValueError:
        match = None
    if value:
        faults.append(Fault(field="closed_at", problem="bad_date"))
    return None


def _tags(value: object, faults: list[Fault]) -> tuple[str, ...]:
    given = value if isinstance(value, list) else _TAG_ENDS.split(_text("tags", value, faults))
    if any(not isinstance(tag, str) for tag in given):
        faults.append(Fault(field="tags", problem="bad_type"))
        return ()
    plain = [_text("tags", tag, faults) for tag in given]
    return tuple(dict.fromkeys(tag for tag in plain if tag))


def _key(name: object) -> str:
    return re.sub(r"[\s_]+", "", str(name)).lower()


@cache
def _table() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads((files("retrieval") / "import_columns.toml").read_text(encoding="utf-8"))


@cache
def _aliases() -> dict[str, str]:
    return {_key(name): column for column, names in _table()["aliases"].items() for name in names}


@cache
def _outcomes() -> dict[str, Outcome]:
    return {name: Outcome(outcome) for outcome, names in _table()["outcomes"].items() for name in names}
