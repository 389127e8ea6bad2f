"""Outgoing webhooks: subscriptions, and the events written for them together with what they tell of."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, func, select, update

from domain.errors import NotFoundError
from store.canonical import compact
from store.ids import new_id
from store.jobs import Jobs
from store.sealed import SealedRepository
from store.tables import WebhookDeliveryRow, WebhookRow

DELIVER_WEBHOOK = "deliver_webhook"
"""The kind of job that delivers one event; its payload is `{"webhook_id", "event_id"}`."""

ATTEMPTS = 10
OVERLAP = timedelta(hours=24)
"""How long the old secret signs too after a rotation."""

DISABLED_AFTER = timedelta(days=5)
"""A receiver that failed for so long is not called any more until somebody looks after it."""


class WebhookEvent(StrEnum):
    """What subscribers can be told of."""

    CALL_COMPLETED = "call.completed"
    CALL_FAILED = "call.failed"
    SUGGESTION_CREATED = "suggestion.created"
    DECISION_FEEDBACK = "decision.feedback"
    CASE_PUBLISHED = "case.published"
    CONSENT_WITHDRAWN = "consent.withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A subscription as lists show it; no events means all of them."""

    webhook_id: str
    url: str
    events: frozenset[WebhookEvent]
    description: str
    disabled_at: datetime | None
    failing_since: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWebhook:
    """A subscription with its secret, which is shown this once."""

    webhook: Webhook
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event for one subscription; `last_status` is the receiver's last answer."""

    event_id: str
    event: WebhookEvent
    body: str
    attempts: int
    last_status: int | None
    last_error: str | None
    created_at: datetime
    delivered_at: datetime | None


