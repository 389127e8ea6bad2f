"""What the suites of replies and briefs share: their rows, a coach over a row's base, and whether citations stand."""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from agent.coach import Coach
from agent.testing import TENANT, read_cases, store_of
from domain.sources import resolves
from domain.suggestions import Envelope
from eval.ask import BASES
from retrieval.search import CaseSearch
from store.work import Store


def task_rows(name: str, half: str) -> list[Mapping[str, Any]]:
    """Return the rows of one half of `sets/agent/<name>.jsonl`."""
    text = (files("eval") / "sets" / "agent" / f"{name}.jsonl").read_text(encoding="utf-8")
    return [row for row in map(json.loads, text.splitlines()) if row["half"] == half]


def by_base(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Group rows by the case base they are asked of, in order."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["base"], []).append(row)
    return groups


@asynccontextmanager
async def coach_over(base: str, parts: Any) -> AsyncIterator[tuple[Coach, Store]]:
    """Yield a coach on a new database with the base's cases published."""
    package, path = BASES[base]
    with tempfile.TemporaryDirectory() as folder:
        async with store_of(read_cases(Path(str(files(package) / path))), Path(folder)) as store:
            yield Coach(store, CaseSearch(store, parts.encoder), detector=parts.detector, encoder=parts.encoder), store


async def citations_that_resolve(envelope: Envelope, store: Store) -> tuple[int, int]:
    """Return how many citations resolve in the store, and how many there are."""
    cited = [one for s in envelope.suggestions for claim in s.claims for one in claim.citations]
    async with store.read(TENANT) as work:
        sources = await work.sources.cited(cited)
    return sum(resolves(one, sources.get((one.source_id, one.version))) for one in cited), len(cited)
