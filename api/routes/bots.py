"""Where chat platforms call us. They sign; we verify, keep, and answer at once; the coach answers later."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.parts import parts_of
from bots.platform import CallbackRequest
from domain.errors import SignatureError

router = APIRouter(prefix="/bots", tags=["bots"], include_in_schema=False)


@router.api_route("/{channel}", methods=["GET", "POST"])
async def called(request: Request, channel: str) -> Response:
    """Take a platform's call; whatever is wrong with it gets the same 403."""
    door = parts_of(request).chats
    platform = door.platform(channel) if door else None
    if door is None or platform is None:
        return _refused()
    asked = CallbackRequest(
        method=request.method,
        query=dict(request.query_params),
        headers=dict(request.headers),
        body=await request.body(),
    )
    try:
        answer = platform.receive(asked)
        for message in answer.messages:
            await door.keep(message)
        if answer.refresh:
            answer = platform.refreshed(asked, await door.outgoing(answer.refresh))
    except SignatureError:
        return _refused()
    return Response(answer.body, media_type=answer.media_type)


def _refused() -> Response:
    return Response(b"", status_code=403, media_type="text/plain")
