"""Requests that must not act twice: the first one's answer is kept and given again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, update

from domain.errors import ConflictError, UpstreamError
from store.scope import Repository
from store.tables import IdempotencyRow

KEPT = timedelta(hours=24)
HELD = timedelta(minutes=2)
"""How long a request that never finished keeps others waiting: its process vanished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """An answer as it was sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class InProgressError(UpstreamError):
    """The same request is being worked on right now."""


class IdempotencyKeys(Repository):
    """The idempotency keys of one tenant."""

    async def forget_old(self) -> int:
        """Remove answers that are kept no longer; say how many. They quote customers like any answer."""
        return await self._changed(delete(IdempotencyRow).where(IdempotencyRow.created_at < self._now() - KEPT))

    async def begin(self, route: str, key: str, fingerprint: str) -> KeptAnswer | None:
        """Take a key for a request; return the kept answer if the same request was answered before.

        Raises:
            ConflictError: The key was used for another request.
            InProgressError: The same request is being worked on.
        """
        now = self._now()
        await self._session.execute(
            delete(IdempotencyRow).where(*_at(route, key), IdempotencyRow.created_at < now - KEPT)
        )
        values: dict[str, object] = {
            "route": route,
            "key": key,
            "fingerprint": fingerprint,
            "status": None,
            "headers": {},
            "body": None,
        }
        if await self._insert_new(IdempotencyRow, {**values, "held_until": now + HELD, "created_at": now}):
            return None
        row = (await self._session.scalars(select(IdempotencyRow).where(*_at(route, key)))).one()
        if row.fingerprint != fingerprint:
            raise ConflictError("store.idempotency_key_reused")
        if row.status is not None:
            return KeptAnswer(status=row.status, headers=row.headers, body=row.body or b"")
        await self._take_over(route, key, row.held_until, now)
        return None

    async def keep(self, route: str, key: str, answer: KeptAnswer) -> None:
        """Keep the answer of a request for a day."""
        values = {"status": answer.status, "headers": dict(answer.headers), "body": answer.body}
        await self._session.execute(update(IdempotencyRow).where(*_at(route, key)).values(values))

    async def release(self, route: str, key: str) -> None:
        """Give a key back after a failure of ours, so that the request may be tried again."""
        await self._session.execute(delete(IdempotencyRow).where(*_at(route, key), IdempotencyRow.status.is_(None)))

    async def _take_over(self, route: str, key: str, held_until: datetime, now: datetime) -> None:
        """Go on with a request whose process vanished.

        Raises:
            InProgressError: It has not vanished, or somebody else took over first.
        """
        stale = update(IdempotencyRow).where(
            *_at(route, key), IdempotencyRow.held_until == held_until, IdempotencyRow.held_until < now
        )
        if not await self._changed(stale.values(held_until=now + HELD)):
            raise InProgressError("store.request_in_progress")


_UNANSWERED: dict[str, object] = {"status": None, "headers": {}, "body": None}


def _at(route: str, key: str) -> tuple[ColumnElement[bool], ...]:
    return (IdempotencyRow.route == route, IdempotencyRow.key == key)
