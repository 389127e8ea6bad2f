"""One message of a chat: who sent it, what it asks for, and the answer that goes back. The job may run twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from agent.chat import CoachChat
from bots.commands import FEEDBACK, Command, CommandKind, in_chinese, read_command
from bots.inbound import InboundKind, InboundMessage
from bots.outgoing import State
from bots.platform import Platform
from store.chat_threads import ChatThread
from store.jobs import Job
from store.work import Store, Work
from wire.documents import dump
from zhanqing.chats.bells import Bell
from zhanqing.chats.drilling import DrillRoom
from zhanqing.chats.finding import CaseFinder
from zhanqing.chats.intake import platform_of, read_message
from zhanqing.chats.pushes import DRILL
from zhanqing.chats.ratings import rate_by_press, rate_by_thumb, rate_by_word
from zhanqing.chats.recordings import DISCARD, HEAR, decide, decide_by_press, receive_recording, waiting_recording
from zhanqing.chats.saying import Said
from zhanqing.chats.talking import Talker
from zhanqing.chats.todos import todos
from zhanqing.chats.visitors import Visitor, visitor_of
from zhanqing.chats.words import chat_line
from zhanqing.worker.runs import Handler, JobRun

Platforms = Mapping[tuple[str, str], Platform]
"""By channel and account."""

_CONSENTED = ("已同意", "客户已同意", "同意", "consented", "Consented")
_NOT_CONSENTED = ("没有，删掉", "没有,删掉", "没同意", "删掉", "not consented", "No, delete it")
"""What the buttons say, for platforms where a card has none."""


class ChatAnswerer:
    """Answers messages of chats.

    Args:
        platforms: Where recordings are fetched from.
        drills: Where practice rounds are played; `cases` finds war cases.
        bell: Rung when there is something new to show.
        lang: Language of what the bot itself says.
    """

    def __init__(
        self,
        store: Store,
        chat: Callable[[], Awaitable[CoachChat]],
        platforms: Platforms,
        *,
        drills: DrillRoom,
        cases: CaseFinder,
        lang: str = "zh",
        bell: Bell | None = None,
    ) -> None:
        self._bell = bell or Bell()
        self._store, self._platforms, self._lang = store, platforms, lang
        self._drills, self._cases = drills, cases
        self._talker = Talker(store, chat, lang=lang)

    def handler(self) -> Handler:
        """Return what does the jobs of kind `answer_message`."""
        return self._answer

    async def _answer(self, run: JobRun) -> None:
        message_id = str(run.job.payload["message_id"])
        async with run.store.read(run.job.tenant) as work:
            payload = await work.inbox.get(message_id)
            message = read_message(payload) if payload else None
            visitor = await visitor_of(work, message) if message else None
        if message is None:
            return
        said = await self._said(run.job, message, visitor)
        async with run.finishing() as work:
            if said.effect is not None:
                await said.effect(work)
            await work.chat_answers.write(message.answer_id, **_shown(said))
            await work.inbox.finish(message_id)
        self._bell.ring()

    async def _said(self, job: Job, message: InboundMessage, visitor: Visitor | None) -> Said:
        if visitor is None:
            return await self._stranger(job.tenant, message)
        match message.kind:
            case InboundKind.ENTER:
                return self._line("welcome")
            case InboundKind.CLICK:
                return await self._pressed(visitor, message)
            case InboundKind.FILE:
                platform = self._platforms[message.channel.value, message.account_id]
                return await receive_recording(self._store, visitor, message, platform, lang=self._lang)
            case InboundKind.TEXT:
                return await self._text(visitor, message, is_second_try=job.attempts > 1)
            case InboundKind.OTHER:
                return self._line("other")
            case InboundKind.RATING:
                return await self._thumbed(visitor, message)

    async def _stranger(self, tenant: str, message: InboundMessage) -> Said:
        """Somebody who is not bound gets nothing but the way to be bound."""
        command = read_command(message.text) if message.kind is InboundKind.TEXT else None
        if message.kind in (InboundKind.CLICK, InboundKind.RATING):
            return Said()
        is_code = command is not None and command.kind is CommandKind.BIND
        if message.sender.is_group:
            effect = _voiding(command.words) if command and is_code else None
            return replace(self._line("code_in_group" if is_code else "unbound"), effect=effect)
        if command is None or not is_code:
            return self._line("unbound")
        platform, user_id = platform_of(message.channel), message.sender.user_id
        async with self._store.begin(tenant) as work:
            rep = await work.chat_people.bind(command.words, platform=platform, user_id=user_id)
        return self._line("bad_code") if rep is None else self._line("bound", name=rep.name)

    async def _pressed(self, visitor: Visitor, message: InboundMessage) -> Said:
        if message.click is None:
            return Said()
        if message.click.key == DRILL:
            return await self._drills.begin(visitor, "")
        decides = message.click.key.partition(":")[0] in (HEAR, DISCARD)
        press = decide_by_press if decides else rate_by_press
        async with self._store.read(visitor.tenant) as work:
            return await press(
                work, visitor, message.click.key, message.click.task_id, at=self._moment(message), lang=self._lang
            )

    async def _thumbed(self, visitor: Visitor, message: InboundMessage) -> Said:
        if message.click is None:
            return Said()
        async with self._store.read(visitor.tenant) as work:
            return await rate_by_thumb(work, visitor, message.click, at=self._moment(message))

    async def _text(self, visitor: Visitor, message: InboundMessage, *, is_second_try: bool) -> Said:
        command = read_command(message.text)
        if command is not None:
            done = await self._command(visitor, command, message)
            if done is not None:
                return done
        played = await self._drills.go_on(visitor, message.text, is_second_try=is_second_try)
        if played is not None:
            return played
        word = message.text.strip()
        if word in (*_CONSENTED, *_NOT_CONSENTED):
            async with self._store.read(visitor.tenant) as work:
                call = await waiting_recording(work, visitor)
            if call is not None:
                return await decide(visitor, call, hears=word in _CONSENTED, at=self._moment(message), lang=self._lang)

        async def show(text: str) -> None:
            async with self._store.begin(visitor.tenant) as work:
                await work.chat_answers.write(message.answer_id, text=text, state=State.WRITING.value)
            self._bell.ring()

        asked = replace(message, text=in_chinese(message.text))
        return await self._talker.answer(visitor, asked, show=show)

    async def _command(self, visitor: Visitor, command: Command, message: InboundMessage) -> Said | None:
        """Do what a command asks for; None for those that the coach answers."""
        if command.kind in FEEDBACK:
            async with self._store.read(visitor.tenant) as work:
                return await rate_by_word(work, visitor, command, at=self._moment(message), lang=self._lang)
        match command.kind:
            case CommandKind.HELP | CommandKind.BIND:
                return self._line("help")
            case CommandKind.DRILL:
                return await self._drills.begin(visitor, command.words)
            case CommandKind.TODO:
                async with self._store.read(visitor.tenant) as work:
                    return await todos(work, visitor, today=self._store.clock().date(), lang=self._lang)
            case CommandKind.CASES:
                return await self._cases.find(visitor, command.words)
            case CommandKind.REWRITE:
                return self._line("rewrite")
            case CommandKind.THANKS:
                return self._line("thanks")
            case CommandKind.FORGET:
                return replace(self._line("forgotten"), effect=_forgetting(visitor))
            case CommandKind.QUIET if command.hours is not None:
                start, end = command.hours
                return replace(self._line("quiet_set", start=start, end=end), effect=_quiet(visitor, start, end))
            case _:
                return None

    def _moment(self, message: InboundMessage) -> datetime:
        """The message's own time: the same in each run of its job."""
        return datetime.fromtimestamp(message.sent_at, self._store.clock().tzinfo)

    def _line(self, key: str, /, **values: object) -> Said:
        return Said(text=chat_line(key, self._lang, **values))


