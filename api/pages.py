"""Cursor pagination: opaque, signed, bound to tenant and list."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import Query, Request

from api.callers import Caller
from api.parts import parts_of
from domain.errors import InputError

Item = TypeVar("Item")

Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
CursorToken = Annotated[str | None, Query(max_length=2000, description="`next_cursor` of the page before.")]


class Cursors:
    """Reads and writes the cursors of one list for one caller."""

    def __init__(self, request: Request, caller: Caller) -> None:
        self._sealer = parts_of(request).sealer
        route = getattr(request.scope.get("route"), "path", "")
        self._purpose = f"cursor {caller.tenant} {route}"

    def read(self, token: str | None) -> list[str] | None:
        """Return where the last page ended; None to start.

        Raises:
            SignatureError: The cursor was not made here for this list.
        """
        if token is None:
            return None
        place: list[str] = json.loads(self._sealer.verify(token, purpose=self._purpose))
        return place

    def page(
        self, items: Sequence[Item], limit: int, *, place: Callable[[Item], Sequence[str]], show: Callable[[Item], Any]
    ) -> dict[str, Any]:
        """Return one page of items that were fetched with `limit + 1`, so that one shows whether more follow."""
        shown = items[:limit]
        more = len(items) > limit
        cursor = self._sign(place(shown[-1])) if more else None
        return {"data": [show(item) for item in shown], "next_cursor": cursor, "has_more": more}

    def _sign(self, place: Sequence[str]) -> str:
        return self._sealer.sign(json.dumps(list(place)).encode("utf-8"), purpose=self._purpose)


def moment_and_id(place: Sequence[str] | None) -> tuple[datetime, str] | None:
    """Read a place in a list that is ordered by time and id."""
    if place is None:
        return None
    if len(place) != 2:
        raise InputError("api.bad_cursor")
    return datetime.fromisoformat(place[0]), place[1]
