"""Writers publish, edit and withdraw cases while readers search; afterwards every search is held against the history.

    python tests/crash/contention.py --writers 20 --readers 20 --processes 4 --seconds 60 [--url postgresql+asyncpg://…]

Each change writes down the corpus version that its own transaction made; each search says the version it saw. A case
must be in a search exactly as the last change up to that version left it: withdrawn and not found, or whole and of one
edition. A search may not be older than what was committed when it began.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domain.cases import Outcome, WarCase
from domain.errors import UpstreamError
from language.testing import HashingEncoder
from retrieval import library
from retrieval.search import CaseSearch
from store.engine import make_engine
from store.migrate import prepare
from store.work import Store
from zhanqing.logs import configure_logs

TENANT = "acme"
CASES_PER_WRITER = 3
SENTENCES = 4
RETIRED_SHARE = 0.4
WITHDRAWN = 0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How hard it is tried: for `seconds`, or for `rounds` changes a writer where that is given."""

    url: str
    log: Path
    first: int
    writers: int
    readers: int
    seconds: float
    rounds: int | None


def edition(case_id: str, number: int) -> WarCase:
    """Return a case every sentence of which says its edition."""
    mark = f"第{number}版"
    return WarCase(
        id=case_id,
        title=f"交付 {mark}",
        outcome=Outcome.WON,
        customer_question=f"交付周期多久？{mark}",
        blocker=f"排期太紧 {mark}",
        talk_track="".join(f"第{place}步先定排期{mark}。" for place in range(SENTENCES)),
        result=f"按期上线 {mark}",
        rep=case_id,
    )


async def write(
    store: Store, writer: int, log: Callable[[dict[str, Any]], None], goes_on: Callable[[int], bool]
) -> None:
    """Publish and withdraw this writer's own cases, one after another."""
    pick = random.Random(writer)
    number = 0
    while goes_on(number):
        number += 1
        case_id = f"W{writer}-{pick.randrange(CASES_PER_WRITER)}"
        try:
            log(await _changed(store, case_id, number, pick.random() < RETIRED_SHARE))
        except UpstreamError as error:
            log({"busy": error.code})  # nothing was changed; whoever writes tries again


async def _changed(store: Store, case_id: str, number: int, may_retire: bool) -> dict[str, Any]:
    """Withdraw a case that is published, if it may be, or publish its next edition; say what that made it."""
    async with store.begin(TENANT) as work:
        record = await work.cases.get(case_id)
        if record is not None and record.published_version and may_retire:
            await library.retire(work, [case_id], by="writer")
            said = WITHDRAWN
        else:
            await work.cases.save([edition(case_id, number)], by="writer")
            await library.publish(work, [case_id], by="writer")
            said = number
        version = await work.corpus.version()
    return {"case": case_id, "version": version, "edition": said}


async def read(store: Store, search: CaseSearch, log: Callable[[dict[str, Any]], None], is_over: asyncio.Event) -> None:
    """Search until the writers are done, and once more after that."""
    last = False
    while not last:
        last = is_over.is_set()
        async with store.read(TENANT) as work:
            floor = await work.corpus.version()
        result = await search.search(TENANT, "交付周期多久", top_k=1_000)
        hits = {hit.case_id: [scored.passage.text for scored in hit.passages] for hit in result.hits}
        log(
            {"floor": floor, "seen": result.corpus_version, "hits": {name: _marks(said) for name, said in hits.items()}}
        )
        await asyncio.sleep(0)


def _marks(passages: list[str]) -> list[str]:
    """Return how many passages there are and the editions they are of."""
    editions = {text.rsplit("第", 1)[1].split("版")[0] for text in passages}
    return [str(len(passages)), *sorted(editions)]


async def run_one(plan: Plan) -> None:
    """Run one process's share of the writers and readers."""
    engine = make_engine(plan.url)
    store = Store(engine)
    ends = time.monotonic() + plan.seconds
    lines: list[dict[str, Any]] = []
    over = asyncio.Event()
    replicas = [CaseSearch(store, HashingEncoder()) for _ in range(min(2, plan.readers))]

    def goes_on(done: int) -> bool:
        return done < plan.rounds if plan.rounds is not None else time.monotonic() < ends

    async with asyncio.TaskGroup() as group:
        for place in range(plan.readers):
            group.create_task(read(store, replicas[place % len(replicas)], lines.append, over))
        writers = [
            group.create_task(write(store, plan.first + place, lines.append, goes_on)) for place in range(plan.writers)
        ]
        await asyncio.wait(writers)
        over.set()
    plan.log.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    await engine.dispose()


def faults(lines: list[dict[str, Any]]) -> Iterator[str]:
    """Hold every search against the history."""
    history: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for line in lines:
        if "case" in line:
            history[line["case"]].append((line["version"], line["edition"]))
    for changes in history.values():
        changes.sort()
    for line in lines:
        if "hits" not in line:
            continue
        if line["seen"] < line["floor"]:
            yield f"a search saw version {line['seen']} though {line['floor']} was committed"
        for case_id, changes in history.items():
            at = bisect_right(changes, (line["seen"], sys.maxsize))
            expected = changes[at - 1][1] if at else WITHDRAWN
            found = line["hits"].get(case_id)
            whole = None if expected == WITHDRAWN else [str(4 + SENTENCES), str(expected)]
            if found != whole:
                yield f"{case_id} at version {line['seen']}: expected {whole}, found {found}"


def run(
    *, writers: int, readers: int, processes: int, seconds: float, rounds: int | None, url: str | None
) -> dict[str, Any]:
    """Start the processes, wait for them, and return what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        address = url or f"sqlite+aiosqlite:///{folder}/kb.db"
        asyncio.run(_prepare(address))
        children = []
        for number in range(processes):
            share = {"writers": writers // processes, "readers": readers // processes}
            plan = {"url": address, "log": f"{folder}/{number}.jsonl", "first": number * 1_000, "seconds": seconds}
            words = [sys.executable, __file__, "--plan", json.dumps({**plan, **share, "rounds": rounds})]
            children.append(subprocess.Popen(words))
        codes = [child.wait() for child in children]
        logs = [path.read_text(encoding="utf-8") for path in sorted(Path(folder).glob("*.jsonl"))]
    lines = [json.loads(line) for text in logs for line in text.splitlines()]
    found = list(faults(lines))
    return {
        "exit_codes": codes,
        "changes": sum("case" in line for line in lines),
        "withdrawals": sum(line.get("edition") == WITHDRAWN for line in lines),
        "searches": sum("hits" in line for line in lines),
        "busy": sum("busy" in line for line in lines),
        "versions_seen": len({line["seen"] for line in lines if "hits" in line}),
        "faults": len(found),
        "first_faults": found[:5],
    }


async def _prepare(url: str) -> None:
    engine = make_engine(url)
    await prepare(engine)
    await engine.dispose()


def main() -> None:
    """Run the plan that is given, or all of it."""
    configure_logs("error")
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("writers", 20), ("readers", 20), ("processes", 4)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--url")
    parser.add_argument("--plan", help="for a child of this script")
    chosen = vars(parser.parse_args())
    plan = chosen.pop("plan")
    if plan:
        given = json.loads(plan)
        asyncio.run(run_one(Plan(**{**given, "log": Path(given["log"])})))
        return
    outcome = run(**chosen)
    sys.stdout.write(json.dumps(outcome, ensure_ascii=False, indent=1) + "\n")
    raise SystemExit(1 if outcome["faults"] or any(outcome["exit_codes"]) else 0)


if __name__ == "__main__":
    main()
