"""Files that a platform holds, brought to disk within bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import httpx

from domain.errors import InputError, PlatformError

_EXTENDED = re.compile(r"filename\*=(?:utf-8|UTF-8)''([^;]+)")
_QUOTED = re.compile(r'filename="([^"]+)"')
_BARE = re.compile(r"filename=([^;\s]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file as it came; `name` has no folders in it and is empty where none was given."""

    name: str
    media_type: str


async def download(
    client: httpx.AsyncClient, url: str, into: Path, *, max_bytes: int, query: Mapping[str, str] | None = None
) -> Download:
    """Write what is at `url` to `into`, following no redirects.

    Raises:
        InputError: It is larger than `max_bytes`; nothing of it is kept.
        PlatformError: It could not be fetched.
    """
    try:
        async with client.stream("GET", url, params=dict(query) if query else None, follow_redirects=False) as answer:
            if answer.status_code != 200:
                raise PlatformError("bots.file_not_fetched", status=answer.status_code)
            await _write(answer, into, max_bytes)
            named = file_name(answer.headers.get("content-disposition", ""))
            return Download(name=named, media_type=answer.headers.get("content-type", ""))
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        discard(into)
        raise PlatformError("bots.file_not_fetched", status=0) from error


def discard(path: Path) -> None:
    """Remove what came of a file that is not wanted."""
    path.unlink(missing_ok=True)


def file_name(disposition: str) -> str:
    """Return the name that a Content-Disposition gives, without folders; empty if it gives none."""
    if found := _EXTENDED.search(disposition):
        name = unquote(found[1])
    elif found := _QUOTED.search(disposition) or _BARE.search(disposition):
        name = unquote(_as_utf8(found[1]))
    else:
        return ""
    last = PurePosixPath(name.replace("\\", "/")).name
    return "".join(char for char in last if char.isprintable())[:200]


def _as_utf8(name: str) -> str:
    """Header bytes may have been read as Latin-1; platforms write UTF-8, percent-encoded or raw."""
    try:
        return name.encode("latin-1").decode()
    except UnicodeError:
        return name


async def _write(answer: httpx.Response, into: Path, max_bytes: int) -> None:
    size = 0
    with into.open("wb") as file:
        async for chunk in answer.aiter_bytes():
            size += len(chunk)
            if size > max_bytes:
                break
            file.write(chunk)
    if size > max_bytes:
        discard(into)
        raise InputError("bots.file_too_large", limit_mb=max_bytes // (1024 * 1024))
