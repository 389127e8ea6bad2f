"""Trust figures, API keys and users in the console."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from api.console.answers import go_to, page
from api.console.signed import Admin_, AdminForm, SignedIn, User_, frame_of
from api.parts import parts_of
from domain.errors import InputError, NotFoundError
from store.access import AccessEvent
from store.keys import ApiScope, NewKey, Role
from store.work import Work

router = APIRouter(prefix="/console", include_in_schema=False)

OVERLAP = timedelta(hours=24)
REFUSALS = 20


@router.get("/trust")
async def show_trust(request: Request, who: User_) -> Response:
    """Show how far the AI can be trusted, whether the chain holds and, to administrators, who was refused."""
    async with parts_of(request).store.read(who.caller.tenant) as work:
        metrics = await work.trust.metrics()
        verdict = await work.decisions.verify()
        refusals = await _refusals(work, who)
    shares = [(name, getattr(metrics, name)) for name in ("traceability", "challenge", "correction")]
    frame = frame_of(request, who, section="trust")
    return page("trust", frame, metrics=metrics, shares=shares, verdict=verdict, refusals=refusals)


@router.get("/keys")
async def list_keys(request: Request, who: Admin_) -> Response:
    """Show the API keys."""
    return await _keys_page(request, who, made=None)


@router.post("/keys")
async def make_key(
    request: Request,
    who: AdminForm,
    name: Annotated[str, Form(min_length=1, max_length=200)],
    role: Annotated[Role, Form()],
    scopes: Annotated[list[ApiScope], Form()],
    rep_id: Annotated[str, Form(max_length=200)] = "",
    days: Annotated[str, Form(pattern=r"^\d{0,4}$")] = "",
) -> Response:
    """Make a key and show its secret this once."""
    store = parts_of(request).store
    expires_at = store.clock() + timedelta(days=int(days)) if days else None
    async with store.begin(who.caller.tenant) as work:
        made = await work.api_keys.create(
            name, role=role, scopes=frozenset(scopes), rep_id=rep_id.strip() or None, expires_at=expires_at
        )
    return await _keys_page(request, who, made=made)


@router.post("/keys/{key_id}/revoke")
async def revoke_key(request: Request, who: AdminForm, key_id: str) -> Response:
    """Make a key worthless from the next request on."""
    async with parts_of(request).store.begin(who.caller.tenant) as work:
        await work.api_keys.revoke(key_id)
    return go_to("/console/keys")


@router.post("/keys/{key_id}/rotate")
async def rotate_key(request: Request, who: AdminForm, key_id: str) -> Response:
    """Make a key with the same rights and show it; the old one goes on for a day."""
    async with parts_of(request).store.begin(who.caller.tenant) as work:
        made = await work.api_keys.rotate(key_id, overlap=OVERLAP)
    return await _keys_page(request, who, made=made)


@router.get("/users")
async def list_users(request: Request, who: Admin_) -> Response:
    """Show who may sign in."""
    store = parts_of(request).store
    async with store.read(who.caller.tenant) as work:
        users = await work.users.all()
    frame = frame_of(request, who, section="users")
    return page("users", frame, users=users, now=store.clock(), me=who.user.user_id)


@router.post("/users/{user_id}/{change}")
async def change_user(request: Request, who: AdminForm, user_id: str, change: str) -> Response:
    """Keep somebody from signing in, or let them again; nobody locks themselves out."""
    if change not in ("disable", "enable"):
        raise NotFoundError("api.no_route")
    if user_id == who.user.user_id:
        raise InputError("api.not_yourself")
    async with parts_of(request).store.begin(who.caller.tenant) as work:
        await work.users.existing(user_id)
        await (work.users.disable if change == "disable" else work.users.enable)(user_id)
    return go_to("/console/users")


async def _keys_page(request: Request, who: SignedIn, *, made: NewKey | None) -> Response:
    async with parts_of(request).store.read(who.caller.tenant) as work:
        keys = await work.api_keys.all()
    return page(
        "keys",
        frame_of(request, who, section="keys"),
        keys=list(reversed(keys)),
        made=made,
        roles=[Role.INTEGRATION.value, Role.REP.value, Role.MANAGER.value, Role.ADMIN.value],
        scopes=[scope.value for scope in ApiScope],
    )


async def _refusals(work: Work, who: SignedIn) -> list[AccessEvent] | None:
    if ApiScope.ADMIN not in who.caller.scopes:
        return None
    return await work.access.log(limit=REFUSALS, allowed=False)
