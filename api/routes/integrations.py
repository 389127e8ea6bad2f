"""API keys and outgoing webhooks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api.callers import SECURED, Admin
from api.documents import Identifier, KeyBody, WebhookBody, answer
from api.errors import documented
from api.idempotency import IdempotentRoute
from api.parts import parts_of
from store.keys import ApiKey, ApiScope, NewKey, Role
from store.webhooks import NewWebhook, Webhook
from wire.documents import dump

router = APIRouter(prefix="/v1", tags=["integrations"], dependencies=SECURED, route_class=IdempotentRoute)

OVERLAP = timedelta(hours=24)


@router.post("/api-keys", status_code=201, responses=documented(400, 409), response_model=dict[str, Any])
async def create_key(request: Request, caller: Admin, body: KeyBody) -> JSONResponse:
    """Make a key; its secret is shown here and never again."""
    async with parts_of(request).store.begin(caller.tenant) as work:
        made = await work.api_keys.create(
            body.name,
            role=Role(body.role),
            scopes=frozenset(ApiScope(scope) for scope in body.scopes),
            rep_id=body.rep_id,
            team_id=body.team_id,
            expires_at=body.expires_at,
        )
    return answer(_new_key(made), status=201)


@router.get("/api-keys", responses=documented(), response_model=dict[str, Any])
async def list_keys(request: Request, caller: Admin) -> JSONResponse:
    """List keys, oldest first, without their secrets."""
    async with parts_of(request).store.read(caller.tenant) as work:
        return answer({"data": [key_document(key) for key in await work.api_keys.all()]})


@router.delete("/api-keys/{key_id}", responses=documented(404), response_model=dict[str, Any])
async def revoke_key(request: Request, caller: Admin, key_id: str) -> JSONResponse:
    """Make a key worthless from the next request on."""
    async with parts_of(request).store.begin(caller.tenant) as work:
        return answer(key_document(await work.api_keys.revoke(key_id)))


@router.post(
    "/api-keys/{key_id}/rotate", status_code=201, responses=documented(400, 404, 409), response_model=dict[str, Any]
)
async def rotate_key(request: Request, caller: Admin, key_id: str) -> JSONResponse:
    """Make a key with the same rights; the old one goes on for a day."""
    async with parts_of(request).store.begin(caller.tenant) as work:
        return answer(_new_key(await work.api_keys.rotate(key_id, overlap=OVERLAP)), status=201)


@router.post("/webhooks", status_code=201, responses=documented(400, 409), response_model=dict[str, Any])
async def subscribe(request: Request, caller: Admin, body: WebhookBody) -> JSONResponse:
    """Subscribe an address to events; the signing secret is shown here and never again."""
    parts_of(request).webhook_urls.check(body.url)
    async with parts_of(request).store.begin(caller.tenant) as work:
        made = await work.webhooks.subscribe(body.url, events=frozenset(body.events), description=body.description)
    return answer(_new_webhook(made), status=201)


@router.get("/webhooks", responses=documented(), response_model=dict[str, Any])
async def list_webhooks(request: Request, caller: Admin) -> JSONResponse:
    """List subscriptions, oldest first, without their secrets."""
    async with parts_of(request).store.read(caller.tenant) as work:
        return answer({"data": [webhook_document(webhook) for webhook in await work.webhooks.all()]})


@router.delete("/webhooks/{webhook_id}", status_code=204, responses=documented(404))
async def unsubscribe(request: Request, caller: Admin, webhook_id: str) -> None:
    """Remove a subscription."""
    async with parts_of(request).store.begin(caller.tenant) as work:
        await work.webhooks.remove(webhook_id)


@router.post("/webhooks/{webhook_id}/rotate_secret", responses=documented(400, 404, 409), response_model=dict[str, Any])
async def rotate_secret(request: Request, caller: Admin, webhook_id: str) -> JSONResponse:
    """Give a subscription a new secret; for a day both sign."""
    async with parts_of(request).store.begin(caller.tenant) as work:
        return answer(_new_webhook(await work.webhooks.rotate(webhook_id)))


@router.get("/webhooks/{webhook_id}/deliveries", responses=documented(404), response_model=dict[str, Any])
async def list_deliveries(
    request: Request, caller: Admin, webhook_id: str, before: Identifier | None = None
) -> JSONResponse:
    """List the last hundred deliveries, newest first, from before an event's id on."""
    async with parts_of(request).store.read(caller.tenant) as work:
        found = await work.webhooks.deliveries(webhook_id, limit=100, before=before)
    return answer({"data": [dump(delivery) for delivery in found]})


@router.post(
    "/webhooks/{webhook_id}/deliveries/{event_id}/replay",
    status_code=202,
    responses=documented(400, 404, 409),
    response_model=dict[str, Any],
)
async def replay(request: Request, caller: Admin, webhook_id: str, event_id: str) -> JSONResponse:
    """Deliver an event again, under the same id."""
    async with parts_of(request).store.begin(caller.tenant) as work:
        await work.webhooks.replay(webhook_id, event_id)
    return answer({"event_id": event_id, "status": "queued"}, status=202)


def key_document(key: ApiKey) -> dict[str, Any]:
    """Return a key as lists show it."""
    document: dict[str, Any] = dump(key)
    document["scopes"] = sorted(document["scopes"])
    del document["tenant"]
    return document


def webhook_document(webhook: Webhook) -> dict[str, Any]:
    """Return a subscription as lists show it."""
    document: dict[str, Any] = dump(webhook)
    document["events"] = sorted(document["events"])
    return document


def _new_key(made: NewKey) -> dict[str, Any]:
    return {**key_document(made.key), "secret": made.secret}


def _new_webhook(made: NewWebhook) -> dict[str, Any]:
    return {**webhook_document(made.webhook), "secret": made.secret}
