"""Calls and their reports in the console."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import StringConstraints

from api.byte_ranges import file_response
from api.consenting import record_consent, refuse_consent_of_another
from api.console.answers import go_to, page, report_page
from api.console.signed import SignedIn, User_, UserForm, frame_of
from api.pages import Cursors, moment_and_id
from api.parts import parts_of
from api.rights import only_granted, refuse_unseen, sees, visible_reps
from api.sharing import shared_report
from coaching.documents import read_report
from coaching.page import render_html
from domain.errors import NotFoundError
from store.calls import Call, CallFilter, CallStatus
from store.consents import ConsentRecord
from store.work import Work

router = APIRouter(prefix="/console/calls", include_in_schema=False)

PAGE = 30
MOST_MS = 24 * 3600 * 1000


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
async def show_call(
    request: Request,
    who: User_,
    call_id: str,
    turn: Annotated[str, Query(max_length=200)] = "",
    at: Annotated[int | None, Query(ge=0, le=MOST_MS)] = None,
) -> Response:
    """Show a call: its recording, playing from a moment if one was chosen, and its report; or where it stands."""
    call = await _seen(request, who, call_id)
    async with parts_of(request).store.read(who.caller.tenant) as work:
        view = await _view(work, call)
    from_s = None if at is None else at / 1000
    return page("call", frame_of(request, who, section="calls"), call=view, turn=turn, from_s=from_s)


@router.post("/{call_id}/consent")
async def consent(
    request: Request,
    who: UserForm,
    call_id: str,
    reference: Annotated[str, Form(max_length=200), StringConstraints(strip_whitespace=True, min_length=1)],
) -> Response:
    """Put the customer's consent on record; the call is listened to now."""
    call = await _seen(request, who, call_id)
    path = f"/console/calls/{quote(call_id, safe='')}"
    if call.status is not CallStatus.QUARANTINED:
        return go_to(path)
    store = parts_of(request).store
    subject = call.details.account_id or call_id
    record = ConsentRecord(reference=reference, subject=subject, granted_at=store.clock())
    async with store.begin(who.caller.tenant) as work:
        await refuse_consent_of_another(work, record)
        await record_consent(work, record, [call_id])
    return go_to(path)


@router.get("/{call_id}/report")
async def show_report(request: Request, who: User_, call_id: str) -> Response:
    """Return the report's own page, in the reader's language, with each moment one press away from its sound."""
    call = await _seen(request, who, call_id)
    async with parts_of(request).store.read(who.caller.tenant) as work:
        report = await work.signals.report(call_id)
        is_shared = await only_granted(work, who.caller, call.details.rep_id)
    if report is None:
        raise NotFoundError("store.no_call")
    if is_shared:
        report = await asyncio.to_thread(shared_report, report)
    lang, listen = frame_of(request, who).lang, partial(heard_at, call_id) if call.blob_hash else None
    shown = await asyncio.to_thread(lambda: render_html(read_report(report.document), lang=lang, listen=listen))
    return report_page(shown)


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


def heard_at(call_id: str, turn_id: str, ms: int) -> str:
    """Where a moment is heard: the call's own page, its player set to the moment and its report open at the turn."""
    return f"/console/calls/{quote(call_id, safe='')}?turn={quote(turn_id, safe='')}&at={ms}#player"


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
