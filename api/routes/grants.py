"""Time-boxed grants: a rep sees one thing of a colleague's for as long as somebody answerable allows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from api.callers import SECURED, Caller, Reader, Writer, note_refusal
from api.documents import Body, Identifier, InstantBody, answer
from api.errors import documented
from api.fields import viewer_of
from api.idempotency import IdempotentRoute
from api.parts import parts_of
from api.rights import refuse_unseen, sees
from domain.errors import DeniedError, InputError, NotFoundError
from store.access import AccessEvent, Grant
from store.keys import Role
from store.work import Work
from wire.documents import dump

router = APIRouter(prefix="/v1/grants", tags=["access"], dependencies=SECURED, route_class=IdempotentRoute)

LONGEST = timedelta(days=30)
MOST = 200


class GrantBody(Body):
    """Who may see what until when, and why."""

    rep_id: Identifier
    object_kind: Literal["call", "conversation", "decision", "account", "deal"]
    object_id: Identifier
    ends_at: InstantBody
    why: str = Field(min_length=1, max_length=500, examples=["代班一周"])


@router.post("", status_code=201, responses=documented(400, 404, 409), response_model=dict[str, Any])
async def give(request: Request, caller: Writer, body: GrantBody) -> JSONResponse:
    """Let a rep see one thing for a while; for managers (of their team's things) and administrators."""
    await _refuse_reps(request, caller)
    store = parts_of(request).store
    if not store.clock() < body.ends_at <= store.clock() + LONGEST:
        raise InputError("api.grant_too_long", days=LONGEST.days)
    missing = NotFoundError("api.no_such_object")
    kind, object_id = body.object_kind, body.object_id
    async with store.read(caller.tenant) as work:
        seen = await _is_theirs(work, caller, kind, object_id)
    await refuse_unseen(request, caller, seen=seen, missing=missing, object_kind=kind, object_id=object_id)
    async with store.begin(caller.tenant) as work:
        grant = await work.access.grant(
            body.rep_id,
            object_kind=kind,
            object_id=object_id,
            ends_at=body.ends_at,
            granted_by=caller.principal,
            why=body.why,
        )
        await _note(work, caller, grant, "grant.given")
    return answer(dump(grant), status=201)


@router.get("", responses=documented(), response_model=dict[str, Any])
async def list_grants(request: Request, caller: Reader) -> JSONResponse:
    """List the grants that still run; a rep sees their own."""
    async with parts_of(request).store.read(caller.tenant) as work:
        grants = await work.access.grants(limit=MOST)
    own = caller.rep_id if caller.role is Role.REP else None
    return answer({"data": [dump(grant) for grant in grants if caller.role is not Role.REP or grant.rep_id == own]})


@router.delete("/{grant_id}", responses=documented(404), response_model=dict[str, Any])
async def end(request: Request, caller: Writer, grant_id: str) -> JSONResponse:
    """End a grant before its time."""
    await _refuse_reps(request, caller)
    async with parts_of(request).store.begin(caller.tenant) as work:
        grant = await work.access.end_grant(grant_id)
        await _note(work, caller, grant, "grant.ended")
    return answer(dump(grant))


async def _refuse_reps(request: Request, caller: Caller) -> None:
    if caller.role is Role.REP:
        await note_refusal(request, caller, why="not_your_role")
        raise DeniedError("api.not_your_role")


async def _is_theirs(work: Work, caller: Caller, kind: str, object_id: str) -> bool:
    """Whether a thing is there and the caller's own to show to others."""
    if kind in ("account", "deal"):
        record = await (work.accounts if kind == "account" else work.deals).get(object_id)
        return record is not None and (await viewer_of(work, caller)).sees_whole(object_id, record.owner)
    owner = await _owner(work, kind, object_id)
    return owner is not None and await sees(work, caller, rep_id=owner or None, object_kind=kind, object_id=object_id)


async def _owner(work: Work, kind: str, object_id: str) -> str | None:
    """Return whose a call, conversation or decision is: empty for nobody's, None when there is none."""
    if kind == "call":
        call = await work.calls.get(object_id)
        return None if call is None else call.details.rep_id or ""
    if kind == "conversation":
        summary = await work.conversations.summary(object_id)
        return None if summary is None else summary.rep_id or ""
    there = await work.decisions.get(object_id)
    return None if there is None else await work.decisions.rep_of(object_id) or ""


async def _note(work: Work, caller: Caller, grant: Grant, what: str) -> None:
    event = AccessEvent(
        principal=caller.principal,
        action=what,
        object_kind=grant.object_kind,
        object_id=grant.object_id,
        allowed=True,
        why=grant.grant_id,
    )
    await work.access.note(event)
