"""`Idempotency-Key` on every POST that changes something: the same request acts once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import UploadFile

from api.callers import authenticate
from api.errors import RefusedError
from api.parts import parts_of
from store.idempotency import KeptAnswer

HEADER = "idempotency-key"
_KEY = re.compile(r'"?([\x21\x23-\x7e]{1,255})"?')
_KEPT_HEADERS = ("content-type", "location", "etag")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class IdempotentRoute(APIRoute):
    """A route that answers a repeated key with the first answer.

    Only finished answers below 500 are kept; streams are not, and an error is worked out anew.
    """

    def get_route_handler(self) -> Handler:
        """Wrap the route's own handler."""
        handle = super().get_route_handler()

        async def handle_once(request: Request) -> Response:
            given = request.headers.get(HEADER)
            if given is None or request.method != "POST":
                return await handle(request)
            return await _once(request, _read_key(given), f"{request.method} {self.path}", handle)

        return handle_once


async def _once(request: Request, key: str, route: str, handle: Handler) -> Response:
    caller = await authenticate(request)
    store = parts_of(request).store
    key = f"{caller.principal} {key}"
    fingerprint = await _fingerprint(request)
    async with store.begin(caller.tenant) as work:
        kept = await work.idempotency.begin(route, key, fingerprint)
    if kept is not None:
        headers = {**kept.headers, "idempotent-replayed": "true"}
        return Response(kept.body, status_code=kept.status, headers=headers)
    try:
        response = await handle(request)
    except BaseException:
        async with store.begin(caller.tenant) as work:
            await work.idempotency.release(route, key)
        raise
    async with store.begin(caller.tenant) as work:
        if response.status_code < 500 and type(response).__name__ != "StreamingResponse" and hasattr(response, "body"):
            headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
            answer = KeptAnswer(status=response.status_code, headers=headers, body=bytes(response.body))
            await work.idempotency.keep(route, key, answer)
        else:
            await work.idempotency.release(route, key)
    return response


def _read_key(given: str) -> str:
    found = _KEY.fullmatch(given)
    if found is None:
        raise RefusedError("api.bad_idempotency_key")
    return found.group(1)


async def _fingerprint(request: Request) -> str:
    """Hash what the request says; of an upload the parts, since the boundary between them changes."""
    hasher = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    if request.headers.get("content-type", "").startswith("multipart/"):
        for name, value in (await request.form()).multi_items():
            hasher.update(f"\n{name}\n".encode())
            if isinstance(value, UploadFile):
                while chunk := await value.read(1 << 20):
                    hasher.update(chunk)
                await value.seek(0)
            else:
                hasher.update(value.encode("utf-8", "surrogatepass"))
    else:
        hasher.update(await request.body())
    return hasher.hexdigest()
