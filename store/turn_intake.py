"""Messages into conversations: those that come together share a transaction, each is answered after its commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager

from domain.errors import NotFoundError, ZhanqingError
from store.additions import Added, Addition
from store.gathering import Gathering
from store.jobs import Priority
from store.repositories import Work

DIGEST_CONVERSATION = "digest_conversation"
"""The kind of job that looks at a conversation; its payload is `{"conversation_id"}`."""

SETTLE_S = 3.0
"""How long a conversation may rest before it is looked at, so that a burst of messages is looked at once."""

_MOST_TURNS = 400
"""In one transaction: below the number of parameters that old SQLite builds accept for two each."""


class TurnIntake:
    """Takes turns into conversations.

    Args:
        begin: Opens a transaction of a tenant.
    """

    def __init__(self, begin: Callable[[str], AbstractAsyncContextManager[Work]]) -> None:
        self._begin = begin
        self._gathering: Gathering[Addition, Added] = Gathering(self._take, fits=_fits)

    async def add(self, tenant: str, addition: Addition) -> Added:
        """Keep what was said; when this returns it is kept, and a job waits that will look at it.

        Raises:
            NotFoundError: There is no such conversation, or it was erased.
            ConflictError: A turn's id differs from another's only in characters that a source id cannot hold.
        """
        return await self._gathering.ask(tenant, addition)

    async def _take(self, tenant: str, additions: Sequence[Addition]) -> list[Added | ZhanqingError]:
        async with self._begin(tenant) as work:
            added = await work.conversations.add(additions)
            pairs = zip(additions, added, strict=True)
            await look_again(work, {asked.conversation_id for asked, done in pairs if done and done.changed})
        return [each or NotFoundError("store.no_conversation") for each in added]


async def look_again(work: Work, conversation_ids: Iterable[str]) -> dict[str, str]:
    """See to it that conversations are looked at as this transaction leaves them; return the jobs by conversation."""
    ids = {f"conversation {each}": each for each in conversation_ids}
    payloads = {series: {"conversation_id": each} for series, each in ids.items()}
    jobs = await work.jobs.await_each(DIGEST_CONVERSATION, payloads, priority=Priority.BATCH, delay_s=SETTLE_S)
    return {ids[series]: job_id for series, job_id in jobs.items()}


def _fits(batch: Sequence[Addition], addition: Addition) -> bool:
    """No two may speak of the same turn, and all together stay small."""
    there = {key for each in batch for key in each.turn_ids}
    return len(there) + len(addition.turn_ids) <= _MOST_TURNS and there.isdisjoint(addition.turn_ids)
