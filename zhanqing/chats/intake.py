"""From a platform into the inbox: kept for good, once, and queued, before the platform is told that it arrived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from bots.inbound import InboundMessage, Sender
from store.chat_answers import ChatPlace, Opening
from store.inbox import Arrival
from store.jobs import Job
from store.work import Store
from wire.documents import dump, read
from zhanqing.chats.together import Together

log = structlog.get_logger(__name__)


class Intake:
    """Keeps messages of one tenant's bots; safe to call twice with the same one.

    Messages that come at the same time are kept in one transaction: a database takes many as quickly as one.

    Args:
        soon_s: An answer that is ready sooner comes without a word before it that it is being looked for.
    """

    def __init__(self, store: Store, tenant: str, *, soon_s: float = 0.6) -> None:
        self._store, self._tenant, self._soon_s = store, tenant, soon_s
        self._round = Together(self._keep_all)

    async def keep(self, message: InboundMessage) -> None:
        """Put a message into the inbox and begin its answer.

        Raises:
            UpstreamError: The database is out of reach; the platform will deliver again.
        """
        await self._round.ask(replace(message, text=_whole(message.text), quoted=_whole(message.quoted)))

    async def _keep_all(self, messages: Sequence[InboundMessage]) -> None:
        async with self._store.begin(self._tenant) as work:
            jobs = await work.inbox.receive_all([_arrival(message) for message in messages])
            now = self._store.clock()
            begun = [self._opening(one, job, now) for one, job in zip(messages, jobs, strict=True) if job is not None]
            await work.chat_answers.open_all(begun)
        for message, job in zip(messages, jobs, strict=True):
            channel, kind = message.channel.value, message.kind.value
            log.info("chat.received", channel=channel, kind=kind, is_new=job is not None)

    def _opening(self, message: InboundMessage, job: Job, now: datetime) -> Opening:
        return Opening(
            answer_id=message.answer_id,
            place=place_of(message),
            order_key=str(job.payload["message_id"]),
            asked_at=_moment(message.sent_at, now),
            reply_to=message.reply_to,
            delay_s=self._soon_s,
        )


def _arrival(message: InboundMessage) -> Arrival:
    place = place_of(message)
    return Arrival(
        channel=place.channel,
        account_id=place.account_id,
        dedupe_keys=message.dedupe_keys,
        thread_key=place.thread_key,
        payload=dump(message),
    )


def _whole(text: str) -> str:
    """Return text without halves of characters, which some clients cut off an emoji and no database takes."""
    return text.encode("utf-8", "ignore").decode("utf-8")


def _moment(sent_at: float, now: datetime) -> datetime:
    """Return the platform's time of a message, where it is one and not in the future; else the present."""
    return datetime.fromtimestamp(sent_at, UTC) if 0 < sent_at < now.timestamp() else now


def read_message(payload: object) -> InboundMessage:
    """Return a kept message."""
    message: InboundMessage = read(InboundMessage, payload, what="message")
    return message


def place_of(message: InboundMessage) -> ChatPlace:
    """Return where a message's answer goes."""
    return ChatPlace(
        channel=message.channel.value,
        account_id=message.account_id,
        user_id=message.sender.user_id,
        conversation_id=message.sender.conversation_id,
        is_group=message.sender.is_group,
    )


def sender_of(place: ChatPlace) -> Sender:
    """Return a kept place as the platform's address."""
    return Sender(user_id=place.user_id, conversation_id=place.conversation_id, is_group=place.is_group)


def platform_of(channel: str) -> str:
    """Return the name under which a channel's user ids are bound: all WeCom channels share theirs."""
    return channel.partition("_")[0]
