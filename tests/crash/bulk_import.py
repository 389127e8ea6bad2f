"""A bulk import is killed with -9 again and again; afterwards the index is what the database says, and nothing is lost.

    python tests/crash/bulk_import.py --cases 20000 --kills 5 [--url postgresql+asyncpg://…]

The child is the product's own import, published, batch by batch. It is killed after a random number of batches and
started again until it ends by itself; what it had done is not done again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from language.testing import HashingEncoder
from retrieval.importing import check_files, import_cases
from retrieval.memory_index import MemoryIndex
from retrieval.search import CaseSearch
from store.engine import make_engine
from store.migrate import prepare
from store.work import Store
from zhanqing.logs import configure_logs

TENANT = "acme"
BATCH = 50


def write_cases(path: Path, count: int) -> None:
    """Write cases that are told differently enough to be no duplicates."""
    pick = random.Random(count)
    words = [
        "交付周期",
        "预算审批",
        "数据安全",
        "价格太贵",
        "老设备",
        "没有接口",
        "集团总部",
        "换供应商",
        "试用一个月",
        "等级评审",
    ]
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            said = "，".join(pick.sample(words, 4))
            row = {
                "id": f"C-{number:06d}",
                "title": f"战例{number}：{said[:4]}",
                "outcome": pick.choice(["won", "lost", "pending"]),
                "industry": pick.choice(["医疗", "化工", "制造业"]),
                "customer_question": f"{said}，第{number}个问题怎么办？",
                "blocker": f"卡在{pick.choice(words)}",
                "talk_track": f"先问清{said[:4]}。再给出第{number % 97}种排期。",
                "result": f"第{number % 300}天有了结果。",
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


async def import_all(url: str, path: Path) -> None:
    """What the child does: check the file, import and publish it, say how far it came."""
    engine = make_engine(url)

    def said(done: int, total: int) -> None:
        sys.stdout.write(f"{done} {total}\n")
        sys.stdout.flush()

    checked = await asyncio.to_thread(check_files, [path])
    report = await import_cases(
        Store(engine), TENANT, checked, by="bulk", is_published=True, batch_size=BATCH, on_progress=said
    )
    sys.stdout.write(f"new {report.new} unchanged {report.unchanged}\n")
    await engine.dispose()


def killed_once(words: list[str], after: int) -> bool:
    """Run the child and kill it once it has said `after` lines; say whether it was still running then."""
    child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for _ in range(after):
        if not child.stdout.readline():
            break
    alive = child.poll() is None
    child.send_signal(signal.SIGKILL)
    child.communicate()
    return alive


async def differences(url: str, cases: int) -> list[str]:
    """Hold a fresh index, as a restarted process builds it, against what the database has."""
    engine = make_engine(url)
    store = Store(engine)
    search = CaseSearch(store, HashingEncoder())
    await search.refresh(TENANT)
    index = search._copies[TENANT].index
    assert isinstance(index, MemoryIndex)
    indexed = {group.id: (sorted(one.id for one in group.passages), dict(group.facets)) for group in index.groups()}
    async with store.read(TENANT) as work:
        counts = {status.value: count for status, count in (await work.cases.counts()).items()}
        groups = await work.passages.load(sorted(await work.passages.groups()))
        live = (await work.sources.count()).get("live", 0)
    stored = {group.id: sorted(one.id for one in group.passages) for group in groups}
    found = [] if counts == {"published": cases} else [f"cases: {counts}"]
    found += [] if {name: ids for name, (ids, _) in indexed.items()} == stored else ["index and database differ"]
    found += [] if len(stored) == cases else [f"{len(stored)} groups for {cases} cases"]
    found += [] if {len(ids) for ids in stored.values()} == {6} else ["a case is not whole"]
    found += [] if live == cases * 7 else [f"{live} live sources"]
    await engine.dispose()
    return found


def run(*, cases: int, kills: int, url: str | None, seed: int = 7) -> dict[str, Any]:
    """Import, kill, import again; return what came of it."""
    pick = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path, address = Path(folder) / "cases.jsonl", url or f"sqlite+aiosqlite:///{folder}/kb.db"
        write_cases(path, cases)
        asyncio.run(_prepare(address))
        words = [sys.executable, __file__, "--child", address, str(path)]
        share = max(1, cases // BATCH // (kills + 1))
        began, killed = time.monotonic(), 0
        for turn in range(kills):
            # Lines count from the start of each run: what is there already goes by quickly.
            killed += killed_once(words, turn * share + pick.randint(1, share))
        last = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1]
        seconds = time.monotonic() - began
        found = asyncio.run(differences(address, cases))
    return {"cases": cases, "kills": killed, "last_run": last, "seconds": round(seconds, 1), "faults": found}


async def _prepare(url: str) -> None:
    engine = make_engine(url)
    await prepare(engine)
    await engine.dispose()


def main() -> None:
    """Run it all, or a child's share."""
    configure_logs("error")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--url")
    parser.add_argument("--child", nargs=2, metavar=("URL", "FILE"), help="for the process that is killed")
    chosen = vars(parser.parse_args())
    child = chosen.pop("child")
    if child:
        asyncio.run(import_all(child[0], Path(child[1])))
        return
    outcome = run(**chosen)
    sys.stdout.write(json.dumps(outcome, ensure_ascii=False, indent=1) + "\n")
    raise SystemExit(1 if outcome["faults"] else 0)


if __name__ == "__main__":
    main()
