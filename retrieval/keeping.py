"""Keeping the indexes of a process that stays: loaded before the first question, graphs of large corpora up to date."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from domain.errors import ZhanqingError
from retrieval.search import CaseSearch
from store.corpus import tenants_with_corpus
from store.work import Store

log = structlog.get_logger(__name__)

EVERY_S = 300.0
"""Between two looks; a question never waits for one, it takes over what changed by itself."""

Sleep = Callable[[float], Awaitable[None]]


class IndexKeeper:
    """Brings every tenant's index up to date, again and again, until it is cancelled.

    Args:
        store: Says which tenants have published anything.
        search: Gives the search; called in a thread, since building it loads models.
        sleep: Waits; tests pass their own.
    """

    def __init__(self, store: Store, search: Callable[[], CaseSearch], *, sleep: Sleep = asyncio.sleep) -> None:
        self._store, self._search, self._sleep = store, search, sleep

    async def run(self) -> None:
        """Look, wait, and look again; a failure is logged and the next look tries anew."""
        while True:
            try:
                await self.look()
            except ZhanqingError as error:
                log.warning("index.not_kept", code=error.code)
            except Exception:  # the service goes on: each search brings its own index up to date
                log.exception("index.keeping_failed")
            await self._sleep(EVERY_S)

    async def look(self) -> int:
        """Load what changed for every tenant, build the graphs that are behind, and return how many were built."""
        async with self._store.across_tenants(writes=False) as session:
            tenants = await tenants_with_corpus(session)
        if not tenants:
            return 0
        search = await asyncio.to_thread(self._search)
        for tenant in tenants:
            await search.refresh(tenant)
        return await search.build_graphs()