async def tell_chat_failure(work: Work, job: Job, lang: str = "zh") -> None:
    """Say in the chat that a message could not be answered; every stream ends."""
    message_id = str(job.payload["message_id"])
    payload = await work.inbox.get(message_id)
    if payload is not None:
        text = chat_line("failed", lang)
        await work.chat_answers.write(read_message(payload).answer_id, text=text, state=State.FAILED.value)
        await work.inbox.finish(message_id)


def _shown(said: Said) -> dict[str, Any]:
    return {
        "text": said.text,
        "state": State.FINISHED.value,
        "card": dump(said.card) if said.card else None,
        "replaces": said.replaces,
        "decision_id": said.decision_id,
    }


def _voiding(code: str) -> Callable[[Work], Awaitable[None]]:
    async def void(work: Work) -> None:
        await work.chat_people.void(code)

    return void


def _forgetting(visitor: Visitor) -> Callable[[Work], Awaitable[None]]:
    async def forget(work: Work) -> None:
        await work.chat_threads.put(visitor.thread_key, ChatThread())

    return forget


def _quiet(visitor: Visitor, start: int, end: int) -> Callable[[Work], Awaitable[None]]:
    async def put(work: Work) -> None:
        await work.chat_people.put(replace(visitor.binding, quiet_from=start, quiet_to=end))

    return put
