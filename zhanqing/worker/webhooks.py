"""Delivering webhooks as Standard Webhooks prescribes: signed, to a pinned public address, without redirects.

https://www.standardwebhooks.com (version 1.0.0).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import httpx
import structlog

from domain.errors import InputError, UpstreamError
from store.webhook_urls import WebhookUrls
from store.webhooks import Delivery
from zhanqing.worker.runs import Handler, JobRun

log = structlog.get_logger(__name__)

TIMEOUT_S = 15.0
DELAYS_S = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Waits between attempts: the last comes after three days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSchedule:
    """How long to wait before the next attempt, in seconds."""

    delays_s: Sequence[float] = DELAYS_S

    def delay_s(self, attempt: int) -> float:
        """The wait after the attempt of this number (from 1)."""
        return self.delays_s[min(attempt, len(self.delays_s)) - 1]


def signatures(secrets: Sequence[str], event_id: str, timestamp: int, body: str) -> str:
    """Return the `webhook-signature` header: one `v1,…` for each secret that signs now."""
    content = f"{event_id}.{timestamp}.{body}".encode()
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets]
    return " ".join("v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode("ascii") for key in keys)


def webhook_handler(urls: WebhookUrls, *, transport: httpx.AsyncBaseTransport | None = None) -> Handler:
    """Return the handler of `deliver_webhook` jobs; tests pass a transport of their own."""

    async def deliver(run: JobRun) -> None:
        webhook_id, event_id = str(run.job.payload["webhook_id"]), str(run.job.payload["event_id"])
        async with run.store.read(run.job.tenant) as work:
            webhook = await work.webhooks.existing(webhook_id)
            delivery = await work.webhooks.delivery(webhook_id, event_id)
            secrets = await work.webhooks.secrets(webhook_id)
        if webhook.disabled_at is not None:
            raise InputError("zhanqing.webhook_disabled")
        headers = _headers(delivery, secrets, int(run.store.clock().timestamp()))
        status, error = await _send(webhook.url, delivery.body, headers, urls, transport)
        async with run.store.begin(run.job.tenant) as work:
            await work.webhooks.note_answer(webhook_id, event_id, status=status, error=error)
        log.info("webhook.sent", webhook_id=webhook_id, event_id=event_id, status=status, error=error)
        if status is None or not (200 <= status < 300 or status == 410):
            raise UpstreamError("zhanqing.webhook_not_taken")

    return deliver


def _headers(delivery: Delivery, secrets: Sequence[str], timestamp: int) -> dict[str, str]:
    return {
        "content-type": "application/json",
        "webhook-id": delivery.event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signatures(secrets, delivery.event_id, timestamp, delivery.body),
        "user-agent": "zhanqing-webhooks/1",
    }


async def _send(
    url: str,
    body: str,
    headers: dict[str, str],
    urls: WebhookUrls,
    transport: httpx.AsyncBaseTransport | None,
) -> tuple[int | None, str | None]:
    """Post to the address that was checked; return the status, or what kept an answer from coming."""
    parts = urlsplit(url)
    try:
        urls.check(url)
        pinned = await _pinned(parts, urls)
        async with httpx.AsyncClient(transport=transport, timeout=TIMEOUT_S, trust_env=False) as client:
            request = client.build_request(
                "POST",
                pinned,
                content=body.encode("utf-8"),
                headers={**headers, "host": parts.netloc},
                extensions={"sni_hostname": parts.hostname},
            )
            answered = await client.send(request, stream=True)
            await answered.aclose()
            return answered.status_code, None
    except InputError as error:
        return None, error.code
    except httpx.HTTPError as error:
        return None, type(error).__name__


async def _pinned(parts: SplitResult, urls: WebhookUrls) -> str:
    """Return the URL with the checked address in place of the name, which could resolve differently next time."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = await asyncio.to_thread(urls.resolve, parts.hostname or "", port)
    host = f"[{address}]" if ":" in address else address
    return parts._replace(netloc=f"{host}:{port}").geturl()
