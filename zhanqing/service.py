"""Processes that stay: the API with a worker inside, and workers on their own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from api.app import create_app
from api.chat_door import ChatDoor
from api.console.options import ConsoleOptions, OidcOptions
from api.parts import ApiLimits
from api.rate_limit import MemoryRateLimiter, RateLimiter
from retrieval.keeping import IndexKeeper
from store.webhook_urls import WebhookUrls
from zhanqing.chats.desk import ChatDesk, rules_of
from zhanqing.tracing import start_tracing

if TYPE_CHECKING:
    from fastapi import FastAPI

    from agent.coach import Coach
    from agent.drills import DrillCoach
    from domain.lexicon import Lexicon
    from retrieval.search import CaseSearch
    from speech.live import LiveTranscriber
    from speech.voiceprints import Voiceprint
    from zhanqing.bootstrap import Parts
    from zhanqing.settings import Settings
    from zhanqing.worker.broker import BrokerWorker
    from zhanqing.worker.inprocess import InProcessWorker
    from zhanqing.worker.retention import RetentionKeeper
    from zhanqing.worker.runs import JobRunner


class ServedParts:
    """The parts behind the routes, with what only the API needs beside them."""

    def __init__(self, parts: Parts) -> None:
        chosen = parts.settings.api
        self._parts = parts
        self.store = parts.store
        self.sealer = parts.sealer
        self.limits = ApiLimits(
            max_upload_bytes=chosen.max_upload_bytes,
            cors_origins=chosen.cors_origins,
            live_calls=chosen.live_calls,
        )
        self.limiter = _limiter(parts.settings, self.limits.requests_per_minute)
        self.webhook_urls = WebhookUrls()
        self.console = console_options(parts.settings)
        self.desk = ChatDesk(parts)

    @property
    def drills(self) -> DrillCoach:
        """Role plays."""
        return self._parts.drills

    @property
    def coach(self) -> Coach:
        """Answers, replies and briefs."""
        return self._parts.coach

    @property
    def chats(self) -> ChatDoor | None:
        """Where chat platforms come in."""
        return self.desk if self.desk.platforms else None

    @property
    def search(self) -> CaseSearch:
        """Search over published war cases."""
        return self._parts.search

    def live_transcriber(
        self, *, channels: int, roles: Sequence[str] | None = None, lexicon: Lexicon = ()
    ) -> LiveTranscriber:
        """What listens to one call as it happens."""
        return self._parts.live_transcriber(channels=channels, roles=roles, lexicon=lexicon)

    def voiceprint(self, path: Path) -> Voiceprint:
        """What a person is known by, from a recording of them alone."""
        return self._parts.transcriber.voiceprint(path)


def _limiter(settings: Settings, per_minute: int) -> RateLimiter:
    """Return what counts requests: in this process, or for all processes in Redis."""
    own = MemoryRateLimiter(per_minute)
    if settings.redis.url is None:
        return own
    from api.redis_rate_limit import RedisRateLimiter

    return RedisRateLimiter(settings.redis.url.get_secret_value(), per_minute, fallback=own)


def console_options(settings: Settings) -> ConsoleOptions:
    """Return what is set about the console; signing in through a provider needs its issuer and our side of it."""
    chosen, oidc = settings.console, settings.oidc
    provider = None
    if oidc.issuer is not None and oidc.client_secret is not None:
        provider = OidcOptions(
            issuer=oidc.issuer.rstrip("/"),
            client_id=oidc.client_id,
            client_secret=oidc.client_secret.get_secret_value(),
            redirect_url=oidc.redirect_url,
            name=oidc.name,
            claim=oidc.claim,
            tenant=oidc.tenant,
        )
    return ConsoleOptions(time_zone=chosen.time_zone, secure_cookies=chosen.secure_cookies, oidc=provider)


def make_app(parts: Parts) -> FastAPI:
    """Return the application; without Redis it does its own jobs, with Redis it wakes workers elsewhere."""
    served = ServedParts(parts)

    @asynccontextmanager
    async def at_work() -> AsyncIterator[None]:
        if parts.settings.redis.url is not None:
            _wake_elsewhere(parts)
        workers = make_workers(parts, served.desk) if parts.settings.redis.url is None else []
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(worker.run()) for worker in workers]
            hosting = group.create_task(served.desk.host().run())
            keeping = group.create_task(IndexKeeper(parts.store, lambda: parts.search).run())
            expiring = group.create_task(_retention(parts).run()) if workers else None
            try:
                yield
            finally:
                for worker in workers:
                    worker.stop()
                await asyncio.gather(*running)
                hosting.cancel()
                keeping.cancel()
                if expiring is not None:
                    expiring.cancel()
        await served.desk.close()

    return create_app(served, lifespan=at_work)


def make_workers(parts: Parts, desk: ChatDesk) -> list[InProcessWorker | BrokerWorker]:
    """Return the workers that the settings ask for; chats have one of their own, so that no call makes them wait."""
    from zhanqing.worker.inprocess import InProcessWorker

    workers: list[InProcessWorker | BrokerWorker] = []
    if parts.settings.redis.url is None:
        workers.append(InProcessWorker(parts.store, _runner(parts)))
    else:
        from zhanqing.worker.broker import BrokerWorker, redis_broker

        broker = redis_broker(parts.settings.redis.url.get_secret_value())
        workers.append(BrokerWorker(parts.store, _runner(parts), broker))
    if desk.platforms:
        workers.append(InProcessWorker(parts.store, _chat_runner(parts, desk), slots=2, poll_s=0.5))
    return workers


def _retention(parts: Parts) -> RetentionKeeper:
    from zhanqing.worker.retention import RetentionKeeper

    chosen = parts.settings.retention
    return RetentionKeeper(parts.store, chosen.policy, every_s=chosen.sweep_s)


NICENESS = 10
"""How far a worker's process stands back: listening to a call takes minutes, a message waits for its answer."""


