"""Why something was suggested, what became of it, and whether the log can be trusted."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from agent.explaining import tombstones_of
from agent.exports import ExportFormat, export
from api.callers import SECURED, Caller, Reader, Rep
from api.documents import FeedbackBody, Identifier, Page, answer
from api.errors import documented, language_of
from api.idempotency import IdempotentRoute
from api.pages import Cursors, CursorToken, Limit
from api.parts import parts_of
from api.rights import refuse_unseen, sees, visible_reps
from api.sharing import shown_decision
from domain.errors import InputError, NotFoundError
from domain.suggestions import ChainVerdict, Decision, ErasedDecision, Feedback
from store.decisions import DecisionSummary
from store.keys import Role
from store.trust import Share
from store.webhooks import WebhookEvent
from wire.documents import dump

router = APIRouter(prefix="/v1", tags=["decisions"], dependencies=SECURED, route_class=IdempotentRoute)


@router.get("/decisions", response_model=Page, responses=documented(400))
async def list_decisions(
    request: Request,
    caller: Reader,
    conversation_id: Identifier | None = None,
    deal_id: Identifier | None = None,
    limit: Limit = 50,
    cursor: CursorToken = None,
) -> JSONResponse:
    """List decisions, newest first."""
    cursors = Cursors(request, caller)
    place = cursors.read(cursor)
    before = _index(place[0]) if place else None
    async with parts_of(request).store.read(caller.tenant) as work:
        found = await work.decisions.page(
            limit=limit + 1,
            before=before,
            conversation_id=conversation_id,
            deal_id=deal_id,
            rep_ids=await visible_reps(work, caller),
        )
    return answer(cursors.page(found, limit, place=lambda each: (str(each.index),), show=_summary))


@router.get("/decisions/{decision_id}", responses={**documented(404), 200: {"model": Decision | ErasedDecision}})
async def get_decision(request: Request, caller: Reader, decision_id: str) -> JSONResponse:
    """Return a decision with all that is needed to say why and what became of its sources, or what an erasure left."""
    decision = await seen_decision(request, caller, decision_id)
    async with parts_of(request).store.read(caller.tenant) as work:
        gone = await tombstones_of(work, decision)
    return answer({**dump(decision), "tombstones": [dump(one) for one in gone]})


@router.get(
    "/decisions/{decision_id}/export",
    response_class=Response,
    responses={**documented(404), 200: {"content": {form.media_type: {} for form in ExportFormat}}},
)
async def export_decision(
    request: Request, caller: Reader, decision_id: str, form: Annotated[ExportFormat, Query(alias="format")]
) -> Response:
    """Return what was suggested as a file with the AI label and the AIGC metadata."""
    decision = await seen_decision(request, caller, decision_id)
    if isinstance(decision, ErasedDecision):
        raise NotFoundError("store.no_decision")
    content = await asyncio.to_thread(export, decision.envelope, form, lang=language_of(request))
    kept_as = {"content-disposition": f'attachment; filename="{decision.decision_id}.{form.value}"'}
    return Response(content, media_type=form.media_type, headers=kept_as)


@router.post("/decisions/{decision_id}/feedback", status_code=204, responses=documented(400, 404, 409))
async def add_feedback(request: Request, caller: Rep, decision_id: str, body: FeedbackBody) -> None:
    """Say what a human did with a suggestion: accept, edit, reject or challenge."""
    store = parts_of(request).store
    await seen_decision(request, caller, decision_id)
    named = body.by if caller.role in (Role.ADMIN, Role.INTEGRATION) else None  # others speak for themselves
    feedback = Feedback(
        action=body.action,
        by=named or caller.rep_id or caller.principal,
        at=store.clock(),
        suggestion_id=body.suggestion_id,
        text=body.text,
    )
    data = {"decision_id": decision_id, "suggestion_id": body.suggestion_id, "action": body.action.value}
    async with store.begin(caller.tenant) as work:
        await work.decisions.add_feedback(decision_id, feedback)
        await work.webhooks.emit(WebhookEvent.DECISION_FEEDBACK, data)


@router.get("/audit/verify", responses={**documented(), 200: {"model": ChainVerdict}})
async def verify(request: Request, caller: Reader, payloads: bool = True) -> JSONResponse:
    """Check the tenant's whole decision chain."""
    async with parts_of(request).store.read(caller.tenant) as work:
        return answer(dump(await work.decisions.verify(payloads=payloads)))


@router.get("/trust/metrics", responses=documented(), response_model=dict[str, Any])
async def trust_metrics(request: Request, caller: Reader) -> JSONResponse:
    """Return 可追溯率, 质疑率 and 修正采纳率 with what each is divided by."""
    async with parts_of(request).store.read(caller.tenant) as work:
        metrics = await work.trust.metrics()
    shares = {
        "traceability": (metrics.traceability, "suggestions made; counted: all citations still resolve"),
        "challenge": (metrics.challenge, "suggestions made; counted: challenged"),
        "correction": (metrics.correction, "suggestions accepted or edited; counted: edited"),
    }
    counts = {"decisions": metrics.decisions, "abstentions": metrics.abstentions, "suggestions": metrics.suggestions}
    return answer({**counts, **{name: _share(*share) for name, share in shares.items()}})


async def seen_decision(request: Request, caller: Caller, decision_id: str) -> Decision | ErasedDecision:
    """Return a decision that the caller may see; nobody's is everybody's."""
    missing = NotFoundError("store.no_decision")
    async with parts_of(request).store.read(caller.tenant) as work:
        decision = await work.decisions.get(decision_id)
        if decision is None:
            raise missing
        rep_id = await work.decisions.rep_of(decision_id)
        seen = rep_id is None or await sees(work, caller, rep_id=rep_id, object_kind="decision", object_id=decision_id)
        decision = await shown_decision(work, caller, decision)
    await refuse_unseen(request, caller, seen=seen, missing=missing, object_kind="decision", object_id=decision_id)
    return decision


def _share(share: Share, denominator: str) -> dict[str, Any]:
    return {
        "value": share.value,
        "numerator": share.numerator,
        "denominator": share.denominator,
        "divided_by": denominator,
    }


def _summary(summary: DecisionSummary) -> dict[str, Any]:
    document: dict[str, Any] = dump(summary)
    return document


def _index(place: str) -> int:
    if not place.isdecimal():
        raise InputError("api.bad_cursor")
    return int(place)
