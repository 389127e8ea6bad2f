"""Coaching over many calls: a rep's radar, a team's board, drills, and comments on moments."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import Field, model_validator

from agent.drill_documents import drill_document
from agent.drills import MOST_TEXT, DrillOrder, DrillStep
from agent.team_calls import calls_of
from api.callers import SECURED, Caller, Reader, Rep
from api.documents import Body, Identifier, answer, location
from api.errors import documented
from api.idempotency import IdempotentRoute
from api.parts import drills_of, parts_of
from api.rights import refuse_unseen, sees, visible_reps
from coaching.anchors import Anchored, anchor
from coaching.attribution import compare
from coaching.digest import build_digest
from coaching.radar import build_radar, plan_drills
from coaching.team_page import radar_document, render_team, team_document
from domain.conversation import Transcript
from domain.errors import InputError, NotFoundError
from domain.signals import Moment
from domain.sources import SourceKind, safe_part
from store.comments import Comment
from wire.documents import dump

router = APIRouter(prefix="/v1", tags=["coaching"], dependencies=SECURED, route_class=IdempotentRoute)

Days = Annotated[int, Query(ge=1, le=3650, description="How far back.")]
Name = Annotated[str, Path(max_length=200)]
HighConverters = Annotated[
    tuple[str, ...], Query(max_length=100, description="Reps who convert well, to be compared with the rest.")
]


class DrillBody(Body):
    """What to practise; with nothing named, the rep's own latest lost moment, else a published case."""

    conversation_id: Identifier | None = None
    turn_id: Identifier | None = Field(default=None, description="A customer's turn of the conversation to begin with.")
    case_id: Identifier | None = None
    rep_id: Identifier | None = Field(default=None, description="Who practises; a rep's own key makes it the rep.")


class DrillTurnBody(Body):
    """What the rep says."""

    text: str = Field(min_length=1, max_length=MOST_TEXT, examples=["您现在最担心的是哪一块？"])


class CommentBody(Body):
    """A comment on a moment."""

    text: str = Field(min_length=1, max_length=5000)
    quote: str = Field(default="", max_length=2000, description="The words it is about; the whole turn when absent.")
    start_ms: int | None = Field(default=None, ge=0, le=2**31 - 1)
    end_ms: int | None = Field(default=None, ge=0, le=2**31 - 1)

    @model_validator(mode="after")
    def _times_are_in_order(self) -> CommentBody:
        if (self.start_ms is None) != (self.end_ms is None) or (self.start_ms or 0) > (self.end_ms or 0):
            raise ValueError("start_ms and end_ms come together and in order")
        return self


@router.get("/reps/{rep_id}/radar", response_model=dict[str, Any], responses=documented(404))
async def get_radar(request: Request, caller: Reader, rep_id: Name, days: Days = 90) -> JSONResponse:
    """Return a rep's abilities over many conversations, what is weak, and what to drill next."""
    store = parts_of(request).store
    async with store.read(caller.tenant) as work:
        seen = await sees(work, caller, rep_id=rep_id, object_kind="rep", object_id=rep_id)
        known = await work.people.rep(rep_id)
    missing = NotFoundError("store.no_rep")
    await refuse_unseen(request, caller, seen=seen, missing=missing, object_kind="rep", object_id=rep_id)
    (calls,) = await calls_of(store, caller.tenant, [rep_id], since=store.clock() - timedelta(days=days))
    if known is None and not calls.reports:
        raise missing
    cards = calls.scorecards
    return answer(radar_document(rep_id, build_radar(cards), plan_drills(cards), calls=len(calls.reports)))


@router.get("/teams/{team_id}/board", response_class=Response, responses=documented(404))
async def get_board(
    request: Request, caller: Reader, team_id: Name, days: Days = 30, high: HighConverters = ()
) -> Response:
    """Return who needs help, which customers hesitate, and 15 minutes of coaching; a page for `Accept: text/html`.

    With `high` also what those reps do differently from the rest of the team, with effect sizes.
    """
    store = parts_of(request).store
    async with store.read(caller.tenant) as work:
        reps = await work.people.reps_of(team_id)
        visible = await visible_reps(work, caller)
    whole = bool(reps) and (visible is None or all(rep.rep_id in visible for rep in reps))
    missing = NotFoundError("api.no_team")
    await refuse_unseen(request, caller, seen=whole, missing=missing, object_kind="team", object_id=team_id)
    since = store.clock() - timedelta(days=days)
    calls = await calls_of(store, caller.tenant, [rep.rep_id for rep in reps], since=since)
    digest, differences = await asyncio.to_thread(lambda: (build_digest(calls), compare(calls, high)))
    names = {rep.rep_id: rep.name for rep in reps}
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(render_team(digest, names=names, differences=differences if high else None))
    return answer({"team_id": team_id, "names": names, **team_document(digest, differences)})


@router.post("/drills", status_code=201, response_model=dict[str, Any], responses=documented(400, 404, 409))
async def open_drill(request: Request, caller: Rep, body: DrillBody) -> JSONResponse:
    """Begin a role play with a customer played by AI; its first line comes with the answer."""
    if body.conversation_id is not None:
        await _seen_conversation(request, caller, body.conversation_id)
    order = DrillOrder(
        rep_id=caller.rep_id or body.rep_id,
        conversation_id=body.conversation_id,
        turn_id=body.turn_id,
        case_id=body.case_id,
    )
    step = await (await drills_of(request)).open(caller.tenant, order)
    return answer(drill_document(step), status=201, headers={"location": location("drills", step.drill.id)})


