"""Latency of a cited answer and reply over many passages, and the time to verify a long decision chain.

`python -m eval.bench_agent [--passages 10000] [--questions 60] [--links 100000] [--out FILE]`

The base is the sample war cases over and over, each copy another customer's with other numbers; questions are the
samples' own. The chain is made of links over small payloads, as `Decisions` writes them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from agent.coach import Coach
from agent.testing import TENANT, read_cases, store_of
from domain.cases import WarCase
from language.encoder import OnnxEncoder
from retrieval.search import CaseSearch
from store.chain import GENESIS, ChainCheck, StoredLink, forge
from zhanqing.models import model_folder
from zhanqing.settings import read_settings

_SEED = 11
_BATCH = 2000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--links", type=int, default=100_000)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found: dict[str, Any] = {"chain": chain_times(given.links)}
    if given.passages:
        found["answers"] = asyncio.run(answer_times(given.passages, given.questions))
    text = json.dumps(found, ensure_ascii=False, indent=2)
    sys.stdout.write(text + "\n")
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")


async def answer_times(passages: int, questions: int) -> dict[str, object]:
    """Ask and reply one after another on a base of at least so many passages; milliseconds of wall time."""
    samples = read_cases(Path(str(files("examples") / "cases.jsonl")))
    encoder = OnnxEncoder(model_folder("e5-small-zh", read_settings().models.cache), threads=2)
    with tempfile.TemporaryDirectory() as folder:
        async with store_of(copies(samples, passages), Path(folder)) as store:
            search = CaseSearch(store, encoder)
            coach = Coach(store, search, encoder=encoder)
            asked = [one.customer_question for one in samples][:questions]
            began = time.perf_counter()
            await coach.ask(TENANT, asked[0])
            opening = time.perf_counter() - began
            times = {
                "ask": [await _timed(coach.ask(TENANT, text)) for text in asked],
                "reply": [await _timed(coach.reply(TENANT, text)) for text in asked],
            }
            async with store.read(TENANT) as work:
                stored = sum((await work.sources.count()).values())
    return {
        "sources": stored,
        "first_answer_s": round(opening, 2),
        **{name: _shape(one) for name, one in times.items()},
    }


def copies(samples: Sequence[WarCase], passages: int) -> list[WarCase]:
    """Return copies of the samples under other ids, with other numbers, until there are enough long columns."""
    chance = random.Random(_SEED)  # noqa: S311  # made-up cases
    made: list[WarCase] = list(samples)
    while len(made) * 8 < passages:
        case = samples[len(made) % len(samples)]
        changed: dict[str, Any] = {
            name: re.sub(r"\d+", lambda match: str(int(match.group()) + chance.randint(1, 9)), getattr(case, name))
            for name in ("background", "result", "blocker", "turning_point")
            if getattr(case, name)
        }
        made.append(replace(case, id=f"{case.id}-{len(made)}", **changed))
    return made


def chain_times(links: int) -> dict[str, object]:
    """Check a chain of so many links, with payloads of 3 KB and without; seconds of wall time for a million."""
    shape: dict[str, object] = {"links": links}
    for name, payloads in (("links_only", False), ("with_payloads", True)):
        check, took = ChainCheck(payloads=payloads), 0.0
        previous = GENESIS
        for start in range(0, links, _BATCH):
            batch, previous = _batch(start, min(_BATCH, links - start), previous, payloads=payloads)
            began = time.perf_counter()
            check.take(batch)
            took += time.perf_counter() - began
        verdict = check.verdict(length=links, head=previous)
        shape[name] = {"ok": verdict.ok, "s_per_million": round(took / links * 1_000_000, 1)}
    return shape


def _batch(start: int, count: int, previous: str, *, payloads: bool) -> tuple[list[StoredLink], str]:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    rows = []
    for index in range(start, start + count):
        payload = f'{{"n":{index}}}'.encode().ljust(3000) if payloads else b"{}"
        link, salt = forge(index, previous, at, decision_id=f"d-{index}", kind="ask", payload=payload)
        beside = (index, salt, payload, None, None) if payloads else (None, None, None, None, None)
        fields = (link.index, link.decision_id, link.kind, link.time, link.previous, link.commitment, link.hash)
        rows.append(StoredLink(*fields, link.binding, *beside))
        previous = link.hash
    return rows, previous


async def _timed(answer: Any) -> float:
    began = time.perf_counter()
    await answer
    return (time.perf_counter() - began) * 1000


def _shape(times: Sequence[float]) -> dict[str, float]:
    p50, p95 = np.percentile(times, [50, 95])
    return {"n": len(times), "p50_ms": round(float(p50), 1), "p95_ms": round(float(p95), 1)}


if __name__ == "__main__":
    main()
