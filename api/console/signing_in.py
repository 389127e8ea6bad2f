"""Signing in and out, and the choice of language."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated

import structlog
from fastapi import APIRouter, Form, Query, Request, Response

from api.console.answers import go_to, inside, page
from api.console.signed import LANGUAGE_COOKIE, UserForm, frame_of, keep_cookie, lang_of, set_session
from api.errors import RefusedError
from api.parts import parts_of
from console.pages import stylesheet
from domain.errors import SignatureError
from domain.messages import text
from store.access import AccessEvent
from store.passwords import is_password
from store.users import LOCKED_FOR, MOST_FAILURES, User
from store.work import Store

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/console", include_in_schema=False)

_FORM_COOKIE = "zq_form"
_FORM_PURPOSE = "console sign-in"
_FORM_FOR_S = 3600
_YEAR_S = 365 * 24 * 3600
Name = Annotated[str, Form(max_length=200)]


@router.get("")
@router.get("/")
async def start() -> Response:
    """Go to the calls."""
    return go_to("/console/calls")


@router.get("/style-{name}.css")
async def style(name: str) -> Response:
    """Return the stylesheet; its address changes with its content."""
    css, _ = stylesheet()
    return Response(css, media_type="text/css", headers={"cache-control": "public, max-age=31536000, immutable"})


@router.get("/language/{lang}")
async def choose_language(request: Request, lang: str, back: str = "/console/") -> Response:
    """Remember a language and go back."""
    answered = go_to(inside(back))
    keep_cookie(request, answered, LANGUAGE_COOKIE, "en" if lang == "en" else "zh", max_age_s=_YEAR_S)
    return answered


@router.get("/login")
async def sign_in_page(
    request: Request,
    back: Annotated[str, Query(max_length=500)] = "/console/",
    tenant: Annotated[str, Query(max_length=64)] = "default",
) -> Response:
    """Show the sign-in form."""
    return sign_in_form(request, back=back, tenant=tenant)


@router.post("/login")
async def sign_in(
    request: Request,
    login: Name,
    password: Annotated[str, Form(max_length=1000)],
    tenant: Name = "default",
    back: Annotated[str, Form(max_length=500)] = "/console/",
    csrf: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Open a session for the right password; a wrong one says no more than that."""
    await _slow_down(request)
    lang = lang_of(request)
    if not _is_own_form(request, csrf):
        fault = text("console.stale_form", lang)
        return sign_in_form(request, back=back, tenant=tenant, login=login, fault=fault, http_status=400)
    store = parts_of(request).store
    user = await _known(store, tenant, login)
    right = await asyncio.to_thread(is_password, password, user.password_hash if user else None)
    if user is None or not right or not user.may_sign_in_at(store.clock()):
        await _note_failure(store, user, wrong=not right)
        minutes = int(LOCKED_FOR.total_seconds() // 60)
        fault = text("console.wrong_login", lang, failures=MOST_FAILURES, minutes=minutes)
        return sign_in_form(request, back=back, tenant=tenant, login=login, fault=fault, http_status=401)
    return await open_session(request, user, back=back)


@router.post("/logout")
async def sign_out(request: Request, who: UserForm) -> Response:
    """End the session."""
    async with parts_of(request).store.begin(who.caller.tenant) as work:
        await work.users.sign_out(who.session.session_id)
    answered = go_to("/console/login")
    set_session(request, answered, "")
    return answered


async def open_session(request: Request, user: User, *, back: str) -> Response:
    """Sign a user in and send them where they wanted to go; a session of before is not taken over."""
    async with parts_of(request).store.begin(user.tenant) as work:
        token = await work.users.sign_in(user.user_id)
    log.info("user.signed_in", user_id=user.user_id)
    answered = go_to(inside(back))
    set_session(request, answered, token)
    keep_cookie(request, answered, _FORM_COOKIE, "", max_age_s=0)
    return answered


def sign_in_form(
    request: Request, *, back: str, tenant: str = "default", login: str = "", fault: str = "", http_status: int = 200
) -> Response:
    """Return the form, bound to a cookie that only this browser has."""
    parts = parts_of(request)
    nonce = request.cookies.get(_FORM_COOKIE) or secrets.token_urlsafe(16)
    csrf = parts.sealer.sign(nonce.encode(), purpose=_FORM_PURPOSE)
    oidc = parts.console.oidc.name if parts.console.oidc else ""
    frame = frame_of(request, None, csrf=csrf)
    content = {"back": inside(back), "tenant": tenant, "login": login, "fault": fault, "oidc": oidc}
    answered = page("login", frame, http_status=http_status, **content)
    keep_cookie(request, answered, _FORM_COOKIE, nonce, max_age_s=_FORM_FOR_S)
    return answered


def _is_own_form(request: Request, csrf: str) -> bool:
    try:
        nonce = parts_of(request).sealer.verify(csrf, purpose=_FORM_PURPOSE)
    except SignatureError:
        return False
    return nonce == request.cookies.get(_FORM_COOKIE, "").encode()


async def _slow_down(request: Request) -> None:
    """Count attempts by address, so that nobody can try many accounts quickly."""
    address = request.client.host if request.client else ""
    allowance = await request.app.state.sign_ins.take(f"sign-in {address}")
    if not allowance.allowed:
        wait_s = max(1, round(allowance.retry_after_s))
        raise RefusedError("api.too_many_requests", headers={"retry-after": str(wait_s)}, seconds=wait_s)


async def _known(store: Store, tenant: str, login: str) -> User | None:
    async with store.read(tenant) as work:
        return await work.users.by_login(login)


async def _note_failure(store: Store, user: User | None, *, wrong: bool) -> None:
    """Count a wrong password against its account, and log the refusal; an unknown login leaves no row."""
    if user is None:
        log.warning("user.refused", why="unknown_login")
        return
    why = "wrong_password" if wrong else "locked_or_disabled"
    async with store.begin(user.tenant) as work:
        if wrong and user.may_sign_in_at(store.clock()):
            await work.users.note_failure(user.user_id)
        principal = f"user:{user.user_id}"
        event = AccessEvent(
            principal=principal, action="POST /console/login", object_kind="", object_id="", allowed=False, why=why
        )
        await work.access.note(event)
    log.warning("user.refused", why=why, user_id=user.user_id)
