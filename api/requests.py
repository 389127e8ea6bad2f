"""What happens around every request: its id, its size, its log line, its figures."""

from __future__ import annotations

import re
import secrets
import time

import structlog
from opentelemetry import propagate, trace
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import language_of, problem
from domain.messages import text

log = structlog.get_logger(__name__)
_tracer = trace.get_tracer("zhanqing.api")

_REQUEST_ID = re.compile(r"[\w.-]{1,128}", re.ASCII)
UPLOAD_PATHS = ("/v1/calls",)


class RequestFigures:
    """Counters for Prometheus, one set an application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._count = Counter("zhanqing_requests", "Requests answered.", labels, registry=self.registry)
        self._seconds = Histogram(
            "zhanqing_request_seconds", "Time until the answer was sent.", ("method", "route"), registry=self.registry
        )

    def note(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._count.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


class RequestEdge:
    """The outermost layer: gives each request an id, logs one line for it, counts it.

    The line names the route's template, never the path itself, the query or anybody's words. A WebSocket is one request
    of method WS: 101 once it is taken, else the status that it was refused with; its line comes when it ends.
    """

    def __init__(self, app: ASGIApp, figures: RequestFigures) -> None:
        self._app = app
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else f"req-{secrets.token_hex(12)}"
        scope.setdefault("state", {})["request_id"] = request_id
        status, is_answered = 500, False
        began = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status, is_answered
            if not is_answered and (answered := _status_of(message)) is not None:
                status, is_answered = answered, True
                message.setdefault("headers", [])
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        # Nothing is recorded unless a collector was named (`zhanqing.tracing`); a caller's trace goes on here.
        caller = propagate.extract(Headers(scope=scope))
        with (
            structlog.contextvars.bound_contextvars(request_id=request_id),
            _tracer.start_as_current_span(
                "request", context=caller, kind=trace.SpanKind.SERVER, record_exception=False
            ) as span,
        ):
            try:
                await self._app(scope, receive, send_with_id)
            finally:
                self._finish(scope, status, time.perf_counter() - began)
                _describe(span, scope, status, request_id)

    def _finish(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        method = _method(scope) if route != "unknown" else "OTHER"
        self._figures.note(method=method, route=route, status=status, seconds=seconds)
        log.info("request.answered", method=method, route=route, status=status, seconds=round(seconds, 4))


def _status_of(message: Message) -> int | None:
    """The status that a message answers a request with; None where it is no answer yet."""
    match message["type"]:
        case "http.response.start" | "websocket.http.response.start":
            return int(message["status"])
        case "websocket.accept":
            return 101
        case "websocket.close":  # before it was taken; servers answer 403
            return 403
    return None


def _method(scope: Scope) -> str:
    return str(scope["method"]) if scope["type"] == "http" else "WS"


def _describe(span: trace.Span, scope: Scope, status: int, request_id: str) -> None:
    """Name a span by its route's template; the path itself, the query and the body stay out."""
    if not span.is_recording():
        return
    route = getattr(scope.get("route"), "path", "unknown")
    span.update_name(f"{_method(scope)} {route}")
    known = {"http.request.method": _method(scope), "http.route": route, "http.response.status_code": status}
    span.set_attributes({**known, "zhanqing.request_id": request_id})
    if status >= 500:
        span.set_status(trace.StatusCode.ERROR)


class BodyLimit:
    """Refuses bodies that are too large: by their declared length at once, else while they come in."""

    def __init__(self, app: ASGIApp, *, max_upload_bytes: int, max_body_bytes: int) -> None:
        self._app = app
        self._max_upload_bytes = max_upload_bytes
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._max_upload_bytes if scope["path"] in UPLOAD_PATHS else self._max_body_bytes
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            request = Request(scope)
            answer = problem(request, 413, "api.too_large", text("api.too_large", language_of(request), faults=""))
            await answer(scope, receive, send)
            return
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413)
            return message

        await self._app(scope, receive_within_limit, send)
