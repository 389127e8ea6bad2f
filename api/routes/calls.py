"""Recordings: handed in, followed, and read once they are done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Form, Request, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import ValidationError

from api.byte_ranges import file_response
from api.callers import SECURED, Caller, Reader, Writer
from api.documents import CallDocument, CallMetadata, Identifier, Page, answer
from api.errors import documented
from api.events import HEARTBEAT_S, Event, last_event_id, stream
from api.idempotency import IdempotentRoute
from api.pages import Cursors, CursorToken, Limit, moment_and_id
from api.parts import parts_of
from api.rights import only_granted, refuse_unseen, sees, visible_reps, whose
from api.sharing import shared_report, shown_analysis, shown_transcript
from coaching.documents import read_report
from coaching.markdown import render_markdown
from domain.conversation import Transcript
from domain.errors import ConflictError, InputError, NotFoundError
from domain.signals import Analysis
from speech.containers import media_type
from store.blobs import StoredFile
from store.calls import Call, CallDetails, CallFilter
from store.jobs import JobEvent
from store.work import Store
from wire.documents import dump_analysis, dump_transcript

router = APIRouter(prefix="/v1/calls", tags=["calls"], dependencies=SECURED, route_class=IdempotentRoute)

Found = TypeVar("Found")

POLL_S = 0.5


@router.post("", status_code=202, response_model=CallDocument, responses=documented(400, 409, 415))
async def submit_call(
    request: Request, caller: Writer, audio: UploadFile, metadata: Annotated[str, Form(max_length=20_000)] = "{}"
) -> JSONResponse:
    """Hand in a recording. Without a consent it is kept in quarantine and not listened to."""
    details = _details(metadata, caller)
    store = parts_of(request).store
    kept = await store.keep_file(caller.tenant, audio.file)
    found = await asyncio.to_thread(_media_type, store, caller.tenant, kept)
    async with store.begin(caller.tenant) as work:
        call = await work.calls.submit(kept, details, media_type=found)
    location = {"location": f"/v1/calls/{call.call_id}"}
    return answer(call_document(call), status=202, headers=location)


@router.get("", response_model=Page, responses=documented(400))
async def list_calls(
    request: Request,
    caller: Reader,
    account_id: Identifier | None = None,
    limit: Limit = 50,
    cursor: CursorToken = None,
) -> JSONResponse:
    """List calls, newest first."""
    cursors = Cursors(request, caller)
    before = moment_and_id(cursors.read(cursor))
    async with parts_of(request).store.read(caller.tenant) as work:
        wanted = CallFilter(account_id=account_id, rep_ids=await visible_reps(work, caller))
        calls = await work.calls.page(wanted, limit=limit + 1, before=before)
    page = cursors.page(
        calls, limit, place=lambda call: (call.created_at.isoformat(), call.call_id), show=call_document
    )
    return answer(page)


@router.get("/{call_id}", response_model=CallDocument, responses=documented(404))
async def get_call(request: Request, caller: Reader, call_id: str) -> JSONResponse:
    """Return a call and where it stands."""
    return answer(call_document(await _seen_call(request, caller, call_id)))


@router.get("/{call_id}/events", response_class=Response, responses=documented(404))
async def follow_call(request: Request, caller: Reader, call_id: str) -> Response:
    """Follow a call as server-sent events until it ends; `Last-Event-ID` resumes."""
    call = await _seen_call(request, caller, call_id)
    return stream(_steps(parts_of(request).store, caller.tenant, call, after=last_event_id(request)))


@router.get("/{call_id}/transcript", responses={**documented(404, 409), 200: {"model": Transcript}})
async def get_transcript(request: Request, caller: Reader, call_id: str) -> JSONResponse:
    """Return what was said."""
    call = await _seen_call(request, caller, call_id)
    async with parts_of(request).store.read(caller.tenant) as work:
        transcript = _ready(await work.conversations.get(call_id), call)
        shown = await shown_transcript(work, caller, transcript)
    return answer(dump_transcript(shown))


@router.get("/{call_id}/analysis", responses={**documented(404, 409), 200: {"model": Analysis}})
async def get_analysis(request: Request, caller: Reader, call_id: str) -> JSONResponse:
    """Return what was noticed and measured."""
    call = await _seen_call(request, caller, call_id)
    async with parts_of(request).store.read(caller.tenant) as work:
        analysis = _ready(await work.signals.get(call_id), call)
        shown = await shown_analysis(work, caller, analysis)
    return answer(dump_analysis(shown))


@router.get("/{call_id}/report", responses=documented(404, 409), response_class=Response)
async def get_report(request: Request, caller: Reader, call_id: str) -> Response:
    """Return the coaching report: as a page or Markdown for `Accept: text/html` or `text/markdown`, else as JSON."""
    call = await _seen_call(request, caller, call_id)
    async with parts_of(request).store.read(caller.tenant) as work:
        report = _ready(await work.signals.report(call_id), call)
        is_shared = await only_granted(work, caller, call.details.rep_id)
    if is_shared:
        report = await asyncio.to_thread(shared_report, report)
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(report.html)
    if "text/markdown" in request.headers.get("accept", ""):
        written = await asyncio.to_thread(lambda: render_markdown(read_report(report.document)))
        return Response(written, media_type="text/markdown; charset=utf-8")
    return answer(dict(report.document))


@router.get("/{call_id}/audio", responses=documented(404, 416), response_class=Response)
async def get_audio(request: Request, caller: Reader, call_id: str) -> Response:
    """Return the recording, or the bytes that `Range` asks for."""
    call = await _seen_call(request, caller, call_id)
    if call.blob_hash is None:
        raise NotFoundError("api.no_recording")
    async with parts_of(request).store.read(caller.tenant) as work:
        path = await work.blobs.path(call.blob_hash)
        blob = await work.blobs.get(call.blob_hash)
    media_type = blob.media_type if blob else "application/octet-stream"
    return file_response(path, request, media_type=media_type, etag=call.blob_hash)


def call_document(call: Call) -> dict[str, Any]:
    """Return a call as routes and webhooks show it."""
    document = CallDocument(
        id=call.call_id,
        status=call.status.value,
        percent=call.percent,
        stage=call.stage,
        reason=call.reason,
        external_id=call.details.external_id,
        rep_id=call.details.rep_id,
        account_id=call.details.account_id,
        deal_id=call.details.deal_id,
        consent_reference=call.details.consent_reference,
        created_at=call.created_at,
    )
    return document.model_dump(mode="json")


def _details(metadata: str, caller: Caller) -> CallDetails:
    """Read the upload's metadata."""
    try:
        given = CallMetadata.model_validate_json(metadata)
    except ValidationError as error:
        where = ("body", "metadata")
        faults = [{**fault, "loc": (*where, *fault["loc"])} for fault in error.errors(include_input=False)]
        raise RequestValidationError(faults) from error
    return call_details(given, caller)


