"""Replies on the written tasks: three, different, short, cited, from the right won case."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.replies import MOST_CHARACTERS, MOST_REPLIES
from agent.testing import TENANT
from domain.suggestions import Envelope
from eval.agent_tasks import by_base, citations_that_resolve, coach_over, task_rows
from eval.result import EvalResult, Figure, proportion
from wire.documents import read_deal

SUITE = "replies"


def run(data: Path, *, half: str, parts: Any) -> EvalResult:
    """Measure on the test half; `data` is not read, the set ships with the project."""
    rows = asyncio.run(measured(task_rows(SUITE, "test"), parts))
    return EvalResult(
        suite=SUITE, data="written reply tasks, test half", figures=tuple(figures_of(rows)), rows=tuple(rows)
    )


async def measured(rows: Sequence[Mapping[str, Any]], parts: Any) -> list[Mapping[str, Any]]:
    """Ask for replies to every row."""
    found: list[Mapping[str, Any]] = []
    for base, group in by_base(rows).items():
        async with coach_over(base, parts) as (coach, store):
            for row in group:
                envelope = await coach.reply(TENANT, row["text"], deal=read_deal(row["deal"]))
                found.append(_scored(row, envelope, await citations_that_resolve(envelope, store)))
    return found


def figures_of(rows: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """Return shares over rows, replies, topics and citations."""
    replies = sum(row["replies"] for row in rows)
    return [
        proportion("three_replies_with_different_tactics", sum(row["is_three"] for row in rows), len(rows)),
        proportion("within_120_characters", sum(row["short"] for row in rows), replies),
        proportion("first_reply_from_the_right_case", sum(row["right_first"] for row in rows), len(rows)),
        proportion("some_reply_from_the_right_case", sum(row["right_any"] for row in rows), len(rows)),
        proportion("topics_noted", sum(row["noted"] for row in rows), sum(row["topics"] for row in rows)),
        proportion("citations_resolve", sum(row["resolved"] for row in rows), sum(row["cited"] for row in rows)),
        proportion("says_something_forbidden", sum(row["forbidden"] for row in rows), len(rows)),
    ]


def _scored(row: Mapping[str, Any], envelope: Envelope, resolved: tuple[int, int]) -> Mapping[str, Any]:
    cases = [{c.source_id.split(":")[1] for claim in s.claims for c in claim.citations} for s in envelope.suggestions]
    notes = {note.rule for s in envelope.suggestions for note in s.compliance}
    said = "".join(s.what for s in envelope.suggestions)
    return {
        "id": row["id"],
        "replies": len(envelope.suggestions),
        "is_three": len({s.tactic for s in envelope.suggestions}) == len(envelope.suggestions) == MOST_REPLIES,
        "short": sum(len(s.what) <= MOST_CHARACTERS for s in envelope.suggestions),
        "right_first": bool(cases) and bool(cases[0] & set(row["cases"])),
        "right_any": any(one & set(row["cases"]) for one in cases),
        "noted": len(notes & set(row["topics"])),
        "topics": len(row["topics"]),
        "resolved": resolved[0],
        "cited": resolved[1],
        "forbidden": any(word in said for word in row["forbidden"]),
    }
