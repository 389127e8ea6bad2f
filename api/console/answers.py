"""Pages as responses: nothing remote may load, nothing may frame them, nothing keeps them."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.console.signed import frame_of
from console.pages import Frame, render

_PAGE = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; media-src 'self'; frame-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_REPORT = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; "
    "sandbox allow-popups allow-top-navigation-by-user-activation"  # moments lead back to the player
)
_ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
}


def page(name: str, frame: Frame, *, http_status: int = 200, **content: object) -> HTMLResponse:
    """Return a filled template."""
    headers = {**_ALWAYS, "content-security-policy": _PAGE}
    return HTMLResponse(render(name, frame, **content), status_code=http_status, headers=headers)


def report_page(html: str) -> HTMLResponse:
    """Return a stored report: its own styles and pictures, no scripts, no network."""
    return HTMLResponse(html, headers={**_ALWAYS, "content-security-policy": _REPORT})


def go_to(path: str) -> RedirectResponse:
    """Send the browser on to a page of ours after a form."""
    return RedirectResponse(path, status_code=303, headers=_ALWAYS)


def inside(path: str) -> str:
    """Return a path if it leads to the console, else the console's start; no form sends people elsewhere."""
    fine = path.startswith("/console/") and "\\" not in path and not path.startswith("/console//")
    return path if fine and path.isprintable() else "/console/"


def problem_page(request: Request, status: int, code: str, detail: str) -> Response:
    """Return an error for people; who is not signed in gets to the sign-in page first."""
    if code == "api.not_signed_in":
        back = request.url.path if request.method == "GET" else "/console/"
        return go_to(f"/console/login?back={quote(back, safe='/')}")
    request_id = getattr(request.state, "request_id", "")
    frame = frame_of(request, None)
    return page("problem", frame, http_status=status, number=status, detail=detail, request_id=request_id)
