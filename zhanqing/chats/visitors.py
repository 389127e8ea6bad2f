"""Who writes and what about: the rep behind a sender, their customers, and the one this chat is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.customers import customers_named, stranger_named
from bots.inbound import InboundMessage
from domain.accounts import Account
from domain.conversation import Transcript
from store.chat_answers import ChatPlace
from store.chat_people import Binding
from store.chat_threads import ChatThread
from store.conversations import ConversationFilter
from store.people import Rep
from store.work import Work
from zhanqing.chats.intake import place_of, platform_of

MOST_CUSTOMERS = 500
_LATEST = 3
"""Conversations of a customer that an answer may draw on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A sender whom we know; `thread_key` is their own memory, also in a group."""

    tenant: str
    rep: Rep
    binding: Binding
    place: ChatPlace
    thread_key: str
    thread: ChatThread
    customers: tuple[Account, ...] = field(default=(), repr=False)

    @property
    def customer(self) -> Account | None:
        """The customer that the chat is about at present."""
        return next((one for one in self.customers if one.account_id == self.thread.account_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """Which customer a line is about: one, none, several to choose from, or somebody nobody knows."""

    customer: Account | None = None
    candidates: tuple[Account, ...] = ()
    stranger: str = ""


async def visitor_of(work: Work, message: InboundMessage) -> Visitor | None:
    """Return who sent a message; None for somebody who is not bound."""
    binding = await work.chat_people.of(platform_of(message.channel), message.sender.user_id)
    rep = await work.people.rep(binding.rep_id) if binding else None
    if binding is None or rep is None:
        return None
    place = place_of(message)
    key = place.memory_key
    return Visitor(
        tenant=work.tenant,
        rep=rep,
        binding=binding,
        place=place,
        thread_key=key,
        thread=await work.chat_threads.get(key),
        customers=tuple(await _customers(work, rep)),
    )


def meant(text: str, visitor: Visitor) -> Meant:
    """Say which customer a line is about; one that was named before is meant until another is."""
    named = customers_named(text, visitor.customers)
    if len(named) == 1:
        return Meant(customer=named[0])
    if named:
        return Meant(candidates=tuple(named))
    stranger = stranger_named(text, visitor.customers) if visitor.customers else ""
    return Meant(stranger=stranger) if stranger else Meant(customer=visitor.customer)


async def conversations_of(work: Work, visitor: Visitor, account: Account | None) -> tuple[Transcript, ...]:
    """Return the latest conversations of a customer, of this rep or nobody's, oldest first."""
    if account is None:
        return ()
    page = await work.conversations.page(ConversationFilter(account_id=account.account_id), limit=4 * _LATEST)
    mine = [one for one in page if one.rep_id in (None, visitor.rep.rep_id)][:_LATEST]
    found = [await work.conversations.get(one.conversation_id) for one in reversed(mine)]
    return tuple(one for one in found if one is not None)


async def _customers(work: Work, rep: Rep) -> Sequence[Account]:
    """A rep's own customers, by the owner that the CRM names."""
    by_id = await work.accounts.page(limit=MOST_CUSTOMERS, owner=rep.rep_id)
    by_name = await work.accounts.page(limit=MOST_CUSTOMERS, owner=rep.name) if rep.name != rep.rep_id else []
    return [*by_id, *by_name]
