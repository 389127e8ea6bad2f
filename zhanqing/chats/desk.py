"""The bots of one installation, made of its parts: the door for callbacks, the host, the answers."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from agent.drills import DrillCoach
from agent.threads import ChatThreads
from bots.inbound import InboundKind, InboundMessage
from bots.outgoing import Outgoing
from bots.platform import CallbackPlatform, Platform
from retrieval.results import Search
from store.answer_queue import AnswerQueue
from store.inbox import ANSWER_MESSAGE
from store.locks import Locks
from zhanqing.chats.answering import ChatAnswerer
from zhanqing.chats.bells import Bell, rung
from zhanqing.chats.channels import make_platforms
from zhanqing.chats.couriers import outgoing_of
from zhanqing.chats.drilling import DrillRoom
from zhanqing.chats.finding import CaseFinder
from zhanqing.chats.hosting import ChatHost
from zhanqing.chats.intake import Intake
from zhanqing.chats.pushes import PushRules
from zhanqing.chats.reminders import DrillReminders

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zhanqing.bootstrap import Parts
    from zhanqing.worker.runs import Handler


_PRESS_S, _LOOK_S = 0.7, 0.1
"""A platform wants its answer within a second; so long a press may take, looked at so often."""


class ChatDesk:
    """Everything about chats that one process needs.

    Args:
        platforms: Instead of those that the settings turn on.
    """

    def __init__(self, parts: Parts, platforms: Sequence[Platform] | None = None) -> None:
        self._parts = parts
        self._tenant = parts.settings.bots.tenant
        self.platforms = (
            list(platforms) if platforms is not None else make_platforms(parts.settings.bots, lang=parts.lang).platforms
        )
        self._bell = Bell()
        self._intake = Intake(parts.store, self._tenant)
        self._threads = ChatThreads(lambda: parts.coach, home=parts.home, database_url=str(parts.settings.database_url))

    def platform(self, channel: str) -> CallbackPlatform | None:
        """Return the platform that calls this channel's address, or None."""
        found = (one for one in self.platforms if one.channel == channel and isinstance(one, CallbackPlatform))
        return next(found, None)

    async def keep(self, message: InboundMessage) -> None:
        """Keep a message for good; again is harmless."""
        await self._intake.keep(message)

    async def outgoing(self, answer_id: str) -> Outgoing | None:
        """Return an answer as it is now, or None; what a press leads to is waited for a moment, to show on its card."""
        until = time.monotonic() + _PRESS_S
        while True:
            listening = self._bell.listen()
            async with self._parts.store.read(self._tenant) as work:
                answer = await work.chat_answers.get(answer_id)
            if answer is None:
                return None
            found = outgoing_of(answer)
            is_press = found.reply_to.get("kind") == InboundKind.CLICK
            if found.is_final or not is_press or time.monotonic() >= until:
                return found
            await rung(listening, at_most_s=_LOOK_S)

    def handlers(self) -> Mapping[str, Handler]:
        """Return what answers messages."""
        by_place = {(one.channel.value, one.account_id): one for one in self.platforms}
        lang = self._parts.lang
        room = DrillRoom(self._drills, self._search, lang=lang)
        finder = CaseFinder(self._parts.store, self._search, lang=lang)
        answerer = ChatAnswerer(
            self._parts.store, self._threads.chat, by_place, drills=room, cases=finder, lang=lang, bell=self._bell
        )
        return {ANSWER_MESSAGE: answerer.handler()}

    async def _drills(self) -> DrillCoach:
        parts = self._parts
        return await asyncio.to_thread(lambda: DrillCoach(parts.store, parts.detector, adviser=parts.coach))

    async def _search(self) -> Search:
        return await asyncio.to_thread(lambda: self._parts.search)

    def host(self) -> ChatHost:
        """Return what keeps connections and shows answers."""
        owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        return ChatHost(
            self._parts.store,
            self.platforms,
            intake=self._intake,
            queue=AnswerQueue(self._parts.store, self._parts.sealer),
            locks=Locks(self._parts.store, owner=owner),
            tenant=self._tenant,
            bell=self._bell,
            reminders=DrillReminders(self._parts.store, self._tenant, rules_of(self._parts)),
        )

    async def close(self) -> None:
        """Let connections and memory go."""
        for platform in self.platforms:
            await platform.close()
        await self._threads.close()


def rules_of(parts: Parts) -> PushRules:
    """Return how this installation tells reps things."""
    chosen = parts.settings
    return PushRules(zone=ZoneInfo(chosen.console.time_zone), lang=parts.lang, link_base=chosen.bots.public_url)
