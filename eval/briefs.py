"""Briefs on the written tasks (`sets/agent/briefs.jsonl`): sections, facts, whose sources, and who may mentor."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.testing import TENANT
from domain.suggestions import BRIEF_SECTIONS, Envelope
from eval.agent_tasks import by_base, citations_that_resolve, coach_over, task_rows
from eval.facts import holds
from eval.result import EvalResult, Figure, proportion
from wire.documents import read_account
from wire.suggestions import read_turns

SUITE = "briefs"
_OWN = ("客户背景", "当前卡点")


def run(data: Path, *, half: str, parts: Any) -> EvalResult:
    """Measure on the test half; `data` is not read, the set ships with the project."""
    rows = asyncio.run(measured(task_rows(SUITE, "test"), parts))
    return EvalResult(
        suite=SUITE, data="written brief tasks, test half", figures=tuple(figures_of(rows)), rows=tuple(rows)
    )


async def measured(rows: Sequence[Mapping[str, Any]], parts: Any) -> list[Mapping[str, Any]]:
    """Draft every row's brief."""
    found: list[Mapping[str, Any]] = []
    for base, group in by_base(rows).items():
        async with coach_over(base, parts) as (coach, store):
            for row in group:
                account, talk = read_account(row["account"]), read_turns(row["turns"])
                envelope = await coach.brief(TENANT, conversations=[talk], account=account)
                found.append(_scored(row, envelope, await citations_that_resolve(envelope, store)))
    return found


def figures_of(rows: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """Return shares over briefs, facts, citations and mentors."""
    return [
        proportion("has_exactly_the_sections", sum(row["sections"] for row in rows), len(rows)),
        proportion("facts_in_their_section", sum(row["held"] for row in rows), sum(row["facts"] for row in rows)),
        proportion(
            "own_sections_cite_own_sources", sum(row["own"] for row in rows), sum(row["own_all"] for row in rows)
        ),
        proportion("mentors_fit", sum(row["fit"] for row in rows), sum(row["mentors"] for row in rows)),
        proportion("citations_resolve", sum(row["resolved"] for row in rows), sum(row["cited"] for row in rows)),
        proportion("says_something_forbidden", sum(row["forbidden"] for row in rows), len(rows)),
    ]


def _scored(row: Mapping[str, Any], envelope: Envelope, resolved: tuple[int, int]) -> Mapping[str, Any]:
    what = {s.tactic: s.what for s in envelope.suggestions}
    wanted = [(section, fact) for section, facts in row["facts"].items() for fact in facts]
    own = [c.source_id for s in envelope.suggestions if s.tactic in _OWN for claim in s.claims for c in claim.citations]
    mentors = [claim.text for s in envelope.suggestions if s.tactic == "导师" for claim in s.claims]
    return {
        "id": row["id"],
        "sections": tuple(what) == BRIEF_SECTIONS,
        "held": sum(holds(what.get(section, ""), fact) for section, fact in wanted),
        "facts": len(wanted),
        "own": sum(one.startswith(("crm:", "turn:")) for one in own),
        "own_all": len(own),
        "fit": sum(text.startswith(tuple(row["mentors"])) for text in mentors),
        "mentors": len(mentors),
        "resolved": resolved[0],
        "cited": resolved[1],
        "forbidden": any(word in text for word in row["forbidden"] for text in what.values()),
    }
