"""Accounts and deals, as the CRM keeps them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api.callers import SECURED, Reader, Writer
from api.documents import AccountBody, DealBody, Page, answer
from api.errors import RefusedError, documented
from api.fields import record_document, refuse_foreign, viewer_of
from api.idempotency import IdempotentRoute
from api.pages import Cursors, CursorToken, Limit
from api.parts import parts_of
from api.rights import visible_reps
from domain.accounts import Account, Deal
from domain.errors import InputError, NotFoundError
from store.accounts import Accounts, Deals, Revision
from store.conversations import ConversationFilter
from store.work import Work

router = APIRouter(prefix="/v1", tags=["crm"], dependencies=SECURED, route_class=IdempotentRoute)

_MOST_MOMENTS = 200


@router.put("/accounts/{account_id}", responses={**documented(400, 409, 412), 200: {"model": Account}})
async def put_account(request: Request, caller: Writer, account_id: str, body: AccountBody) -> JSONResponse:
    """Store a customer in place of what was there; `If-Match` makes sure that it is what you read."""
    if not body.name.strip():
        raise InputError("api.no_name")
    account = replace(body, account_id=_same_id(account_id, body.account_id))
    store = parts_of(request).store
    async with store.read(caller.tenant) as work:
        await refuse_foreign(request, work, caller, await work.accounts.get(account_id))
    async with store.begin(caller.tenant) as work:
        await _check_match(request, work.accounts, account_id)
        stored = await work.accounts.put(account)
        revision = await work.accounts.revision(account_id)
        document = record_document(stored, await viewer_of(work, caller))
    return answer(document, headers=_etag(revision))


@router.get("/accounts/{account_id}", responses={**documented(404), 200: {"model": Account}})
async def get_account(request: Request, caller: Reader, account_id: str) -> JSONResponse:
    """Return a customer."""
    async with parts_of(request).store.read(caller.tenant) as work:
        account = await work.accounts.get(account_id)
        revision = await work.accounts.revision(account_id)
        viewer = await viewer_of(work, caller)
    if account is None:
        raise NotFoundError("api.no_account")
    return answer(record_document(account, viewer), headers=_etag(revision))


@router.get("/accounts", response_model=Page, responses=documented(400))
async def list_accounts(
    request: Request, caller: Reader, limit: Limit = 50, cursor: CursorToken = None
) -> JSONResponse:
    """List customers in order of id."""
    cursors = Cursors(request, caller)
    after = cursors.read(cursor)
    async with parts_of(request).store.read(caller.tenant) as work:
        accounts = await work.accounts.page(limit=limit + 1, after=after[0] if after else "")
        viewer = await viewer_of(work, caller)
    show = lambda account: record_document(account, viewer)  # noqa: E731  # named where it is used
    return answer(cursors.page(accounts, limit, place=lambda account: (account.account_id,), show=show))


@router.put("/deals/{deal_id}", responses={**documented(400, 409, 412), 200: {"model": Deal}})
async def put_deal(request: Request, caller: Writer, deal_id: str, body: DealBody) -> JSONResponse:
    """Store a deal in place of what was there; `If-Match` makes sure that it is what you read."""
    deal = replace(body, deal_id=_same_id(deal_id, body.deal_id))
    store = parts_of(request).store
    async with store.read(caller.tenant) as work:
        await refuse_foreign(request, work, caller, await work.deals.get(deal_id))
    async with store.begin(caller.tenant) as work:
        await _check_match(request, work.deals, deal_id)
        stored = await work.deals.put(deal)
        revision = await work.deals.revision(deal_id)
        document = record_document(stored, await viewer_of(work, caller))
    return answer(document, headers=_etag(revision))


@router.get("/deals/{deal_id}", responses={**documented(404), 200: {"model": Deal}})
async def get_deal(request: Request, caller: Reader, deal_id: str) -> JSONResponse:
    """Return a deal."""
    async with parts_of(request).store.read(caller.tenant) as work:
        deal = await work.deals.get(deal_id)
        revision = await work.deals.revision(deal_id)
        viewer = await viewer_of(work, caller)
    if deal is None:
        raise NotFoundError("api.no_deal")
    return answer(record_document(deal, viewer), headers=_etag(revision))


@router.get("/deals", response_model=Page, responses=documented(400))
async def list_deals(request: Request, caller: Reader, limit: Limit = 50, cursor: CursorToken = None) -> JSONResponse:
    """List deals in order of id."""
    cursors = Cursors(request, caller)
    after = cursors.read(cursor)
    async with parts_of(request).store.read(caller.tenant) as work:
        deals = await work.deals.page(limit=limit + 1, after=after[0] if after else "")
        viewer = await viewer_of(work, caller)
    show = lambda deal: record_document(deal, viewer)  # noqa: E731  # named where it is used
    return answer(cursors.page(deals, limit, place=lambda deal: (deal.deal_id,), show=show))


@router.get("/deals/{deal_id}/timeline", responses=documented(404), response_model=dict[str, Any])
async def get_timeline(request: Request, caller: Reader, deal_id: str) -> JSONResponse:
    """Return what happened on a deal, newest first: conversations, decisions, the CRM's last change."""
    async with parts_of(request).store.read(caller.tenant) as work:
        revision = await work.deals.revision(deal_id)
        if revision is None:
            raise NotFoundError("api.no_deal")
        reps = await visible_reps(work, caller)
        talks = await _talks(work, deal_id, reps)
        decisions = [
            {"at": each.created_at.isoformat(), "kind": "decision", "id": each.decision_id, "what": each.kind}
            for each in await work.decisions.page(limit=_MOST_MOMENTS, deal_id=deal_id, rep_ids=reps)
        ]
    changed = {
        "at": revision.updated_at.isoformat(),
        "kind": "crm",
        "id": deal_id,
        "what": f"revision {revision.number}",
    }
    moments = sorted([*talks, *decisions, changed], key=lambda moment: str(moment["at"]), reverse=True)
    return answer({"deal_id": deal_id, "moments": moments})


async def _talks(work: Work, deal_id: str, reps: tuple[str, ...] | None) -> list[dict[str, Any]]:
    wanted = ConversationFilter(deal_id=deal_id, rep_ids=reps)
    return [
        {
            "at": (each.started_at or each.created_at).isoformat(),
            "kind": "conversation",
            "id": each.conversation_id,
            "what": each.kind,
        }
        for each in await work.conversations.page(wanted, limit=_MOST_MOMENTS)
    ]


def _same_id(in_path: str, in_body: str) -> str:
    if in_body not in ("", in_path):
        raise InputError("api.id_mismatch")
    return in_path


async def _check_match(request: Request, records: Accounts | Deals, record_id: str) -> None:
    """Refuse a change of something that is not what the caller read."""
    wanted = request.headers.get("if-match")
    if wanted is None:
        return
    revision = await records.revision(record_id)
    tags = [tag.strip() for tag in wanted.split(",")]
    if revision is None or ("*" not in tags and _etag(revision)["etag"] not in tags):
        raise RefusedError("api.precondition_failed")


def _etag(revision: Revision | None) -> dict[str, str]:
    return {"etag": f'"{revision.number}"'} if revision else {}
