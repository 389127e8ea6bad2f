"""The crash test: hand in calls and messages, each several times, while processes are killed with -9.

    python tests/crash/crash.py --calls 200 --messages 2000 --kills 30 [--postgres] [--redis redis://localhost:6379/15]
        [--replicas 2]

Afterwards everything that was accepted must be there once, every call heard once, and the chain whole.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sqlalchemy import text

from api.testing import key_for
from store.engine import make_engine
from store.jobs import JobStatus
from store.migrate import prepare
from store.testing import create_postgres, drop_postgres
from store.work import Store

SERVICE = Path(__file__).parent / "service.py"
AUDIO = b"OggS\x00\x02" + bytes(300)
TENANT = "acme"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How hard it is tried."""

    calls: int
    messages: int
    kills: int
    url: str
    folder: Path
    redis: str | None = None
    seed: int = 7
    replicas: int = 1


@dataclass(kw_only=True)
class Outcome:
    """What came of it; `faults` is empty when the promise held."""

    accepted_calls: int
    accepted_messages: int
    kills: int
    seconds: float
    faults: list[str] = field(default_factory=list)


class Processes:
    """APIs and workers, as many of each as there are replicas, that are killed and started again."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._namespace = f"crash-{secrets.token_hex(4)}"
        self.ports = [_free_port() for _ in range(plan.replicas)]
        names = [(role, number) for role in ("api", "worker") for number in range(plan.replicas)]
        self._running = {name: self._start(*name) for name in names}
        self.kills = 0

    def kill(self, role: str, number: int) -> None:
        """Kill -9 and start again."""
        process = self._running[role, number]
        process.send_signal(signal.SIGKILL)
        process.wait()
        self._running[role, number] = self._start(role, number)
        self.kills += 1

    def stop(self) -> None:
        """End them all for good."""
        for process in self._running.values():
            process.kill()
            process.wait()

    def _start(self, role: str, number: int) -> subprocess.Popen[bytes]:
        more = [self._plan.redis, self._namespace] if self._plan.redis else []
        command = [sys.executable, SERVICE, role, self._plan.url, self._plan.folder, str(self.ports[number]), *more]
        return subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)


class _Spread(httpx.AsyncHTTPTransport):
    """Sends each request to the next replica, as a proxy in front of them would."""

    def __init__(self, ports: Sequence[int]) -> None:
        super().__init__()
        self._next = itertools.cycle(ports)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(host="127.0.0.1", port=next(self._next))
        return await super().handle_async_request(request)


async def run(plan: Plan) -> Outcome:
    """Do it all and look what is there afterwards."""
    engine = make_engine(plan.url)
    await prepare(engine)
    store = Store(engine, blobs=plan.folder / "blobs")
    header = await key_for(store, TENANT)
    processes = Processes(plan)
    began = time.monotonic()
    try:
        transport = _Spread(processes.ports)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://api", headers=header, timeout=10.0
        ) as client:
            await _deliver_all(client, plan, processes)
        await _until_quiet(store)
    finally:
        processes.stop()
    faults = await _faults(store, plan)
    await store.close()
    seconds = time.monotonic() - began
    return Outcome(
        accepted_calls=plan.calls,
        accepted_messages=plan.messages,
        kills=processes.kills,
        seconds=seconds,
        faults=faults,
    )


async def _deliver_all(client: httpx.AsyncClient, plan: Plan, processes: Processes) -> None:
    """Deliver everything one to four times, in any order, eight at a time, while processes die."""
    chance = random.Random(plan.seed)
    await _insist(lambda: client.post("/v1/consents", json={"reference": "rec-1", "subject": "A1"}))
    await _insist(lambda: client.post("/v1/conversations", json={"id": "talk-1", "kind": "chat", "turns": []}))
    work = [(_deliver_call, number) for number in range(plan.calls)]
    work += [(_deliver_message, number) for number in range(plan.messages)]
    deliveries = [item for item in work for _ in range(chance.randint(1, 4))]
    chance.shuffle(deliveries)
    left = iter(deliveries)

    async def courier() -> None:
        for deliver, number in left:
            await deliver(client, number)

    async with asyncio.TaskGroup() as group:
        couriers = [group.create_task(courier()) for _ in range(8)]
        for _ in range(plan.kills):
            await asyncio.sleep(chance.uniform(0.3, 2.0))
            processes.kill(chance.choice(["api", "worker"]), chance.randrange(plan.replicas))
        await asyncio.wait(couriers)


async def _deliver_call(client: httpx.AsyncClient, number: int) -> None:
    metadata = json.dumps({"external_id": f"crm-{number}", "consent_reference": "rec-1"})
    await _insist(lambda: client.post("/v1/calls", files={"audio": AUDIO}, data={"metadata": metadata}))


async def _deliver_message(client: httpx.AsyncClient, number: int) -> None:
    turn = {"id": f"m{number}", "speaker": "customer", "text": f"第 {number} 条"}
    await _insist(lambda: client.post("/v1/conversations/talk-1/turns", json={"turns": [turn]}))


async def _insist(send: Callable[[], Awaitable[httpx.Response]]) -> None:
    """Send until it is accepted, as every sender does that must not lose anything."""
    while True:
        try:
            answered = await send()
            if answered.is_success:
                return
            if answered.status_code < 500:
                raise AssertionError(f"{answered.status_code}: {answered.text}")
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)


async def _until_quiet(store: Store) -> None:
    """Wait until no job is left to be done."""
    async with asyncio.timeout(300):
        while True:
            async with store.across_tenants(writes=False) as session:
                open_jobs = "SELECT count(*) FROM jobs WHERE status IN ('queued', 'running')"
                if not await session.scalar(text(open_jobs)):
                    return
            await asyncio.sleep(0.3)


async def _faults(store: Store, plan: Plan) -> list[str]:
    """Say what was lost, doubled or broken."""
    faults = []
    async with store.across_tenants(writes=False) as session:
        counts = {
            name: await session.scalar(text(statement))
            for name, statement in {
                "calls": "SELECT count(*) FROM calls",
                "distinct calls": "SELECT count(DISTINCT external_id) FROM calls",
                "heard calls": "SELECT count(*) FROM conversations WHERE conversation_id <> 'talk-1'",
                "decisions": "SELECT count(*) FROM decisions",
                "messages": "SELECT count(*) FROM turns WHERE conversation_id = 'talk-1'",
                "message sources": "SELECT count(*) FROM sources WHERE source_id LIKE 'turn:talk-1:%'",
            }.items()
        }
        statuses = Counter(await session.scalars(text("SELECT status FROM jobs")))
    expected = {name: plan.messages if "message" in name else plan.calls for name in counts}
    faults += [
        f"{name}: {found} instead of {expected[name]}" for name, found in counts.items() if found != expected[name]
    ]
    if set(statuses) != {JobStatus.DONE.value}:
        faults.append(f"jobs: {dict(statuses)}")
    async with store.read(TENANT) as work:
        verdict = await work.decisions.verify()
    if not verdict.ok:
        faults.append(f"chain: broken at {verdict.first_broken}")
    return faults


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--redis")
    parser.add_argument("--replicas", type=int, default=1)
    given = parser.parse_args()
    url = await create_postgres() if given.postgres else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = Plan(
            calls=given.calls,
            messages=given.messages,
            kills=given.kills,
            url=url or f"sqlite+aiosqlite:///{folder / 'crash.db'}",
            folder=folder,
            redis=given.redis,
            replicas=given.replicas,
        )
        outcome = await run(plan)
    if url:
        await drop_postgres(url)
    sys.stdout.write(f"{outcome}\n")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
