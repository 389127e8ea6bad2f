"""Who is signed in: the session cookie, the token that every form carries, and what a user may do.

A session's token is random and kept only as a hash. Forms carry the session's id under our signature,
which another site can neither read nor make; beside it the cookie is not sent with foreign posts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import Depends, Form, Request, Response

from api.callers import Caller, note_refusal
from api.errors import RefusedError, language_of
from api.parts import parts_of
from console.pages import Frame
from domain.errors import DeniedError, SignatureError
from store.keys import SCOPES_OF_ROLE, ApiScope
from store.users import SESSION_FOR, User, UserSession, find_session

COOKIE = "zq_session"
LANGUAGE_COOKIE = "zq_lang"
PATH = "/console"
_PURPOSE = "console form"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A signed-in user with their session."""

    session: UserSession
    caller: Caller

    @property
    def user(self) -> User:
        """Who it is."""
        return self.session.user


async def signed_in(request: Request) -> SignedIn:
    """Return who is signed in.

    Raises:
        RefusedError: `api.not_signed_in`: no session, or one that has ended; answered with the sign-in page.
    """
    store = parts_of(request).store
    token = request.cookies.get(COOKIE, "")
    session = None
    if token:
        async with store.across_tenants(writes=False) as transaction:
            session = await find_session(transaction, token, store.clock())
    if session is None:
        raise RefusedError("api.not_signed_in")
    caller = caller_of(session.user)
    structlog.contextvars.bind_contextvars(tenant_id=caller.tenant, principal=caller.principal)
    return SignedIn(session=session, caller=caller)


def caller_of(user: User) -> Caller:
    """Return what a user may do, in the words of the API's own rights."""
    return Caller(
        tenant=user.tenant,
        principal=f"user:{user.user_id}",
        role=user.role,
        scopes=SCOPES_OF_ROLE[user.role],
        rep_id=user.rep_id,
        team_id=user.team_id,
    )


async def admin(request: Request, who: Annotated[SignedIn, Depends(signed_in)]) -> SignedIn:
    """Let administrators pass.

    Raises:
        DeniedError: `api.not_your_role`; the refusal is logged.
    """
    if ApiScope.ADMIN not in who.caller.scopes:
        await note_refusal(request, who.caller, why="not_your_role")
        raise DeniedError("api.not_your_role")
    return who


async def checked_form(
    request: Request, who: Annotated[SignedIn, Depends(signed_in)], csrf: Annotated[str, Form(max_length=500)] = ""
) -> SignedIn:
    """Let forms pass that this session's own pages sent.

    Raises:
        DeniedError: `api.foreign_form`; the refusal is logged.
    """
    try:
        sent_by = parts_of(request).sealer.verify(csrf, purpose=_PURPOSE)
    except SignatureError:
        sent_by = b""
    if sent_by != who.session.session_id.encode():
        await note_refusal(request, who.caller, why="foreign_form")
        raise DeniedError("api.foreign_form")
    return who


async def checked_admin_form(request: Request, who: Annotated[SignedIn, Depends(checked_form)]) -> SignedIn:
    """Let administrators' own forms pass."""
    return await admin(request, who)


User_ = Annotated[SignedIn, Depends(signed_in)]
Admin_ = Annotated[SignedIn, Depends(admin)]
UserForm = Annotated[SignedIn, Depends(checked_form)]
AdminForm = Annotated[SignedIn, Depends(checked_admin_form)]


def frame_of(request: Request, who: SignedIn | None, *, section: str = "", csrf: str = "") -> Frame:
    """Return what surrounds a page: who is signed in, in which language, with which form token."""
    zone, here = parts_of(request).console.time_zone, request.url.path
    if who is None:
        return Frame(lang=lang_of(request), zone=zone, csrf=csrf, here=here)
    sealer = parts_of(request).sealer
    return Frame(
        lang=lang_of(request),
        zone=zone,
        section=section,
        login=who.user.login,
        role=who.user.role.value,
        csrf=sealer.sign(who.session.session_id.encode(), purpose=_PURPOSE),
        here=here,
    )


def lang_of(request: Request) -> str:
    """The language that was chosen on a page, else the one the browser asks for; Chinese by default."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    return chosen if chosen in ("zh", "en") else language_of(request)


def set_session(request: Request, response: Response, token: str) -> None:
    """Give a browser its session."""
    keep_cookie(request, response, COOKIE, token, max_age_s=int(SESSION_FOR.total_seconds()))


def keep_cookie(request: Request, response: Response, name: str, value: str, *, max_age_s: int) -> None:
    """Set a cookie that scripts and other sites' posts never carry; 0 seconds removes it."""
    secure = request.url.scheme == "https" or parts_of(request).console.secure_cookies
    response.set_cookie(name, value, max_age=max_age_s, path=PATH, secure=secure, httponly=True, samesite="lax")
