"""The one table from the error tree to HTTP: RFC 9457 problems, and OpenAI's shape on its routes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from api.faults import in_words
from domain.errors import (
    ConflictError,
    DeniedError,
    InputError,
    IntegrityError,
    MissingError,
    NotFoundError,
    SignatureError,
    UpstreamError,
    ZhanqingError,
)
from domain.messages import text

log = structlog.get_logger(__name__)

PROBLEM = "application/problem+json"
OPENAI_PATHS = ("/v1/chat/", "/v1/models")
CONSOLE_PATH = "/console"

STATUSES: tuple[tuple[type[ZhanqingError], int], ...] = (
    (ConflictError, 409),
    (InputError, 422),
    (NotFoundError, 404),
    (DeniedError, 403),
    (SignatureError, 400),
    (MissingError, 503),
    (IntegrityError, 500),
    (UpstreamError, 503),
    (ZhanqingError, 500),
)
"""The first class that fits decides; a code below decides before."""

STATUSES_BY_CODE: Mapping[str, int] = {
    "api.unauthenticated": 401,
    "api.not_signed_in": 401,
    "api.oidc_refused": 403,
    "api.oidc_failed": 502,
    "api.too_many_requests": 429,
    "api.precondition_failed": 412,
    "api.not_audio": 415,
    "api.not_acceptable": 406,
    "api.too_large": 413,
    "api.range_not_satisfiable": 416,
    "api.bad_idempotency_key": 400,
    "store.idempotency_key_reused": 422,
    "store.request_in_progress": 409,
}

_PLAIN_CODES = {404: "api.no_route", 405: "api.no_method", 413: "api.too_large", 400: "api.malformed"}


class RefusedError(ZhanqingError):
    """A request that HTTP itself has a word for: no key, too many, out of date; carries response headers."""

    def __init__(self, key: str, *, headers: Mapping[str, str] | None = None, **params: object) -> None:
        super().__init__(key, **params)
        self.headers = dict(headers or {})


class Fault(BaseModel):
    """One thing wrong with a request: where, as a JSON pointer, and what."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """An error as every route but OpenAI's answers it (RFC 9457)."""

    type: str = Field(examples=["urn:zhanqing:problem:store.no_call"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["没有这通录音。请检查编号。"])
    instance: str = Field(examples=["/v1/calls/call-0"])
    code: str = Field(examples=["store.no_call"])
    request_id: str = Field(examples=["req-019a9f6a4c1a5f0c2e7d9b3a"])
    errors: list[Fault] | None = None


def status_of(error: ZhanqingError) -> int:
    """Return the HTTP status that stands for an error."""
    if error.code in STATUSES_BY_CODE:
        return STATUSES_BY_CODE[error.code]
    return next(status for kind, status in STATUSES if isinstance(error, kind))


def language_of(request: Request) -> str:
    """Return `en` for those who ask for English first, else `zh`."""
    return "en" if re.match(r"\s*en\b", request.headers.get("accept-language", ""), re.IGNORECASE) else "zh"


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error as a problem."""
    app.add_exception_handler(ZhanqingError, _on_ours)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_unforeseen)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI responses for the statuses that a route may fail with, beside those that any may."""
    always = (401, 403, 413, 422, 429, 500, 503)
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in sorted({*always, *statuses})
    }


async def _on_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, ZhanqingError)  # noqa: S101  # as registered
    status = status_of(error)
    headers = error.headers if isinstance(error, RefusedError) else {}
    if status >= 500:
        log.warning("request.failed", code=error.code, status=status)
    if status == 503 or error.code == "store.request_in_progress":
        headers = {"retry-after": "1", **headers}
    return problem(request, status, error.code, error.line(language_of(request)), headers=headers)


async def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # as registered
    lang = language_of(request)
    faults = [Fault(pointer=_pointer(fault["loc"]), detail=in_words(fault, lang)) for fault in error.errors()]
    malformed = any(fault["type"] == "json_invalid" for fault in error.errors())
    status, code = (400, "api.malformed") if malformed else (422, "api.invalid")
    where = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults[:3])
    detail = text(code, lang, faults=where)
    return problem(request, status, code, detail, errors=faults)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # as registered
    code = _PLAIN_CODES.get(error.status_code, "api.malformed")
    detail = text(code, language_of(request), faults="")
    headers = {"allow": allowed_methods(request)} if error.status_code == 405 else error.headers
    return problem(request, error.status_code, code, detail, headers=headers)


def allowed_methods(request: Request) -> str:
    """Return every method that the address takes; the router itself names only those of one route."""
    paths: Mapping[str, Mapping[str, object]] = request.app.openapi()["paths"]
    here = request.url.path
    like = [item for path, item in paths.items() if compile_path(path)[0].fullmatch(here)]
    matching = [paths[here]] if here in paths else like
    return ", ".join(sorted({method.upper() for item in matching for method in item}))


async def _on_unforeseen(request: Request, error: Exception) -> Response:
    """The outer edge of the process; the exception's own text may hold customer words and is not logged."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    at = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    log.error("request.broke", kind=type(error).__name__, at=at)
    return problem(request, 500, "api.internal", text("api.internal", language_of(request)))


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Fault] | None = None,
) -> Response:
    """Return an error in the shape of the route's own world."""
    if request.url.path.startswith(CONSOLE_PATH) and hasattr(request.app.state, "console_problem"):
        shown: Response = request.app.state.console_problem(request, status, code, detail)
        shown.headers.update({name: each for name, each in (headers or {}).items() if name != "content-type"})
        return shown
    request_id = getattr(request.state, "request_id", "")
    headers = {**(headers or {}), "x-request-id": request_id}
    if request.url.path.startswith(OPENAI_PATHS):
        status = 400 if status == 422 else status  # what its clients take for a bad request
        return JSONResponse(openai_error(status, code, detail), status_code=status, headers=headers)
    body = Problem(
        type=f"urn:zhanqing:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=request.url.path,
        code=code,
        request_id=request_id,
        errors=list(errors) if errors is not None else None,
    )
    content = body.model_dump(exclude_none=True)
    return JSONResponse(content, status_code=status, media_type=PROBLEM, headers=headers)


def openai_error(status: int, code: str, message: str) -> dict[str, Any]:
    """Return an error as OpenAI's clients understand it."""
    kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    kind = kinds.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _pointer(place: Sequence[int | str]) -> str:
    """Return a JSON pointer; what comes first (body, query, …) says which part of the request."""
    return "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in place)
