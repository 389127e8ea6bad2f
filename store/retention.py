"""How long things are kept, and what goes when the time is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from domain.retention import RetentionPolicy
from store.chat_memory import wipe_traces
from store.subjects import Receipt
from store.tables import CallRow, InboxRow
from store.tables_chats import ChatAnswerRow
from store.tenants import list_tenants
from store.work import Store, Work

_BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """What went from one tenant."""

    tenant: str
    recordings: int
    access_events: int
    receipts: tuple[Receipt, ...]

    @property
    def is_nothing(self) -> bool:
        """Whether everything was young enough."""
        return not (self.recordings or self.access_events or self.receipts)


async def expire(store: Store, policy: RetentionPolicy) -> list[Expired]:
    """Remove what has been kept long enough, tenant by tenant; return what went.

    Runs twice without harm, and goes on where an interrupted run ended.
    """
    async with store.across_tenants(writes=False) as session:
        tenants = await list_tenants(session)
    results = [await _expire_tenant(store, tenant, policy) for tenant in tenants]
    return [each for each in results if not each.is_nothing]


async def _expire_tenant(store: Store, tenant: str, policy: RetentionPolicy) -> Expired:
    now = store.clock()
    receipts: list[Receipt] = []
    recordings = events = 0
    await _tidy(store, tenant)
    if (before := _before(now, policy.conversations_days)) is not None:
        receipts = await _conversations(store, tenant, before)
        await _chats(store, tenant, before)
    if (before := _before(now, policy.recordings_days)) is not None:
        recordings = await _recordings(store, tenant, before)
    if (before := _before(now, policy.access_log_days)) is not None:
        async with store.begin(tenant) as work:
            events = await work.access.forget(before)
    if receipts or recordings:
        await wipe_traces(store, tenant)
    return Expired(tenant=tenant, recordings=recordings, access_events=events, receipts=tuple(receipts))


async def _tidy(store: Store, tenant: str) -> None:
    """Remove what has a fixed time of its own: kept answers after a day, files that no row speaks of after an hour."""
    async with store.begin(tenant) as work:
        await work.idempotency.forget_old()
        if store.blob_folder is not None:
            await work.blobs.sweep()


async def _chats(store: Store, tenant: str, before: datetime) -> None:
    """Remove the words of old chat messages and of the answers to them; that they came stays known."""
    async with store.begin(tenant) as work:
        done = update(InboxRow).where(InboxRow.done_at < before)
        await work.scope.session.execute(done.values(payload={}))
        await work.scope.session.execute(delete(ChatAnswerRow).where(ChatAnswerRow.asked_at < before))


async def _conversations(store: Store, tenant: str, before: datetime) -> list[Receipt]:
    receipts: list[Receipt] = []
    while True:
        async with store.begin(tenant) as work:
            receipt = await work.subjects.expire(before, limit=_BATCH)
        if receipt is None:
            return receipts
        receipts.append(receipt)


async def _recordings(store: Store, tenant: str, before: datetime) -> int:
    gone = 0
    while True:
        async with store.begin(tenant) as work:
            batch = await _old_calls(work, before)
            for call_id in batch:
                await work.calls.drop_recording(call_id)
        gone += len(batch)
        if len(batch) < _BATCH:
            return gone


async def _old_calls(work: Work, before: datetime) -> list[str]:
    row = CallRow
    old = select(row.call_id).where(row.created_at < before, row.blob_hash.is_not(None))
    return list(await work.scope.session.scalars(old.order_by(row.created_at).limit(_BATCH)))


def _before(now: datetime, days: int | None) -> datetime | None:
    return None if days is None else now - timedelta(days=days)
