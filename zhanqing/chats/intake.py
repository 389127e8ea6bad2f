"""From a platform into the inbox: kept for good, once, and queued, before the platform is told that it arrived."""

from __future__ import annotations

from datetime import UTC, datetime

import structlog

from bots.inbound import InboundMessage, Sender
from store.chat_answers import ChatPlace
from store.work import Store
from wire.documents import dump, read

log = structlog.get_logger(__name__)


class Intake:
    """Keeps messages of one tenant's bots; safe to call twice with the same one."""

    def __init__(self, store: Store, tenant: str) -> None:
        self._store, self._tenant = store, tenant

    async def keep(self, message: InboundMessage) -> None:
        """Put a message into the inbox and begin its answer.

        Raises:
            UpstreamError: The database is out of reach; the platform will deliver again.
        """
        place = place_of(message)
        async with self._store.begin(self._tenant) as work:
            job = await work.inbox.receive(
                channel=message.channel.value,
                account_id=message.account_id,
                dedupe_keys=message.dedupe_keys,
                thread_key=place.thread_key,
                payload=dump(message),
            )
            if job is not None:
                now = self._store.clock()
                await work.chat_answers.open(
                    message.answer_id,
                    place,
                    order_key=str(job.payload["message_id"]),
                    asked_at=min(now, datetime.fromtimestamp(message.sent_at, UTC)) if message.sent_at > 0 else now,
                    reply_to=message.reply_to,
                )
        log.info("chat.received", channel=message.channel.value, kind=message.kind.value, is_new=job is not None)


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
