"""Webhooks are signed as the standard says, go only where they may, and are tried again or given up."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from domain.errors import InputError
from store.jobs import Job, JobStatus
from store.sealing import Sealer
from store.testing import Databases, SteppingClock
from store.webhook_urls import WebhookUrls
from store.webhooks import DELIVER_WEBHOOK, Delivery, WebhookEvent
from store.work import Store
from zhanqing.worker.runs import JobRunner
from zhanqing.worker.webhooks import DELAYS_S, WebhookSchedule, signatures, webhook_handler

PUBLIC = "93.184.216.34"


@pytest.fixture
async def sealed(sqlite_databases: Databases, tmp_path: Path, clock: SteppingClock) -> AsyncIterator[Store]:
    async with sqlite_databases.fresh() as engine:
        yield Store(engine, sealer=Sealer(b"k" * 32), clock=clock)


@pytest.fixture(autouse=True)
def resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names resolve without a network."""
    known = {"crm.example.com": PUBLIC, "inside.example.com": "10.0.0.8"}

    def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        if host not in known:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (known[host], port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


async def emit(store: Store, url: str = "https://crm.example.com/hook") -> tuple[str, str]:
    async with store.begin("acme") as work:
        made = await work.webhooks.subscribe(url, events=frozenset())
        await work.webhooks.emit(WebhookEvent.CALL_COMPLETED, {"call_id": "c1"})
    return made.webhook.webhook_id, made.secret


async def deliver(
    store: Store, answer: Callable[[httpx.Request], httpx.Response], *, urls: WebhookUrls | None = None
) -> bool:
    handler = webhook_handler(urls or WebhookUrls(), transport=httpx.MockTransport(answer))
    schedule = {DELIVER_WEBHOOK: WebhookSchedule()}
    return await JobRunner(store, {DELIVER_WEBHOOK: handler}, owner="w1", delays=schedule).run_next()


async def outcome(store: Store, webhook_id: str) -> tuple[Job, Delivery]:
    async with store.read("acme") as work:
        (job,) = await work.jobs.page(limit=9)
        (delivery,) = await work.webhooks.deliveries(webhook_id, limit=9)
    return job, delivery


def taken(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(204)


def test_the_signature_is_the_standards_own_example() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    found = signatures([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, '{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_delivery_is_signed_and_goes_to_the_address_that_was_checked(sealed: Store) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    webhook_id, secret = await emit(sealed)
    assert await deliver(sealed, answer)
    (request,) = seen
    job, delivery = await outcome(sealed, webhook_id)
    content = f"{delivery.event_id}.{request.headers['webhook-timestamp']}.{delivery.body}".encode()
    expected = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), content, hashlib.sha256)
    assert request.url == f"https://{PUBLIC}:443/hook"
    assert (request.headers["host"], request.extensions["sni_hostname"]) == ("crm.example.com", "crm.example.com")
    assert request.headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()
    assert request.content.decode() == delivery.body
    assert (job.status, delivery.last_status, delivery.attempts) == (JobStatus.DONE, 200, 1)


async def test_after_a_rotation_both_secrets_sign(sealed: Store) -> None:
    webhook_id, _ = await emit(sealed)
    async with sealed.begin("acme") as work:
        await work.webhooks.rotate(webhook_id)
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["webhook-signature"])
        return httpx.Response(200)

    await deliver(sealed, answer)
    assert len(seen[0].split(" ")) == 2


@pytest.mark.parametrize("status", [302, 404, 429, 500])
async def test_what_is_not_taken_is_tried_again_under_the_same_id(
    sealed: Store, clock: SteppingClock, status: int
) -> None:
    ids: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        ids.append(request.headers["webhook-id"])
        return httpx.Response(status, headers={"location": "https://10.0.0.8/"}) if len(ids) == 1 else taken(request)

    webhook_id, _ = await emit(sealed)
    await deliver(sealed, answer)
    assert not await deliver(sealed, answer)
    clock.pass_s(6)
    assert await deliver(sealed, answer)
    job, delivery = await outcome(sealed, webhook_id)
    assert (job.status, delivery.attempts, delivery.last_status) == (JobStatus.DONE, 2, 204)
    assert ids[0] == ids[1]


async def test_after_three_days_it_is_given_up(sealed: Store, clock: SteppingClock) -> None:
    webhook_id, _ = await emit(sealed)
    for wait_s in (0, *DELAYS_S):
        clock.pass_s(wait_s + 1)
        assert await deliver(sealed, lambda _: httpx.Response(500))
    job, delivery = await outcome(sealed, webhook_id)
    assert (job.status, job.reason, delivery.attempts) == (JobStatus.DEAD, "zhanqing.webhook_not_taken", 10)


async def test_a_disabled_subscription_gets_nothing_more(sealed: Store) -> None:
    webhook_id, _ = await emit(sealed)
    async with sealed.begin("acme") as work:
        event_id = (await work.webhooks.deliveries(webhook_id, limit=1))[0].event_id
        await work.webhooks.note_answer(webhook_id, event_id, status=410, error=None)
    await deliver(sealed, taken)
    job, delivery = await outcome(sealed, webhook_id)
    assert (job.status, job.reason, delivery.attempts) == (JobStatus.FAILED, "zhanqing.webhook_disabled", 1)


async def test_a_receiver_that_is_gone_is_not_called_again(sealed: Store, clock: SteppingClock) -> None:
    webhook_id, _ = await emit(sealed)
    await deliver(sealed, lambda _: httpx.Response(410))
    job, delivery = await outcome(sealed, webhook_id)
    async with sealed.read("acme") as work:
        assert (await work.webhooks.existing(webhook_id)).disabled_at is not None
    assert (job.status, delivery.last_status) == (JobStatus.DONE, 410)


async def test_a_receiver_that_hangs_up_is_tried_again(sealed: Store) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    webhook_id, _ = await emit(sealed)
    await deliver(sealed, answer)
    job, delivery = await outcome(sealed, webhook_id)
    assert (job.status, delivery.last_error) == (JobStatus.QUEUED, "ConnectError")


@pytest.mark.parametrize("host", ["inside.example.com", "nowhere.example.com"])
async def test_a_name_that_leads_inside_is_never_called(sealed: Store, host: str) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        raise AssertionError("called")

    webhook_id, _ = await emit(sealed, f"https://{host}/hook")
    await deliver(sealed, answer)
    _, delivery = await outcome(sealed, webhook_id)
    assert delivery.last_error == "store.unsafe_url"


def test_an_installation_may_allow_its_own_network() -> None:
    urls = WebhookUrls(allow_private=True)
    urls.check("http://10.0.0.8:8080/hook")
    assert urls.resolve("inside.example.com", 80) == "10.0.0.8"
    with pytest.raises(InputError):
        urls.check("file:///etc/passwd")


def test_the_last_attempt_comes_after_three_days() -> None:
    schedule = WebhookSchedule()
    assert [schedule.delay_s(attempt) for attempt in (1, 2, 9, 50)] == [5, 300, 86_400, 86_400]
    assert 2.5 < sum(schedule.delay_s(attempt) for attempt in range(1, 10)) / 86_400 < 3.5