def call_details(given: CallMetadata, caller: Caller) -> CallDetails:
    """Return what is known of a call; a rep's own key makes it the rep's own."""
    return CallDetails(
        external_id=given.external_id,
        rep_id=whose(caller, given.rep_id),
        account_id=given.account_id,
        deal_id=given.deal_id,
        consent_reference=given.consent_reference,
        roles=tuple(given.roles) if given.roles else None,
        started_at=given.started_at,
    )


def _media_type(store: Store, tenant: str, kept: StoredFile) -> str:
    """Say what a kept file is by its bytes, and remove it at once when it is no recording."""
    assert store.blob_folder is not None  # noqa: S101  # it was just kept there
    found = media_type(store.blob_folder.path(tenant, kept.name)) if kept.size_bytes else None
    if found is None:
        store.blob_folder.forget(tenant, kept.name)
        raise InputError("api.not_audio" if kept.size_bytes else "api.empty_audio")
    return found


async def _seen_call(request: Request, caller: Caller, call_id: str) -> Call:
    async with parts_of(request).store.read(caller.tenant) as work:
        call = await work.calls.existing(call_id)
        seen = await sees(work, caller, rep_id=call.details.rep_id, object_kind="call", object_id=call_id)
    missing = NotFoundError("store.no_call")
    await refuse_unseen(request, caller, seen=seen, missing=missing, object_kind="call", object_id=call_id)
    return call


def _ready(found: Found | None, call: Call) -> Found:
    if found is None:
        raise ConflictError("api.call_not_ready", status=call.status.value)
    return found


async def _steps(store: Store, tenant: str, call: Call, *, after: int) -> AsyncIterator[Event | None]:
    """Yield what happens to a call's job, in order, until it has ended; a quarantined call has no job to follow."""
    if call.job_id is None:
        yield Event(event="status", data={"status": call.status.value})
        return
    waited_s = 0.0
    while True:
        async with store.read(tenant) as work:
            steps = await work.jobs.events(call.job_id, after=after)
        for step in steps:
            yield _event(step)
            after, waited_s = step.sequence, 0.0
            if step.status.is_final:
                return
        if not steps and after and await _has_ended(store, tenant, call.job_id, after):
            return
        await asyncio.sleep(POLL_S)
        waited_s += POLL_S
        if waited_s >= HEARTBEAT_S:
            waited_s = 0.0
            yield None


async def _has_ended(store: Store, tenant: str, job_id: str, after: int) -> bool:
    """Whether a reader who resumes at the very end has nothing more to wait for."""
    async with store.read(tenant) as work:
        job = await work.jobs.existing(job_id)
        return job.status.is_final and not await work.jobs.events(job_id, after=after)


def _event(step: JobEvent) -> Event:
    data = {"status": step.status.value, "percent": step.percent, "stage": step.stage, "reason": step.reason}
    return Event(event="status", data=data, id=step.sequence)