class Webhooks(SealedRepository):
    """The webhooks of one tenant."""

    async def subscribe(self, url: str, *, events: frozenset[WebhookEvent], description: str = "") -> NewWebhook:
        """Add a subscription; its secret is returned here and never again."""
        secret = _new_secret()
        webhook_id = new_id("wh", self._now())
        values = {
            "webhook_id": webhook_id,
            "url": url,
            "events": sorted(events),
            "description": description,
            "secret": self._key().seal(secret),
            "previous_secret": None,
            "previous_until": None,
            "disabled_at": None,
            "failing_since": None,
            "created_at": self._now(),
        }
        await self._insert(WebhookRow, [values])
        return NewWebhook(webhook=await self.existing(webhook_id), secret=secret)

    async def all(self) -> list[Webhook]:
        """Return every subscription, oldest first."""
        rows = await self._session.scalars(select(WebhookRow).order_by(WebhookRow.webhook_id))
        return [_webhook(row) for row in rows]

    async def existing(self, webhook_id: str) -> Webhook:
        """Return a subscription that must be there.

        Raises:
            NotFoundError: It is not.
        """
        return _webhook(await self._row(webhook_id))

    async def remove(self, webhook_id: str) -> None:
        """Remove a subscription and what was to be delivered to it.

        Raises:
            NotFoundError: There is no such subscription.
        """
        await self._row(webhook_id)
        await self._session.execute(delete(WebhookRow).where(WebhookRow.webhook_id == webhook_id))

    async def rotate(self, webhook_id: str) -> NewWebhook:
        """Give a subscription a new secret; for a day both sign.

        Raises:
            NotFoundError: There is no such subscription.
        """
        row = await self._row(webhook_id)
        secret = _new_secret()
        values = {
            "secret": self._key().seal(secret),
            "previous_secret": row.secret,
            "previous_until": self._now() + OVERLAP,
        }
        await self._set(webhook_id, values)
        return NewWebhook(webhook=await self.existing(webhook_id), secret=secret)

    async def secrets(self, webhook_id: str) -> list[str]:
        """Return the secrets that sign now, the newest first.

        Raises:
            NotFoundError: There is no such subscription.
        """
        row = await self._row(webhook_id)
        sealed = [row.secret]
        if row.previous_secret and row.previous_until and self._now() < row.previous_until:
            sealed.append(row.previous_secret)
        return [self._key().open(each) for each in sealed]

    async def emit(self, event: WebhookEvent, data: Mapping[str, Any]) -> int:
        """Write an event for everybody who subscribed to it, and queue its deliveries; say to how many.

        Ids and counts only: what was said is fetched by whoever may.
        """
        now = self._now()
        wanted = [webhook for webhook in await self.all() if _wants(webhook, event)]
        for webhook in wanted:
            event_id = new_id("evt", now)
            body = compact({"type": event, "timestamp": now.isoformat(), "data": dict(data)})
            values = {"webhook_id": webhook.webhook_id, "event_id": event_id, "event": event, "body": body}
            await self._insert(WebhookDeliveryRow, [{**values, **_UNTRIED, "created_at": now}])
            await self._queue(webhook.webhook_id, event_id)
        return len(wanted)

    async def delivery(self, webhook_id: str, event_id: str) -> Delivery:
        """Return one delivery.

        Raises:
            NotFoundError: There is no such delivery.
        """
        row = WebhookDeliveryRow
        statement = select(row).where(row.webhook_id == webhook_id, row.event_id == event_id)
        found = await self._session.scalar(statement)
        if found is None:
            raise NotFoundError("store.no_delivery")
        return _delivery(found)

    async def deliveries(self, webhook_id: str, *, limit: int, before: str | None = None) -> list[Delivery]:
        """Return a subscription's deliveries newest first, from before an event's id on."""
        await self._row(webhook_id)
        row = WebhookDeliveryRow
        statement = select(row).where(row.webhook_id == webhook_id)
        if before is not None:
            statement = statement.where(row.event_id < before)
        rows = await self._session.scalars(statement.order_by(row.event_id.desc()).limit(limit))
        return [_delivery(each) for each in rows]

    async def replay(self, webhook_id: str, event_id: str) -> None:
        """Deliver an event again, under the same id.

        Raises:
            NotFoundError: There is no such delivery.
        """
        await self.delivery(webhook_id, event_id)
        await self._queue(webhook_id, event_id)

    async def note_answer(self, webhook_id: str, event_id: str, *, status: int | None, error: str | None) -> None:
        """Write down what a receiver answered; after days of failures it is not called any more."""
        now = self._now()
        good = status is not None and 200 <= status < 300
        row = WebhookDeliveryRow
        answer = {
            "attempts": row.attempts + 1,
            "last_status": status,
            "last_error": error,
            "delivered_at": now if good else None,
        }
        await self._session.execute(
            update(row).where(row.webhook_id == webhook_id, row.event_id == event_id).values(answer)
        )
        await self._note_health(webhook_id, good=good, gone=status == 410)

    async def _note_health(self, webhook_id: str, *, good: bool, gone: bool) -> None:
        now = self._now()
        since = None if good else func.coalesce(WebhookRow.failing_since, now)
        await self._set(webhook_id, {"failing_since": since})
        hopeless = update(WebhookRow).where(WebhookRow.webhook_id == webhook_id, WebhookRow.disabled_at.is_(None))
        if not gone:
            hopeless = hopeless.where(WebhookRow.failing_since < now - DISABLED_AFTER)
        await self._session.execute(hopeless.values(disabled_at=now))

    async def _queue(self, webhook_id: str, event_id: str) -> None:
        payload = {"webhook_id": webhook_id, "event_id": event_id}
        await Jobs(self._scope).add(DELIVER_WEBHOOK, payload, max_attempts=ATTEMPTS)

    async def _row(self, webhook_id: str) -> WebhookRow:
        row = await self._session.scalar(select(WebhookRow).where(WebhookRow.webhook_id == webhook_id))
        if row is None:
            raise NotFoundError("store.no_webhook")
        return row

    async def _set(self, webhook_id: str, values: Mapping[str, Any]) -> None:
        await self._session.execute(update(WebhookRow).where(WebhookRow.webhook_id == webhook_id).values(values))


_UNTRIED = {"attempts": 0, "last_status": None, "last_error": None, "delivered_at": None}


def _new_secret() -> str:
    """As Standard Webhooks prescribes: `whsec_` and base64 of random bytes."""
    return "whsec_" + b64encode(secrets.token_bytes(32)).decode("ascii")


def _wants(webhook: Webhook, event: WebhookEvent) -> bool:
    return webhook.disabled_at is None and (not webhook.events or event in webhook.events)


def _webhook(row: WebhookRow) -> Webhook:
    return Webhook(
        webhook_id=row.webhook_id,
        url=row.url,
        events=frozenset(WebhookEvent(event) for event in row.events),
        description=row.description,
        disabled_at=row.disabled_at,
        failing_since=row.failing_since,
        created_at=row.created_at,
    )


def _delivery(row: WebhookDeliveryRow) -> Delivery:
    return Delivery(
        event_id=row.event_id,
        event=WebhookEvent(row.event),
        body=row.body,
        attempts=row.attempts,
        last_status=row.last_status,
        last_error=row.last_error,
        created_at=row.created_at,
        delivered_at=row.delivered_at,
    )
