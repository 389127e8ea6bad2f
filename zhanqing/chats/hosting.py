"""The bots of one process: connections that only one process holds, and couriers for what is to be shown."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import structlog

from bots.platform import ConnectedPlatform, Platform
from domain.errors import ZhanqingError
from store.answer_queue import AnswerQueue
from store.locks import Locks
from store.work import Store
from zhanqing.chats.bells import Bell
from zhanqing.chats.couriers import Courier
from zhanqing.chats.intake import Intake
from zhanqing.chats.reminders import DrillReminders
from zhanqing.chats.trials import lock_name

log = structlog.get_logger(__name__)

_FORGET_EVERY_S = 600.0
_REMIND_EVERY_S = 3600.0


class ChatHost:
    """Runs platforms until cancelled; one that refuses us does not disturb the others.

    Args:
        bell: Rung when this process has something new to show.
        reminders: What reps are told unasked, now and then.
        pause_s: How long a refused platform rests before it is tried again.
    """

    def __init__(
        self,
        store: Store,
        platforms: Collection[Platform],
        *,
        intake: Intake,
        queue: AnswerQueue,
        locks: Locks,
        tenant: str,
        pause_s: float = 600.0,
        bell: Bell | None = None,
        reminders: DrillReminders | None = None,
    ) -> None:
        self._reminders = reminders
        self._bell = bell or Bell()
        self._store, self._platforms, self._intake = store, platforms, intake
        self._queue, self._locks, self._tenant, self._pause_s = queue, locks, tenant, pause_s

    async def run(self) -> None:
        """Serve every platform, for ever."""
        async with asyncio.TaskGroup() as group:
            if self._platforms and self._reminders is not None:
                group.create_task(self._reminding(self._reminders))
            for platform in self._platforms:
                is_exclusive = isinstance(platform, ConnectedPlatform) and platform.exclusive
                group.create_task(self._alone(platform) if is_exclusive else self._serve(platform))

    async def _reminding(self, reminders: DrillReminders) -> None:
        while True:
            await asyncio.sleep(_REMIND_EVERY_S)
            try:
                await reminders.remind()
            except ZhanqingError as error:
                log.warning("chat.reminders_paused", reason=error.code)
            except Exception as error:  # reminders must never take the chats down with them
                log.error("chat.reminders_broke", kind=type(error).__name__)

    async def _alone(self, platform: Platform) -> None:
        """Serve while this process holds the lock; others stand by."""
        name = lock_name(platform)
        while True:
            if await self._held(name):
                log.info("chat.leading", channel=platform.channel.value)
                serving = asyncio.create_task(self._serve(platform))
                holding = asyncio.create_task(self._until_lost(name))
                try:
                    await asyncio.wait({serving, holding}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in (serving, holding):
                        task.cancel()
                    await asyncio.gather(serving, holding, return_exceptions=True)
                    await self._released(name)
            await asyncio.sleep(self._locks.hold_s / 3)

    async def _until_lost(self, name: str) -> None:
        """Hold on to the lock; a busy database costs it only once it has run out."""
        left_s = self._locks.hold_s
        while left_s > 0:
            await asyncio.sleep(self._locks.hold_s / 3)
            is_held = await self._held(name)
            if is_held is False:
                return
            left_s = self._locks.hold_s if is_held else left_s - self._locks.hold_s / 3

    async def _serve(self, platform: Platform) -> None:
        courier = Courier(self._store, self._queue, platform, bell=self._bell)
        async with asyncio.TaskGroup() as group:
            group.create_task(courier.run())
            group.create_task(self._forgetting(courier))
            if isinstance(platform, ConnectedPlatform):
                group.create_task(self._connected(platform))

    async def _connected(self, platform: ConnectedPlatform) -> None:
        """Stay connected; after a refusal rest, for hammering helps nobody."""
        while True:
            try:
                await platform.run(self._intake.keep)
            except ZhanqingError as error:
                log.error("chat.refused", channel=platform.channel.value, reason=error.code)
            await asyncio.sleep(self._pause_s)

    async def _forgetting(self, courier: Courier) -> None:
        while True:
            try:
                await courier.forget(self._tenant)
            except ZhanqingError as error:
                log.warning("courier.paused", reason=error.code)
            await asyncio.sleep(_FORGET_EVERY_S)

    async def _held(self, name: str) -> bool | None:
        """Whether the lock is ours; None while the database does not say."""
        try:
            return await self._locks.take(name)
        except ZhanqingError as error:
            log.warning("chat.lock_unknown", reason=error.code)
            return None

    async def _released(self, name: str) -> None:
        try:
            await self._locks.release(name)
        except ZhanqingError as error:
            log.warning("chat.lock_lost", reason=error.code)