@router.get("/drills/{drill_id}", response_model=dict[str, Any], responses=documented(404))
async def get_drill(request: Request, caller: Reader, drill_id: Name) -> JSONResponse:
    """Return a drill as it stands, with its debrief once it is over."""
    return answer(drill_document(await _seen_drill(request, caller, drill_id)))


@router.post("/drills/{drill_id}/turns", response_model=dict[str, Any], responses=documented(400, 404, 409))
async def say_in_drill(request: Request, caller: Rep, drill_id: Name, body: DrillTurnBody) -> JSONResponse:
    """Say something; the answer holds the customer's line, and the debrief when this ends the drill."""
    await _seen_drill(request, caller, drill_id)
    return answer(drill_document(await (await drills_of(request)).say(caller.tenant, drill_id, body.text)))


@router.post(
    "/moments/{moment_id}/comments",
    status_code=201,
    response_model=dict[str, Any],
    responses=documented(400, 404, 409),
)
async def add_comment(request: Request, caller: Rep, moment_id: Name, body: CommentBody) -> JSONResponse:
    """Comment on a moment; its id is the turn's source id, `turn:<conversation>:<turn>`."""
    transcript, turn_id = await _moment(request, caller, moment_id)
    turn = transcript.turn(turn_id)
    if body.quote and body.quote not in turn.text:
        raise InputError("api.quote_not_there")
    times = (body.start_ms, body.end_ms) if body.start_ms is not None else (turn.start_ms, turn.end_ms)
    moment = Moment(turn_id=turn_id, start_ms=times[0], end_ms=times[1], quote=body.quote or turn.text)
    async with parts_of(request).store.begin(caller.tenant) as work:
        by = caller.rep_id or caller.principal
        comment = await work.comments.add(transcript.id, moment, by=by, text=body.text)
    return answer(_comment_document(comment, anchor(moment, transcript)), status=201)


@router.get("/moments/{moment_id}/comments", response_model=dict[str, Any], responses=documented(404))
async def list_comments(request: Request, caller: Reader, moment_id: Name) -> JSONResponse:
    """Return the comments on a turn, found again by time and quote where the conversation was heard anew."""
    transcript, turn_id = await _moment(request, caller, moment_id)
    found = await _comments(request, caller, transcript)
    return answer({"data": [each for each in found if each["moment"]["turn_id"] == turn_id]})


@router.get("/conversations/{conversation_id}/comments", response_model=dict[str, Any], responses=documented(404))
async def list_all_comments(request: Request, caller: Reader, conversation_id: Name) -> JSONResponse:
    """Return every comment on a conversation, oldest first, each where it belongs now."""
    transcript = await _seen_conversation(request, caller, conversation_id)
    return answer({"data": await _comments(request, caller, transcript)})


async def _comments(request: Request, caller: Caller, transcript: Transcript) -> list[dict[str, Any]]:
    async with parts_of(request).store.read(caller.tenant) as work:
        comments = await work.comments.of(transcript.id)
    return [_comment_document(comment, anchor(comment.moment, transcript)) for comment in comments]


def _comment_document(comment: Comment, anchored: Anchored) -> dict[str, Any]:
    return {
        "id": comment.comment_id,
        "conversation_id": comment.conversation_id,
        "moment": dump(anchored.moment),
        "anchored": anchored.how.value,
        "by": comment.by,
        "text": comment.text,
        "at": comment.at.isoformat(),
    }


async def _moment(request: Request, caller: Caller, moment_id: str) -> tuple[Transcript, str]:
    """Return the conversation and the turn that a moment's id names."""
    missing = NotFoundError("api.no_moment")
    kind, _, rest = moment_id.partition(":")
    part, _, turn_part = rest.partition(":")
    async with parts_of(request).store.read(caller.tenant) as work:
        summary = await work.conversations.by_source_part(part) if kind == SourceKind.TURN else None
    if summary is None:
        raise missing
    transcript = await _seen_conversation(request, caller, summary.conversation_id)
    turn = next((turn for turn in transcript.turns if safe_part(turn.id) == turn_part), None)
    if turn is None:
        raise missing
    return transcript, turn.id


async def _seen_conversation(request: Request, caller: Caller, conversation_id: str) -> Transcript:
    missing = NotFoundError("store.no_conversation")
    async with parts_of(request).store.read(caller.tenant) as work:
        transcript = await work.conversations.get(conversation_id)
        seen = transcript is None or await sees(
            work, caller, rep_id=transcript.rep_id, object_kind="conversation", object_id=conversation_id
        )
    await refuse_unseen(
        request, caller, seen=seen, missing=missing, object_kind="conversation", object_id=conversation_id
    )
    if transcript is None:
        raise missing
    return transcript


async def _seen_drill(request: Request, caller: Caller, drill_id: str) -> DrillStep:
    step = await (await drills_of(request)).at(caller.tenant, drill_id)
    async with parts_of(request).store.read(caller.tenant) as work:
        seen = step.rep_id is None or await sees(
            work, caller, rep_id=step.rep_id, object_kind="drill", object_id=drill_id
        )
    missing = NotFoundError("store.no_drill")
    await refuse_unseen(request, caller, seen=seen, missing=missing, object_kind="drill", object_id=drill_id)
    return step
