"""Chat accounts in the console: who is bound where, and a one-time code for who is not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request, Response

from api.console.answers import page
from api.console.signed import SignedIn, User_, UserForm, frame_of
from api.parts import parts_of
from api.rights import visible_reps
from domain.errors import NotFoundError
from store.chat_people import CODE_LIFE
from store.people import Rep
from store.work import Work

router = APIRouter(prefix="/console/chats", include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A code that binds whoever sends it first to a rep; it is shown once and kept only as a hash."""

    rep: Rep
    code: str
    until: datetime


@router.get("")
async def list_chats(request: Request, who: User_) -> Response:
    """Show the reps whose work this person sees, and where each can be reached."""
    return await _page(request, who, made=None)


@router.post("/{rep_id}/code")
async def make_code(request: Request, who: UserForm, rep_id: str) -> Response:
    """Make a code for a rep whose work this person sees, and show it this once."""
    store = parts_of(request).store
    async with store.begin(who.caller.tenant) as work:
        reps = {rep.rep_id: rep for rep in await _reps(work, who)}
        if rep_id not in reps:
            raise NotFoundError("store.no_rep")
        code = await work.chat_people.invite(rep_id)
    return await _page(request, who, made=Invitation(rep=reps[rep_id], code=code, until=store.clock() + CODE_LIFE))


async def _page(request: Request, who: SignedIn, *, made: Invitation | None) -> Response:
    async with parts_of(request).store.read(who.caller.tenant) as work:
        reps = [(rep, await work.chat_people.bindings_of(rep.rep_id)) for rep in await _reps(work, who)]
    return page("chats", frame_of(request, who, section="chats"), reps=reps, made=made)


async def _reps(work: Work, who: SignedIn) -> list[Rep]:
    visible = await visible_reps(work, who.caller)
    return [rep for rep in await work.people.reps() if visible is None or rep.rep_id in visible]
