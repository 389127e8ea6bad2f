"""Which fields of a CRM record a caller sees: the matrix of `fields.toml`, over records and their sources alike."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import Request

from api.callers import Caller, note_refusal
from api.rights import only_granted, visible_reps
from domain.accounts import Account, Deal
from domain.errors import DeniedError
from domain.sources import Source, SourceKind
from language.pii import MASK, mask
from store.keys import Role
from store.work import Work
from wire.documents import dump


class FieldRule(StrEnum):
    """What happens to a field."""

    SHOW = "show"
    PII = "pii"
    MASK = "mask"
    HIDE = "hide"


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Whose records a caller sees whole.

    Attributes:
        owners: Ids and names of the reps whose records are theirs; None means everybody's.
        granted: Ids of records that were granted to them.
    """

    role: Role
    owners: frozenset[str] | None
    granted: frozenset[str]

    def row(self, record_id: str, owner: str) -> str:
        """The matrix's row for a record."""
        if self.owners is None:
            return self.role.value
        theirs = not owner or owner in self.owners or record_id in self.granted
        if self.role is Role.MANAGER:
            return "team" if theirs else "manager"
        return "own" if theirs else "rep"

    def sees_whole(self, record_id: str, owner: str) -> bool:
        """Whether a record is theirs to change and to be coached on."""
        return self.row(record_id, owner) not in ("rep", "manager")


async def viewer_of(work: Work, caller: Caller) -> Viewer:
    """Return whose records a caller sees whole; the CRM may name an owner by id or by name."""
    reps = await visible_reps(work, caller)
    if reps is None:
        return Viewer(role=caller.role, owners=None, granted=frozenset())
    known = [await work.people.rep(rep_id) for rep_id in reps]
    names = [rep.name for rep in known if rep is not None]
    granted = await work.access.granted_ids(caller.rep_id) if caller.rep_id else frozenset()
    return Viewer(role=caller.role, owners=frozenset((*reps, *names)), granted=granted)


def record_document(record: Account | Deal, viewer: Viewer) -> dict[str, Any]:
    """Return a record as this caller sees it, its unknown fields where the CRM had them."""
    document: dict[str, Any] = dump(record, keep_none=False)
    document = {**document.pop("extra"), **document}
    kind, record_id = _named(record)
    rules = matrix()[kind][viewer.row(record_id, record.owner)]
    always = {f"{kind}_id", "account_id", "name", "owner"}
    shown = {name: value if name in always else _shown(value, _rule(rules, name)) for name, value in document.items()}
    return {name: value for name, value in shown.items() if name in always or _rule(rules, name) is not FieldRule.HIDE}


async def shown_source(work: Work, caller: Caller, source: Source) -> Source:
    """Return a source as this caller sees it: hidden characters are ＊, so offsets hold."""
    if source.kind is SourceKind.TURN:
        summary = await work.conversations.by_source_part(source.source_id.split(":")[1])
        shared = summary is not None and await only_granted(work, caller, summary.rep_id)
        return replace(source, text=mask(source.text)) if shared else source
    if source.kind is not SourceKind.CRM or not source.text:
        return source
    _, kind, part, name = source.source_id.split(":", 3)
    record = await (work.accounts if kind == "account" else work.deals).by_source_part(part)
    if record is None:
        return source
    viewer = await viewer_of(work, caller)
    rule = _rule(matrix()[kind][viewer.row(_named(record)[1], record.owner)], name)
    if rule is FieldRule.SHOW:
        return source
    return replace(source, text=mask(source.text) if rule is FieldRule.PII else MASK * len(source.text))


async def refuse_foreign(request: Request, work: Work, caller: Caller, record: Account | Deal | None) -> None:
    """Refuse to change, or to be coached on, a record that is somebody else's; no record is fine.

    Raises:
        DeniedError: `api.not_yours`; the refusal is logged.
    """
    if record is None:
        return
    kind, record_id = _named(record)
    if (await viewer_of(work, caller)).sees_whole(record_id, record.owner):
        return
    await note_refusal(request, caller, why="not_yours", object_kind=kind, object_id=record_id)
    raise DeniedError("api.not_yours")


@cache
def matrix() -> Mapping[str, Mapping[str, Mapping[str, FieldRule]]]:
    """Return the matrix: kind of record → row → field → what happens to it."""
    tables = tomllib.loads((files("api") / "fields.toml").read_text(encoding="utf-8"))
    return {
        kind: {row: {name: FieldRule(cell) for name, cell in cells.items()} for row, cells in rows.items()}
        for kind, rows in tables.items()
    }


def _rule(rules: Mapping[str, FieldRule], name: str) -> FieldRule:
    return rules.get(name, rules["*"])


def _shown(value: object, rule: FieldRule) -> Any:
    """Apply a rule to every text inside a value; numbers under a mask are left out, they have no characters."""
    if rule is FieldRule.SHOW:
        return value
    if isinstance(value, str):
        return mask(value) if rule is FieldRule.PII else MASK * len(value)
    if isinstance(value, dict):
        return {name: _shown(each, rule) for name, each in value.items()}
    if isinstance(value, list):
        return [_shown(each, rule) for each in value]
    return value if rule is FieldRule.PII or value is None else None


def _named(record: Account | Deal) -> tuple[str, str]:
    return ("account", record.account_id) if isinstance(record, Account) else ("deal", record.deal_id)
