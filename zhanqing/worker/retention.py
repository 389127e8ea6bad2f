"""Looks now and then for what has been kept long enough."""

from __future__ import annotations

import asyncio

import structlog

from domain.errors import ZhanqingError
from domain.retention import RetentionPolicy
from store.retention import expire
from store.work import Store

log = structlog.get_logger(__name__)


class RetentionKeeper:
    """Expires what is over, at the start and then regularly, until cancelled."""

    def __init__(self, store: Store, policy: RetentionPolicy, *, every_s: float) -> None:
        self._store, self._policy, self._every_s = store, policy, every_s

    async def run(self) -> None:
        """Go on until cancelled; a database that is away is tried again next time."""
        while True:
            try:
                for gone in await expire(self._store, self._policy):
                    log.info(
                        "retention.expired",
                        tenant_id=gone.tenant,
                        recordings=gone.recordings,
                        access_events=gone.access_events,
                        receipts=[receipt.receipt_id for receipt in gone.receipts],
                    )
            except ZhanqingError as error:
                log.warning("retention.paused", reason=error.code)
            await asyncio.sleep(self._every_s)
