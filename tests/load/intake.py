"""How many messages the API takes beside a bare FastAPI app with one insert, and how long each waits for its answer.

    python -m tests.load.intake --seconds 60 --workers 4

Same PostgreSQL, same client, one run: both are served all the time and driven in turns, as fast as 32 connections go, so
that whatever else the machine does meets both alike. Then ours at 100 messages a second while two recordings are
transcribed by other processes, as nice as the product's workers are. `cpu_ms` is what the serving processes used for a
message: the figure that a busy machine changes least.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import text

from api.testing import key_for
from store.engine import make_engine
from store.migrate import prepare
from store.sealing import Sealer, installation_key
from store.testing import create_postgres, drop_postgres
from store.work import Store
from zhanqing.service import NICENESS

ROOT = Path(__file__).parents[2]
AUDIO = ROOT / "examples" / "calls" / "medical_delivery.ogg"
CONVERSATIONS = 100
CONNECTIONS = 32
STARTING_S = 240.0


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What a stretch of load gave; waits in milliseconds."""

    sent: int
    refused: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float


class Caller:
    """One kept-alive connection; the least HTTP that is needed, so that the client is not what is measured."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self._port = port
        self._head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())

    async def open(self) -> None:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def post(self, path: str, document: object) -> int:
        """Send one request and return its status."""
        body = json.dumps(document, ensure_ascii=False).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{self._head}"
        self._writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await self._writer.drain()
        answered = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(answered.partition("content-length: ")[2].partition("\r\n")[0] or 0)
        await self._reader.readexactly(length)
        return int(answered.split(" ", 2)[1])

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


class Load:
    """Messages to one application, counted over the whole run so that none repeats."""

    def __init__(self, served: Served, headers: dict[str, str], *, is_ours: bool) -> None:
        self._served, self._headers, self._is_ours = served, headers, is_ours
        self._made = 0
        self.waits: list[float] = []
        self.refused = 0

    async def flat_out(self, seconds: float) -> Pace:
        """Send over every connection, the next message as soon as the one before is answered."""
        until, used = time.monotonic() + seconds, self._served.cpu_s()

        async def courier() -> None:
            caller = await self._caller()
            while time.monotonic() < until:
                await self._send(caller)
            caller.close()

        await asyncio.gather(*(courier() for _ in range(CONNECTIONS)))
        return self._pace(seconds, self._served.cpu_s() - used)

    async def steady(self, seconds: float, *, per_second: float) -> Pace:
        """Send at the clock's pace, however long answers take; a wait counts from when its message was due."""
        callers: asyncio.Queue[Caller] = asyncio.Queue()
        for _ in range(CONNECTIONS):
            callers.put_nowait(await self._caller())
        began, used = time.monotonic(), self._served.cpu_s()

        async def one(number: int) -> None:
            due = began + number / per_second
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            caller = await callers.get()
            await self._send(caller, since=due)
            callers.put_nowait(caller)

        await asyncio.gather(*(one(number) for number in range(round(seconds * per_second))))
        return self._pace(time.monotonic() - began, self._served.cpu_s() - used)

    async def _caller(self) -> Caller:
        caller = Caller(self._served.port, self._headers)
        await caller.open()
        return caller

    async def _send(self, caller: Caller, *, since: float | None = None) -> None:
        self._made += 1
        number, talk = self._made, self._made % CONVERSATIONS
        since = since or time.monotonic()
        if self._is_ours:
            turn = {"id": f"m{number}", "speaker": "customer", "text": f"第 {number} 条：这个价格能不能再谈？"}
            status = await caller.post(f"/v1/conversations/talk-{talk}/turns", {"turns": [turn]})
        else:
            status = await caller.post(
                "/messages", {"conversation": f"talk-{talk}", "text": f"第 {number} 条：这个价格能不能再谈？"}
            )
        self.waits.append(time.monotonic() - since)
        self.refused += status >= 300

    def _pace(self, seconds: float, cpu_s: float) -> Pace:
        waits = sorted(self.waits)
        pace = Pace(
            sent=len(waits),
            refused=self.refused,
            per_second=round(len(waits) / seconds, 1),
            p50_ms=round(1000 * waits[len(waits) // 2], 1),
            p99_ms=round(1000 * waits[int(len(waits) * 0.99)], 1),
            cpu_ms=round(1000 * cpu_s / len(waits), 2),
        )
        self.waits, self.refused = [], 0
        return pace


@dataclass(frozen=True, kw_only=True)
class Served:
    """An application that is being served."""

    port: int
    process: subprocess.Popen[bytes]

    def cpu_s(self) -> float:
        """Processor seconds that its processes have used so far; Linux only."""
        return sum(_cpu_s(pid) for pid in _family(self.process.pid))


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in _family(int(child)))]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def served(name: str, url: str, folder: Path, workers: int) -> AsyncIterator[Served]:
    """Serve one of the applications with so many processes; all of them have started."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "uvicorn", f"tests.load.served:{name}", "--factory", "--port", str(port)]
    command += ["--workers", str(workers), "--no-access-log"]
    settings = {"ZHANQING_TEST_LOAD_URL": url, "ZHANQING_TEST_LOAD_FOLDER": str(folder)}
    log = folder / f"{name}.log"
    with log.open("wb") as said:
        process = subprocess.Popen(command, env=os.environ | settings, cwd=ROOT, stderr=said)
    try:
        async with asyncio.timeout(STARTING_S):
            while log.read_text(encoding="utf-8").count("startup complete") < workers:
                await asyncio.sleep(0.2)
        yield Served(port=port, process=process)
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait)


@asynccontextmanager
async def transcribing(count: int) -> AsyncIterator[None]:
    """Keep so many recordings being transcribed, one process each, as workers do it."""
    command = f"while :; do zhanqing transcribe {AUDIO} --json /dev/null; done"
    # Bounded, so that nothing goes on when this process is killed.
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ZHANQING_SPEECH__THREADS": "1",
    }
    busy = [
        subprocess.Popen(
            ["timeout", "300", "nice", "-n", str(NICENESS), "bash", "-c", command],
            env=environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(count)
    ]
    await asyncio.sleep(5.0)
    try:
        yield
    finally:
        for process in busy:
            os.killpg(process.pid, signal.SIGKILL)


async def run(seconds: float, workers: int, rounds: int) -> dict[str, object]:
    """Measure and return the figures."""
    url = await create_postgres()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            headers = await _prepared(url, folder)
            async with (
                served("bare", url, folder, workers) as bare_one,
                served("ours", url, folder, workers) as our_one,
            ):
                loads = (Load(bare_one, {}, is_ours=False), Load(our_one, headers, is_ours=True))
                await _in_turns(loads, seconds=2.0, rounds=1)  # statements are prepared, connections open
                bare, ours = await _in_turns(loads, seconds=seconds / rounds / 2, rounds=rounds)
                async with transcribing(2):
                    steady = await loads[1].steady(seconds, per_second=100)
        shares = [mine.per_second / theirs.per_second for theirs, mine in zip(bare, ours, strict=True)]
        return {
            "load_average": round(os.getloadavg()[0], 1),
            "bare": [asdict(pace) for pace in bare],
            "ours": [asdict(pace) for pace in ours],
            "share_of_bare": round(statistics.median(shares), 3),
            "share_by_processor": round(
                statistics.median(pace.cpu_ms for pace in bare) / statistics.median(pace.cpu_ms for pace in ours), 3
            ),
            "steady_100_per_second_beside_two_transcriptions": asdict(steady),
        }
    finally:
        await drop_postgres(url)


async def _in_turns(loads: tuple[Load, Load], *, seconds: float, rounds: int) -> tuple[list[Pace], list[Pace]]:
    """Drive one and then the other, again and again."""
    paces = [[await load.flat_out(seconds) for load in loads] for _ in range(rounds)]
    return [pair[0] for pair in paces], [pair[1] for pair in paces]


async def _prepared(url: str, folder: Path) -> dict[str, str]:
    engine = make_engine(url)
    await prepare(engine)
    store = Store(engine, blobs=folder / "blobs", sealer=Sealer(installation_key(folder)))
    headers = await key_for(store, "acme")
    async with store.across_tenants() as session:
        await session.execute(text("CREATE TABLE bare (id bigserial PRIMARY KEY, conversation text, text text)"))
    from wire.documents import read_transcript

    async with store.begin("acme") as work:
        for number in range(CONVERSATIONS):
            await work.conversations.put(read_transcript({"id": f"talk-{number}", "kind": "chat", "turns": []}))
    await store.close()
    return headers


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    sys.stdout.write(json.dumps(asyncio.run(run(chosen.seconds, chosen.workers, chosen.rounds)), indent=1) + "\n")


if __name__ == "__main__":
    main()
