"""War cases and their review queue in the console."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Annotated, Protocol

from fastapi import APIRouter, Form, Query, Request, Response

from api.console.answers import go_to, page
from api.console.signed import SignedIn, User_, UserForm, admin, frame_of
from api.pages import Cursors
from api.parts import parts_of
from domain.cases import CASE_COLUMNS, CaseStatus
from domain.errors import ConflictError, InputError, NotFoundError
from retrieval import library
from store.cases import CaseRecord, CaseVersion
from store.keys import ApiScope
from store.webhooks import WebhookEvent
from store.work import Work

router = APIRouter(prefix="/console/cases", include_in_schema=False)

PAGE = 50
_CLAUSE = re.compile(r"[^，。；！？\n]*[，。；！？\n]+|[^，。；！？\n]+")


class Move(Protocol):
    """One step in the life of cases."""

    async def __call__(self, work: Work, case_ids: Sequence[str], *, by: str, why: str) -> list[CaseRecord]:
        """Take the step."""
        ...


MOVES: Mapping[str, Move] = {
    "submit": library.submit,
    "approve": library.approve,
    "reject": library.reject,
    "retire": library.retire,
}
WHY_NEEDED = frozenset({"reject", "retire"})
_FROM = {
    CaseStatus.DRAFT: ("submit",),
    CaseStatus.REJECTED: ("submit",),
    CaseStatus.RETIRED: (),
    CaseStatus.SUBMITTED: ("approve", "reject"),
    CaseStatus.IN_REVIEW: ("approve", "reject"),
    CaseStatus.PUBLISHED: ("retire",),
}


@router.get("")
async def list_cases(
    request: Request,
    who: User_,
    status: CaseStatus | None = None,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
) -> Response:
    """Show the cases, or those of one status; `submitted` is the review queue."""
    cursors = Cursors(request, who.caller)
    after = cursors.read(cursor)
    async with parts_of(request).store.read(who.caller.tenant) as work:
        records = await work.cases.page(limit=PAGE + 1, after=after[0] if after else "", status=status)
    shown = cursors.page(records, PAGE, place=lambda record: (record.case.id,), show=lambda record: record)
    return page(
        "cases",
        frame_of(request, who, section="cases"),
        cases=shown["data"],
        next=shown["next_cursor"],
        status=status.value if status else "",
        statuses=[each.value for each in CaseStatus if each is not CaseStatus.IN_REVIEW],
    )


@router.get("/{case_id}")
async def show_case(request: Request, who: User_, case_id: str) -> Response:
    """Show a case beside what of it is live, and its history."""
    async with parts_of(request).store.read(who.caller.tenant) as work:
        record = await _existing(work, case_id)
        versions = await work.cases.versions(case_id)
        events = await work.cases.events(case_id)
    live = _live(record, versions)
    return page(
        "case",
        frame_of(request, who, section="cases"),
        record=record,
        moves=_moves(who, record),
        columns=_columns(record, live),
        compared=live.version if live else None,
        events=events,
    )


@router.post("/{case_id}")
async def move_case(
    request: Request,
    who: UserForm,
    case_id: str,
    move: Annotated[str, Form(max_length=20)],
    version: Annotated[int, Form()],
    why: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Take one step in a case's life, if it is still the version that was read."""
    if move != "submit":
        await admin(request, who)
    if move not in MOVES:
        raise InputError("api.malformed")
    if move in WHY_NEEDED and not why.strip():
        raise InputError("console.why_needed")
    by = who.caller.rep_id or who.caller.principal
    async with parts_of(request).store.begin(who.caller.tenant) as work:
        if (await _existing(work, case_id)).version != version:
            raise ConflictError("console.case_moved_on")
        (record,) = await MOVES[move](work, [case_id], by=by, why=why.strip())
        if record.status is CaseStatus.PUBLISHED:
            await work.webhooks.emit(WebhookEvent.CASE_PUBLISHED, {"case_id": case_id, "version": record.version})
    return go_to("/console/cases?status=submitted" if move in ("approve", "reject") else "/console/cases")


def _moves(who: SignedIn, record: CaseRecord) -> list[str]:
    """The steps that this person may take from where the case stands."""
    may = {"submit"} | (set(MOVES) if ApiScope.ADMIN in who.caller.scopes else set())
    return [move for move in _FROM[record.status] if move in may]


def _live(record: CaseRecord, versions: list[CaseVersion]) -> CaseVersion | None:
    """The published version if the newest differs from it."""
    if record.published_version in (None, record.version):
        return None
    return next((each for each in versions if each.version == record.published_version), None)


def _columns(record: CaseRecord, live: CaseVersion | None) -> list[tuple[str, list[tuple[str, str]]]]:
    """Each column that says something, in pieces: `same` as what is live, `new`, or `gone` from it."""
    rows = []
    for column in CASE_COLUMNS:
        now = record.case.column_text(column)
        before = live.case.column_text(column) if live else now
        if now or before:
            rows.append((column, pieces(before, now)))
    return rows


def pieces(before: str, now: str) -> list[tuple[str, str]]:
    """Return a text clause by clause: `same` and `gone` make up `before`, `same` and `new` make up `now`."""
    old, new = _CLAUSE.findall(before), _CLAUSE.findall(now)
    found: list[tuple[str, str]] = []
    for kind, old_at, old_end, new_at, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            found.append(("same", "".join(new[new_at:new_end])))
            continue
        found += [("gone", "".join(old[old_at:old_end])), ("new", "".join(new[new_at:new_end]))]
    return [(kind, words) for kind, words in found if words]


async def _existing(work: Work, case_id: str) -> CaseRecord:
    record = await work.cases.get(case_id)
    if record is None:
        raise NotFoundError("store.no_case", case_id=case_id)
    return record
