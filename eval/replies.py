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
from eval.tied_words import LabelledSentence, by_sentence, is_unframed_promise, labelled_sentences
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
    labels = labelled_sentences()
    for base, group in by_base(rows).items():
        known = by_sentence(base, labels)
        async with coach_over(base, parts) as (coach, store):
            for row in group:
                envelope = await coach.reply(TENANT, row["text"], deal=read_deal(row["deal"]))
                scored = _scored(row, envelope, await citations_that_resolve(envelope, store))
                found.append({**scored, **_tied(row, envelope, known)})
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
        proportion(
            "deal_bound_and_unframed",
            sum(row["tied"] for row in rows),
            sum(row["judged"] for row in rows),
            note=f"sentences; {sum(row['unlabelled'] for row in rows)} cite one that is not labelled",
        ),
        proportion("says_something_forbidden", sum(row["forbidden"] for row in rows), len(rows)),
    ]


def _tied(row: Mapping[str, Any], envelope: Envelope, labels: Mapping[str, LabelledSentence]) -> Mapping[str, Any]:
    """Count the sentences that say another deal's promise as the rep's own, by the labels given by hand."""
    ours = " ".join([row["text"], *map(str, row["deal"].values())])
    judged = [is_unframed_promise(claim, labels, ours=ours) for s in envelope.suggestions for claim in s.claims]
    return {
        "tied": sum(one is True for one in judged),
        "judged": sum(one is not None for one in judged),
        "unlabelled": sum(one is None for one in judged),
    }


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
