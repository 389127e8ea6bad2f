"""Who calls: a bearer key becomes a caller with a tenant, a role and scopes, or the request is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import Depends, Security
from fastapi.security import HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from api.errors import RefusedError
from api.parts import ApiParts, parts_of
from domain.errors import DeniedError
from store.access import AccessEvent
from store.gathering import Gathering
from store.keys import SCOPES_OF_ROLE, ApiKey, ApiScope, Role, find_keys, use_is_stale
from store.work import Store

log = structlog.get_logger(__name__)

_bearer = HTTPBearer(auto_error=False, description="An API key: `Authorization: Bearer zq_…`")
_CHALLENGE = {"www-authenticate": 'Bearer realm="zhanqing"'}

LIVE_PROTOCOL = "zhanqing.live.v1"
_KEY_PROTOCOL = "bearer."


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who makes a request and what they may do."""

    tenant: str
    principal: str
    role: Role
    scopes: frozenset[ApiScope]
    rep_id: str | None
    team_id: str | None


class KeyLookup:
    """Finds keys in the database; requests that come together share a look.

    Nothing is remembered from one look to the next, so that a revoked key is worthless from the next request on.

    Args:
        look: Opens a transaction that reads across tenants.
    """

    def __init__(self, look: Callable[[], AbstractAsyncContextManager[AsyncSession]]) -> None:
        self._look = look
        self._gathering: Gathering[str, ApiKey | None] = Gathering(self._find)

    async def find(self, secret: str) -> ApiKey | None:
        """Return the key of any tenant that this is the secret of, good or not; None if there is none."""
        return await self._gathering.ask("", secret)

    async def _find(self, _all: str, secrets: Sequence[str]) -> list[ApiKey | None]:
        async with self._look() as session:
            found = await find_keys(session, secrets)
        return [found.get(secret) for secret in secrets]


async def authenticate(request: HTTPConnection) -> Caller:
    """Return who calls, looked up once a request.

    Raises:
        RefusedError: No key, a wrong, revoked or expired one, or too many requests.
    """
    known = getattr(request.state, "caller", None)
    if isinstance(known, Caller):
        return known
    parts = parts_of(request)
    key = await _key_of(request, parts.store)
    await _count(parts, key)
    caller = Caller(
        tenant=key.tenant,
        principal=f"key:{key.key_id}",
        role=key.role,
        scopes=key.scopes & SCOPES_OF_ROLE[key.role],
        rep_id=key.rep_id,
        team_id=key.team_id,
    )
    structlog.contextvars.bind_contextvars(tenant_id=caller.tenant, principal=caller.principal)
    request.state.caller = caller
    return caller


def needs(scope: ApiScope) -> Callable[[HTTPConnection], Awaitable[Caller]]:
    """Return a dependency that lets only callers with this scope pass.

    Raises:
        DeniedError: The caller lacks it; the refusal is logged.
    """

    async def allowed(request: HTTPConnection) -> Caller:
        caller = await authenticate(request)
        if scope not in caller.scopes:
            await note_refusal(request, caller, why=f"missing_scope:{scope}")
            raise DeniedError("api.missing_scope", scope=scope)
        return caller

    return allowed


async def note_refusal(
    request: HTTPConnection, caller: Caller, *, why: str, object_kind: str = "", object_id: str = ""
) -> None:
    """Write a refusal into the access log."""
    event = AccessEvent(
        principal=caller.principal,
        action=_action(request),
        object_kind=object_kind,
        object_id=object_id,
        allowed=False,
        why=why,
    )
    async with parts_of(request).store.begin(caller.tenant) as work:
        await work.access.note(event)
    log.warning("access.refused", why=why, object_kind=object_kind)


def _action(request: HTTPConnection) -> str:
    return f"{request.scope.get('method', 'WS')} {getattr(request.scope.get('route'), 'path', '')}"


async def _key_of(request: HTTPConnection, store: Store) -> ApiKey:
    scheme, _, secret = _credentials(request).partition(" ")
    key = None
    if scheme.lower() == "bearer":
        lookup: KeyLookup = request.app.state.key_lookup
        key = await lookup.find(secret.strip())
    if key is None or not key.is_good_at(store.clock()):
        await _note_bad_key(request, store, key)
        raise RefusedError("api.unauthenticated", headers=_CHALLENGE)
    if use_is_stale(key, store.clock()):
        async with store.begin(key.tenant) as work:
            await work.api_keys.note_use(key)
    return key


def _credentials(request: HTTPConnection) -> str:
    """The authorization header; a browser cannot send one with a WebSocket and offers `bearer.<key>` as a protocol."""
    offered = (name.strip() for name in request.headers.get("sec-websocket-protocol", "").split(","))
    key = next((name.removeprefix(_KEY_PROTOCOL) for name in offered if name.startswith(_KEY_PROTOCOL)), None)
    if request.scope["type"] == "websocket" and key is not None:
        return f"Bearer {key}"
    return request.headers.get("authorization", "")


async def _note_bad_key(request: HTTPConnection, store: Store, key: ApiKey | None) -> None:
    """Log a key that is unknown; one that was revoked or has expired also goes into its tenant's access log."""
    log.warning("access.refused", why="no_key" if key is None else "key_ended")
    if key is None:
        return
    event = AccessEvent(
        principal=f"key:{key.key_id}",
        action=_action(request),
        object_kind="",
        object_id="",
        allowed=False,
        why="key_ended",
    )
    async with store.begin(key.tenant) as work:
        await work.access.note(event)


async def _count(parts: ApiParts, key: ApiKey) -> None:
    allowance = await parts.limiter.take(key.key_id)
    if not allowance.allowed:
        wait_s = max(1, round(allowance.retry_after_s))
        log.warning("access.refused", why="too_many_requests", key_id=key.key_id)
        raise RefusedError("api.too_many_requests", headers={"retry-after": str(wait_s)}, seconds=wait_s)


_documented = Security(_bearer)  # only so that OpenAPI names the scheme

Reader = Annotated[Caller, Depends(needs(ApiScope.READ))]
Writer = Annotated[Caller, Depends(needs(ApiScope.WRITE))]
Rep = Annotated[Caller, Depends(needs(ApiScope.COACH))]
Admin = Annotated[Caller, Depends(needs(ApiScope.ADMIN))]
SECURED = [_documented]
