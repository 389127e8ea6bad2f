"""The team in the console: who needs help, which customers hesitate, and 15 minutes of coaching."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from agent.team_calls import calls_of, reps_heard
from api.console.answers import page, report_page
from api.console.calls import heard_at
from api.console.signed import SignedIn, User_, frame_of
from api.parts import parts_of
from api.rights import visible_reps
from coaching.attribution import compare
from coaching.digest import build_digest
from coaching.team_page import render_team

router = APIRouter(prefix="/console/team", include_in_schema=False)

PERIODS = (7, 30, 90)
Days = Annotated[int, Query(ge=1, le=3650)]
High = Annotated[tuple[str, ...], Query(max_length=100, description="Reps who convert well.")]


@router.get("")
async def show_team(request: Request, who: User_, days: Days = 30, high: High = ()) -> Response:
    """Show the digest of the last days within the console's frame; who converts well can be picked to compare."""
    reps = await _reps(request, who)
    names = await _names(request, who, reps)
    picked = [rep_id for rep_id in reps if rep_id in high]
    shown: dict[str, Any] = {
        "days": days,
        "periods": PERIODS,
        "heard": bool(reps),
        "reps": [(rep_id, names.get(rep_id) or rep_id) for rep_id in reps],
        "high": picked,
        "query": urlencode([("days", days), *(("high", rep_id) for rep_id in picked)]),
    }
    return page("team", frame_of(request, who, section="team"), **shown)


@router.get("/digest")
async def show_digest(request: Request, who: User_, days: Days = 30, high: High = ()) -> Response:
    """Return the digest's own page, of those reps whose calls this person may see."""
    store = parts_of(request).store
    reps = await _reps(request, who)
    calls = await calls_of(store, who.caller.tenant, reps, since=store.clock() - timedelta(days=days))
    digest, differences = await asyncio.to_thread(lambda: (build_digest(calls), compare(calls, high)))
    names = await _names(request, who, reps)
    lang = frame_of(request, who).lang
    asked = differences if high else None
    shown = partial(render_team, digest, names=names, differences=asked, lang=lang, listen=heard_at)
    return report_page(await asyncio.to_thread(shown))


async def _reps(request: Request, who: SignedIn) -> Sequence[str]:
    """The reps with a conversation on record whose work this person sees."""
    store = parts_of(request).store
    heard = await reps_heard(store, who.caller.tenant)
    async with store.read(who.caller.tenant) as work:
        visible = await visible_reps(work, who.caller)
    return heard if visible is None else [rep_id for rep_id in heard if rep_id in visible]


async def _names(request: Request, who: SignedIn, rep_ids: Sequence[str]) -> dict[str, str]:
    async with parts_of(request).store.read(who.caller.tenant) as work:
        found = [await work.people.rep(rep_id) for rep_id in rep_ids]
    return {rep.rep_id: rep.name for rep in found if rep}
