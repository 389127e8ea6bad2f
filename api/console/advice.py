"""What the AI said, why, and where each sentence comes from."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.console.answers import page
from api.console.signed import User_, frame_of
from api.fields import shown_source
from api.pages import Cursors
from api.parts import parts_of
from api.rights import refuse_unseen, sees, sees_source, visible_reps
from api.sharing import shown_decision
from domain.errors import InputError, NotFoundError
from domain.suggestions import Decision, ErasedDecision

router = APIRouter(prefix="/console", include_in_schema=False)

PAGE = 30
Trail = list[tuple[str, str]]


@router.get("/decisions")
async def list_decisions(
    request: Request, who: User_, cursor: Annotated[str | None, Query(max_length=2000)] = None
) -> Response:
    """Show what the AI said, newest first."""
    cursors = Cursors(request, who.caller)
    place = cursors.read(cursor)
    if place and not place[0].isdecimal():
        raise InputError("api.bad_cursor")
    async with parts_of(request).store.read(who.caller.tenant) as work:
        found = await work.decisions.page(
            limit=PAGE + 1,
            before=int(place[0]) if place else None,
            rep_ids=await visible_reps(work, who.caller),
        )
    shown = cursors.page(found, PAGE, place=lambda each: (str(each.index),), show=lambda each: each)
    frame = frame_of(request, who, section="decisions")
    return page("decisions", frame, decisions=shown["data"], next=shown["next_cursor"])


@router.get("/decisions/{decision_id}")
async def show_decision(request: Request, who: User_, decision_id: str) -> Response:
    """Show one suggestion, sentence by sentence with its sources, and how it came about."""
    missing = NotFoundError("store.no_decision")
    async with parts_of(request).store.read(who.caller.tenant) as work:
        decision = await work.decisions.get(decision_id)
        if decision is None:
            raise missing
        rep_id = await work.decisions.rep_of(decision_id)
        seen = rep_id is None or await sees(
            work, who.caller, rep_id=rep_id, object_kind="decision", object_id=decision_id
        )
        decision = await shown_decision(work, who.caller, decision)
    await refuse_unseen(request, who.caller, seen=seen, missing=missing, object_kind="decision", object_id=decision_id)
    envelope = None if isinstance(decision, ErasedDecision) else decision.envelope
    return page(
        "decision",
        frame_of(request, who, section="decisions"),
        decision_id=decision_id,
        kind=envelope.kind.value if envelope else "erasure",
        envelope=envelope,
        trail=_trail(decision),
    )


@router.get("/sources")
async def show_source(
    request: Request,
    who: User_,
    id: Annotated[str, Query(max_length=600)],  # as the address has it
    version: Annotated[int | None, Query(ge=1, lt=2**31)] = None,
    start: Annotated[int, Query(ge=0)] = 0,
    end: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """Show a source's text with the quoted words marked."""
    missing = NotFoundError("store.no_source", source_id=id)
    async with parts_of(request).store.read(who.caller.tenant) as work:
        source = await work.sources.get(id, version)
        if source is None:
            raise missing
        seen = await sees_source(work, who.caller, source)
        source = await shown_source(work, who.caller, source)
    await refuse_unseen(request, who.caller, seen=seen, missing=missing, object_kind="source", object_id=id)
    frame = frame_of(request, who, section="decisions")
    return page("source", frame, source=source, start=start, end=max(start, end))


def _trail(decision: Decision | ErasedDecision) -> Trail:
    """How a decision came about, as name and text; an erased one has its receipt and its place only."""
    chain = decision.chain
    place: Trail = [("chain", f"#{chain.index} · {chain.hash}")] if chain else []
    if isinstance(decision, ErasedDecision):
        return [("receipt", decision.receipt), *place]
    passed = sum(check.passed for check in decision.checks)
    feedback = "、".join(f"{each.action.value} · {each.by}" for each in decision.feedback)
    return [
        ("sources", str(len(decision.inputs))),
        ("checks", f"{passed} / {len(decision.checks)}"),
        ("prompt", f"{decision.prompt.name} {decision.prompt.version}"),
        ("feedback", feedback or "—"),
        *place,
    ]
