"""Calls and their reports in the console."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.byte_ranges import file_response
from api.console.answers import page, report_page
from api.console.signed import SignedIn, User_, frame_of
from api.pages import Cursors, moment_and_id
from api.parts import parts_of
from api.rights import refuse_unseen, sees, visible_reps
from domain.errors import NotFoundError
from store.calls import Call, CallFilter
from store.work import Work

router = APIRouter(prefix="/console/calls", include_in_schema=False)

PAGE = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class CallView:
    """A call as the console shows it: names instead of ids where they are known."""

    call_id: str
    title: str
    at: datetime
    rep: str
    consent: str
    status: str
    percent: int
    stage: str
    reason: str
    has_audio: bool


@router.get("")
async def list_calls(
    request: Request, who: User_, cursor: Annotated[str | None, Query(max_length=2000)] = None
) -> Response:
    """Show the calls that this person may see, newest first."""
    cursors = Cursors(request, who.caller)
    async with parts_of(request).store.read(who.caller.tenant) as work:
        wanted = CallFilter(rep_ids=await visible_reps(work, who.caller))
        calls = await work.calls.page(wanted, limit=PAGE + 1, before=moment_and_id(cursors.read(cursor)))
        shown = cursors.page(calls, PAGE, place=_place, show=lambda call: call)
        views = [await _view(work, call) for call in shown["data"]]
    return page("calls", frame_of(request, who, section="calls"), calls=views, next=shown["next_cursor"])


@router.get("/{call_id}")
async def show_call(request: Request, who: User_, call_id: str) -> Response:
    """Show a call: its recording and its report, or where it stands."""
    call = await _seen(request, who, call_id)
    async with parts_of(request).store.read(who.caller.tenant) as work:
        view = await _view(work, call)
    return page("call", frame_of(request, who, section="calls"), call=view)


@router.get("/{call_id}/report")
async def show_report(request: Request, who: User_, call_id: str) -> Response:
    """Return the report's own page."""
    await _seen(request, who, call_id)
    async with parts_of(request).store.read(who.caller.tenant) as work:
        report = await work.signals.report(call_id)
    if report is None:
        raise NotFoundError("store.no_call")
    return report_page(report.html)


@router.get("/{call_id}/audio")
async def play(request: Request, who: User_, call_id: str) -> Response:
    """Return the recording, or the part that the player asks for."""
    call = await _seen(request, who, call_id)
    if call.blob_hash is None:
        raise NotFoundError("api.no_recording")
    async with parts_of(request).store.read(who.caller.tenant) as work:
        path = await work.blobs.path(call.blob_hash)
        blob = await work.blobs.get(call.blob_hash)
    media_type = blob.media_type if blob else "application/octet-stream"
    return file_response(path, request, media_type=media_type, etag=call.blob_hash)


async def _seen(request: Request, who: SignedIn, call_id: str) -> Call:
    async with parts_of(request).store.read(who.caller.tenant) as work:
        call = await work.calls.existing(call_id)
        seen = await sees(work, who.caller, rep_id=call.details.rep_id, object_kind="call", object_id=call_id)
    missing = NotFoundError("store.no_call")
    await refuse_unseen(request, who.caller, seen=seen, missing=missing, object_kind="call", object_id=call_id)
    return call


async def _view(work: Work, call: Call) -> CallView:
    details = call.details
    account = await work.accounts.get(details.account_id) if details.account_id else None
    rep = await work.people.rep(details.rep_id) if details.rep_id else None
    return CallView(
        call_id=call.call_id,
        title=account.name if account else details.account_id or "",
        at=details.started_at or call.created_at,
        rep=rep.name if rep else details.rep_id or "",
        consent=details.consent_reference or "",
        status=call.status.value,
        percent=call.percent,
        stage=call.stage,
        reason=call.reason or "",
        has_audio=call.blob_hash is not None,
    )


def _place(call: Call) -> tuple[str, str]:
    return call.created_at.isoformat(), call.call_id