async def run_worker(parts: Parts) -> None:
    """Work until the process is asked to stop; on a shared machine whoever answers requests goes first."""
    if hasattr(os, "nice"):  # not on Windows
        os.nice(NICENESS)
    desk = ChatDesk(parts)
    workers = make_workers(parts, desk)

    def stop() -> None:
        for worker in workers:
            worker.stop()

    _on_signals(stop)
    finish = start_tracing(parts.settings.otel.endpoint, service="zhanqing-worker")
    expiring = asyncio.create_task(_retention(parts).run())
    await asyncio.gather(*(worker.run() for worker in workers))
    expiring.cancel()
    await desk.close()
    await asyncio.to_thread(finish)


async def run_api(parts: Parts, *, host: str, port: int) -> None:
    """Serve until the process is asked to stop."""
    import uvicorn

    finish = start_tracing(parts.settings.otel.endpoint, service="zhanqing-api")
    config = uvicorn.Config(
        make_app(parts),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        forwarded_allow_ips=parts.settings.api.trusted_proxies,
    )
    await uvicorn.Server(config).serve()
    await asyncio.to_thread(finish)


def is_free(host: str, port: int) -> bool:
    """Whether the address can be listened on."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _runner(parts: Parts) -> JobRunner:
    from store.webhooks import DELIVER_WEBHOOK
    from zhanqing.handlers import job_handlers, tell_failure
    from zhanqing.worker.runs import JobRunner
    from zhanqing.worker.webhooks import WebhookSchedule

    return JobRunner(
        parts.store,
        job_handlers(lambda: parts.calls, lambda: parts.analyst, WebhookUrls(), rules_of(parts)),
        owner=f"{socket.gethostname()}:{os.getpid()}",
        on_failure=partial(tell_failure, rules=rules_of(parts)),
        delays={DELIVER_WEBHOOK: WebhookSchedule()},
    )


def _chat_runner(parts: Parts, desk: ChatDesk) -> JobRunner:
    from zhanqing.chats.answering import tell_chat_failure
    from zhanqing.worker.runs import Backoff, JobRunner

    return JobRunner(
        parts.store,
        desk.handlers(),
        owner=f"{socket.gethostname()}:{os.getpid()}:chat",
        on_failure=partial(tell_chat_failure, lang=parts.lang),
        backoff=Backoff(first_s=1.0, longest_s=8.0),
    )


def _wake_elsewhere(parts: Parts) -> None:
    from zhanqing.worker.broker import redis_broker, waker

    if parts.settings.redis.url is not None:
        parts.store.watch_jobs(waker(redis_broker(parts.settings.redis.url.get_secret_value())))


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
