"""A process that is killed in the middle of a bulk import leaves whole cases, and running it again finishes it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from language.testing import HashingEncoder
from retrieval.importing import check_files, import_cases
from retrieval.search import CaseSearch
from store.engine import make_engine
from store.migrate import prepare
from store.work import Store

TENANT = "acme"
BATCH = 40
CASES = 8 * BATCH
IMPORT = """
import asyncio, sys
from pathlib import Path
from retrieval.importing import check_files, import_cases
from store.engine import make_engine
from store.work import Store

async def main(url, path):
    store = Store(make_engine(url))
    def said(done, total):
        print(done, flush=True)
    await import_cases(store, "acme", check_files([Path(path)]), by="test", is_published=True, batch_size=40, on_progress=said)

asyncio.run(main(*sys.argv[1:]))
"""


def many_cases(folder: Path) -> Path:
    path = folder / "cases.jsonl"
    rows = (
        {
            "id": f"C-{number}",
            "title": f"战例{number}",
            "outcome": "won",
            "customer_question": f"第{number}个问题：交付周期要几周？",
            "blocker": "排期太紧",
            "talk_track": "先定排期。再谈价格。",
            "result": f"第{number}天上线。",
        }
        for number in range(CASES)
    )
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


async def state_of(store: Store) -> tuple[int, int, set[int]]:
    async with store.read(TENANT) as work:
        published = sum((await work.cases.counts()).values())
        groups = await work.passages.groups()
    return published, len(groups), {group.passages for group in groups.values()}


async def test_killed_in_the_middle_and_run_again(tmp_path: Path) -> None:
    path, url = many_cases(tmp_path), f"sqlite+aiosqlite:///{tmp_path / 'kb.db'}"
    engine = make_engine(url)
    await prepare(engine)
    child = subprocess.Popen([sys.executable, "-c", IMPORT, url, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    child.wait()

    store = Store(engine)
    cases, findable, sizes = await state_of(store)
    assert BATCH <= cases < CASES
    assert (cases % BATCH, findable, len(sizes)) == (0, cases, 1)

    report = await import_cases(store, TENANT, check_files([path]), by="test", is_published=True)
    assert (report.new, report.unchanged) == (CASES - cases, cases)
    search = CaseSearch(store, HashingEncoder())
    result = await search.search(TENANT, "交付周期", top_k=CASES)
    cases, findable, sizes = await state_of(store)
    assert len(result.hits) == cases == findable == CASES
    await engine.dispose()
