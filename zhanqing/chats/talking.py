"""A line for the coach: which customer it is about, the answer sentence by sentence, and how it is shown."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from agent.chat import ChatAnswer, ChatMessage, CoachChat
from agent.commands import StepKind, read_step
from bots.inbound import InboundMessage
from bots.markdown import escaped
from bots.rendering import render, render_so_far
from domain.accounts import Account
from domain.sources import SourceKind
from domain.suggestions import Envelope, VerifiedSentence
from store.webhooks import WebhookEvent
from store.work import Store, Work
from zhanqing.chats.saying import Effect, Said
from zhanqing.chats.visitors import Meant, Visitor, conversations_of, meant
from zhanqing.chats.words import chat_line

MOST_CHARACTERS = 4000
_EVERY_S = 0.8
"""Least time between two versions of an answer that is still being written."""

Show = Callable[[str], Awaitable[None]]
"""Shows what is verified so far."""


class Talker:
    """Answers lines through the coach.

    Args:
        chat: Remembers threads; built when first asked for.
    """

    def __init__(self, store: Store, chat: Callable[[], Awaitable[CoachChat]], *, lang: str) -> None:
        self._store, self._chat, self._lang = store, chat, lang

    async def answer(self, visitor: Visitor, message: InboundMessage, *, show: Show) -> Said:
        """Answer a line; the same message again gets the same answer."""
        text = message.text.strip()
        if len(text) + len(message.quoted) > MOST_CHARACTERS:
            return self._line("too_long", length=len(text) + len(message.quoted), limit=MOST_CHARACTERS)
        if not text and not message.quoted:
            return self._line("empty")
        about = meant(text, visitor)
        unclear = self._unclear(text, about, visitor)
        return unclear or await self._asked(visitor, message, about.customer, show)

    def _unclear(self, text: str, about: Meant, visitor: Visitor) -> Said | None:
        """Ask instead of guessing: among customers, for one nobody has, or for the one that a brief needs."""
        if about.candidates:
            return self._line("which_customer", names="、".join(escaped(one.name) for one in about.candidates))
        if about.stranger:
            return self._line("no_such_person", name=escaped(about.stranger))
        if about.customer is None and _wants_brief(text):
            if not visitor.customers:
                return self._line("no_customer_yet")
            return self._line("no_customer", example=escaped(visitor.customers[0].name))
        return None

    async def _asked(self, visitor: Visitor, message: InboundMessage, customer: Account | None, show: Show) -> Said:
        async with self._store.read(visitor.tenant) as work:
            conversations = await conversations_of(work, visitor, customer)
            lexicon = await work.lexicons.all()
        line = _without_name(message.text.strip(), customer)
        # Who replies to our own answer with 为什么 1 quotes it; what they ask stands in their own words.
        quoted = "" if read_step(line).kind in (StepKind.WHY, StepKind.HELP) else message.quoted
        chat_message = ChatMessage(
            tenant=visitor.tenant,
            thread=visitor.thread_key,
            text=quoted or line,
            account=customer,
            conversations=conversations,
            lexicon=lexicon,
            rep_id=visitor.rep.rep_id,
            key=message.answer_id,
            is_quote=bool(quoted),
        )
        answer = await self._streamed(chat_message, show)
        return self._said(answer, visitor, customer)

    async def _streamed(self, message: ChatMessage, show: Show) -> ChatAnswer:
        sentences: list[VerifiedSentence] = []
        shown_at = time.monotonic()
        chat = await self._chat()
        async for event in chat.talk(message):
            if isinstance(event, ChatAnswer):
                return event
            if isinstance(event, VerifiedSentence):
                sentences.append(event)
            else:
                sentences.clear()
            if sentences and time.monotonic() - shown_at >= _EVERY_S:
                await show(render_so_far(sentences, self._lang))
                shown_at = time.monotonic()
        raise RuntimeError("the chat ended without an answer")

    def _said(self, answer: ChatAnswer, visitor: Visitor, customer: Account | None) -> Said:
        envelope = answer.envelope
        if envelope is None:
            return Said(text="\n".join(escaped(line) for line in answer.lines))
        if not _is_about_them(envelope):
            customer = None
        remember = _remembered(visitor, customer)
        rendered = render(envelope, self._lang)
        about = f"{chat_line('about', self._lang, name=escaped(customer.name))}\n\n" if customer else ""
        return Said(
            text=f"{about}{rendered.text}",
            card=rendered.card,
            decision_id=None if envelope.abstained else envelope.decision_id,
            effect=_all([remember, _told(envelope)]),
        )

    def _line(self, key: str, /, **values: object) -> Said:
        return Said(text=chat_line(key, self._lang, **values))


def _is_about_them(envelope: Envelope) -> bool:
    """Whether an answer rests on the customer's own record or words; one from cases alone says nothing about them."""
    own = (SourceKind.CRM, SourceKind.TURN)
    claims = (claim for suggestion in envelope.suggestions for claim in suggestion.claims)
    return any(citation.source_kind in own for claim in claims for citation in claim.citations)


def _wants_brief(text: str) -> bool:
    return read_step(text).kind is StepKind.BRIEF


def _without_name(text: str, customer: Account | None) -> str:
    """江州医院 简报 is 简报 about them; elsewhere the name stays, for it may be part of what is asked."""
    if customer is None:
        return text
    words = text.split()
    rest = " ".join(word for word in words if word not in customer.name)
    return rest if rest and _wants_brief(rest) else text


def _remembered(visitor: Visitor, customer: Account | None) -> Effect | None:
    if customer is None or customer.account_id == visitor.thread.account_id:
        return None
    thread = replace(visitor.thread, account_id=customer.account_id)

    async def remember(work: Work) -> None:
        await work.chat_threads.put(visitor.thread_key, thread)

    return remember


def _told(envelope: Envelope) -> Effect:
    async def tell(work: Work) -> None:
        data = {"decision_id": envelope.decision_id, "kind": envelope.kind.value}
        await work.webhooks.emit(WebhookEvent.SUGGESTION_CREATED, data)

    return tell


def _all(effects: Sequence[Effect | None]) -> Effect:
    async def do(work: Work) -> None:
        for effect in effects:
            if effect is not None:
                await effect(work)

    return do
