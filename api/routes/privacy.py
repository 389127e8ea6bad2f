"""Consents, and the rights of those whose words are kept."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from api.callers import SECURED, Admin, Caller, Reader, Writer
from api.consenting import record_consent
from api.documents import Body, ConsentBody, Page, answer
from api.errors import documented
from api.idempotency import IdempotentRoute
from api.pages import Cursors, CursorToken, Limit
from api.parts import parts_of
from api.rights import refuse_unseen, sees
from domain.errors import InputError, NotFoundError
from store.chat_memory import wipe_traces
from store.consents import ConsentRecord
from store.webhooks import WebhookEvent
from wire.documents import dump

router = APIRouter(prefix="/v1", tags=["privacy"], dependencies=SECURED, route_class=IdempotentRoute)


@router.post("/consents", status_code=201, responses=documented(400, 404, 409), response_model=dict[str, Any])
async def put_consent(request: Request, caller: Writer, body: ConsentBody) -> JSONResponse:
    """Record a consent; calls that waited for it are listened to now."""
    store = parts_of(request).store
    record = ConsentRecord(
        reference=body.reference,
        subject=body.subject,
        channel=body.channel,
        wording_version=body.wording_version,
        recording=body.recording,
        granted_at=body.granted_at or store.clock(),
    )
    await _refuse_unseen_calls(request, caller, body.call_ids)
    async with store.begin(caller.tenant) as work:
        stored, released = await record_consent(work, record, body.call_ids)
    return answer({**dump(stored), "released_calls": released}, status=201)


@router.get("/consents", response_model=Page, responses=documented(400))
async def list_consents(
    request: Request, caller: Reader, limit: Limit = 50, cursor: CursorToken = None
) -> JSONResponse:
    """List consent records in order of reference."""
    cursors = Cursors(request, caller)
    after = cursors.read(cursor)
    async with parts_of(request).store.read(caller.tenant) as work:
        records = await work.consents.page(limit=limit + 1, after=after[0] if after else "")
    return answer(cursors.page(records, limit, place=lambda record: (record.reference,), show=dump))


@router.post("/subjects/{subject_id}/export", responses=documented(400, 404, 409), response_model=dict[str, Any])
async def export_subject(request: Request, caller: Admin, subject_id: str) -> JSONResponse:
    """Return everything that is kept of a subject."""
    async with parts_of(request).store.begin(caller.tenant) as work:
        document, receipt = await work.subjects.export(subject_id, by=caller.principal)
    return answer({**document, "receipt": dump(receipt)})


@router.post("/subjects/{subject_id}/withdraw", responses=documented(400, 404, 409), response_model=dict[str, Any])
async def withdraw_subject(request: Request, caller: Admin, subject_id: str) -> JSONResponse:
    """Withdraw a subject's consents and erase what rested on them."""
    store = parts_of(request).store
    async with store.begin(caller.tenant) as work:
        receipt = await work.subjects.withdraw(subject_id, by=caller.principal)
        await work.webhooks.emit(WebhookEvent.CONSENT_WITHDRAWN, {"receipt_id": receipt.receipt_id})
    await wipe_traces(store, caller.tenant)
    return answer(dump(receipt))


@router.post("/subjects/{subject_id}/erase", responses=documented(400, 404, 409), response_model=dict[str, Any])
async def erase_subject(request: Request, caller: Admin, subject_id: str) -> JSONResponse:
    """Erase everything that is kept of a subject; the decision log keeps tombstones."""
    store = parts_of(request).store
    async with store.begin(caller.tenant) as work:
        receipt = await work.subjects.erase(subject_id, by=caller.principal)
        await work.webhooks.emit(WebhookEvent.CONSENT_WITHDRAWN, {"receipt_id": receipt.receipt_id})
    await wipe_traces(store, caller.tenant)
    return answer(dump(receipt))


class CorrectBody(Body):
    """What is put right: fields of the customer's record with what they should say."""

    fields: dict[Annotated[str, Field(min_length=1, max_length=200)], Any] = Field(
        min_length=1, max_length=50, examples=[{"contacts": [{"name": "王敏", "title": "采购总监"}]}]
    )


@router.post("/subjects/{subject_id}/correct", responses=documented(400, 404, 409), response_model=dict[str, Any])
async def correct_subject(request: Request, caller: Admin, subject_id: str, body: CorrectBody) -> JSONResponse:
    """Put right what is kept wrongly of a customer, and return the receipt."""
    if {"account_id", "consent"} & set(body.fields):
        raise InputError("api.not_correctable")
    async with parts_of(request).store.begin(caller.tenant) as work:
        receipt = await work.subjects.correct(subject_id, body.fields, by=caller.principal)
    return answer(dump(receipt))


@router.get("/subjects/{subject_id}/receipts", responses=documented(), response_model=dict[str, Any])
async def list_receipts(request: Request, caller: Admin, subject_id: str) -> JSONResponse:
    """Return the receipts of what was done for a subject, oldest first."""
    async with parts_of(request).store.read(caller.tenant) as work:
        return answer({"data": [dump(receipt) for receipt in await work.subjects.receipts(subject_id)]})


async def _refuse_unseen_calls(request: Request, caller: Caller, call_ids: list[str]) -> None:
    """Refuse to let a consent release what the caller may not see."""
    missing = NotFoundError("store.no_call")
    for call_id in call_ids:
        async with parts_of(request).store.read(caller.tenant) as work:
            call = await work.calls.existing(call_id)
            seen = await sees(work, caller, rep_id=call.details.rep_id, object_kind="call", object_id=call_id)
        await refuse_unseen(request, caller, seen=seen, missing=missing, object_kind="call", object_id=call_id)
