"""Files as responses, whole or the bytes that `Range` asks for."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from api.errors import RefusedError
from store.blobs import read_range

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def file_response(path: Path, request: Request, *, media_type: str, etag: str) -> Response:
    """Return a file, or a part of it; several ranges at once are answered with the whole.

    Raises:
        RefusedError: `api.range_not_satisfiable`.
    """
    size = path.stat().st_size
    tag = f'"{etag}"'
    headers = {"accept-ranges": "bytes", "etag": tag, "cache-control": "private, no-transform"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    wanted = _wanted(request, tag, size)
    if wanted is None:
        whole = {**headers, "content-length": str(size)}
        return StreamingResponse(read_range(path, 0, size), media_type=media_type, headers=whole)
    start, end = wanted
    part = {**headers, "content-range": f"bytes {start}-{end - 1}/{size}", "content-length": str(end - start)}
    return StreamingResponse(read_range(path, start, end), status_code=206, media_type=media_type, headers=part)


def _wanted(request: Request, tag: str, size: int) -> tuple[int, int] | None:
    """Return the half-open range asked for; None for the whole file."""
    found = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if found is None or request.headers.get("if-range", tag) != tag or found.group(1, 2) == ("", ""):
        return None
    first, last = found.group(1, 2)
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if start >= end:
        raise RefusedError("api.range_not_satisfiable", headers={"content-range": f"bytes */{size}"})
    return start, end
