"""Answers, abstentions and traps on the written questions (`sets/agent/asks.jsonl`).

The dev half asks about the sample cases and is what rules and thresholds were chosen on; the test half asks
about another case base, with its own companies, reps and wording. Figures are quoted on test.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from agent.coach import Coach
from agent.testing import TENANT, publish, read_cases, store_of
from domain.suggestions import Envelope
from eval.facts import holds_any
from eval.result import EvalResult, Figure, proportion
from retrieval.search import CaseSearch
from wire.documents import read_deal
from wire.suggestions import read_turns

SUITE = "ask"
BASES = {
    "examples": ("examples", "cases.jsonl"),
    "agent": ("eval", "sets/agent/cases.jsonl"),
    "retrieval": ("eval", "sets/retrieval/cases.jsonl"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AskRow:
    """One question with what is expected of it; `want` is answer, correct or abstain."""

    id: str
    half: str
    family: str
    base: str
    text: str
    want: str
    facts: tuple[tuple[str, ...], ...]
    sources: tuple[str, ...]
    trap: str | None
    forbidden: tuple[str, ...]
    reason_codes: tuple[str, ...]
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a question got, and whether that is right."""

    row: AskRow
    envelope: Envelope
    has_facts: bool
    is_cited: bool
    says_forbidden: bool

    @property
    def is_right(self) -> bool:
        """Whether the behaviour is the wanted one and nothing forbidden is said."""
        if self.row.want == "abstain":
            return self.envelope.abstained and not self.says_forbidden
        return self.has_facts and self.is_cited and not self.says_forbidden


def run(data: Path, *, half: str, parts: Any) -> EvalResult:
    """Measure on the written rows; `data` is not read, the set ships with the project."""
    figures: list[Figure] = []
    rows: list[Mapping[str, object]] = []
    for name in ("test", "dev"):
        outcomes = asyncio.run(outcomes_of(ask_rows(name), parts.encoder))
        prefix = "" if name == "test" else "dev_"
        figures += [_renamed(figure, prefix) for figure in figures_of(outcomes)]
        rows += [_line(outcome) for outcome in outcomes]
    return EvalResult(
        suite=SUITE, data="written questions, test half (dev beside it)", figures=tuple(figures), rows=tuple(rows)
    )


def ask_rows(half: str) -> list[AskRow]:
    """Return the rows of one half."""
    text = (files("eval") / "sets" / "agent" / "asks.jsonl").read_text(encoding="utf-8")
    documents = [json.loads(line) for line in text.splitlines() if line]
    return [_row(document) for document in documents if document["half"] == half]


async def outcomes_of(rows: Sequence[AskRow], encoder: Any) -> list[Outcome]:
    """Ask every row on its base."""
    outcomes: list[Outcome] = []
    for base in dict.fromkeys(row.base for row in rows):
        with tempfile.TemporaryDirectory() as folder:
            async with open_base(base, Path(folder)) as store:
                coach = Coach(store, CaseSearch(store, encoder), encoder=encoder)
                outcomes += [await _ask(coach, row) for row in rows if row.base == base]
    return outcomes


def figures_of(outcomes: Sequence[Outcome]) -> list[Figure]:
    """Return the shares that are held against the bars."""
    answerable = [one for one in outcomes if one.row.want != "abstain"]
    unanswerable = [one for one in outcomes if one.row.want == "abstain"]
    traps = [one for one in outcomes if one.row.trap]
    plain = [one for one in answerable if not one.row.trap]
    return [
        proportion("right_facts", sum(one.has_facts for one in answerable), len(answerable)),
        proportion("right_facts_without_traps", sum(one.has_facts for one in plain), len(plain)),
        proportion("cited_the_right_source", sum(one.is_cited for one in answerable), len(answerable)),
        proportion(
            "abstained_when_unanswerable", sum(one.envelope.abstained for one in unanswerable), len(unanswerable)
        ),
        proportion("abstained_though_answerable", sum(one.envelope.abstained for one in answerable), len(answerable)),
        proportion("traps_passed", sum(one.is_right for one in traps), len(traps)),
        proportion("said_something_forbidden", sum(one.says_forbidden for one in outcomes), len(outcomes)),
        proportion("fitting_reason_code", sum(_fits(one) for one in unanswerable), len(unanswerable)),
    ]


def open_base(name: str, folder: Path) -> Any:
    """Open a store with a base of the set; the caller closes it."""
    package, path = BASES[name]
    newest = read_cases(Path(str(files(package) / path)))
    if name != "agent":
        return store_of(newest, folder)
    return _with_history(newest, folder)


def _with_history(newest: Sequence[Any], folder: Path) -> Any:
    """Publish replaced versions first, and another tenant's case beside them."""
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def opened() -> Any:
        sets = files("eval") / "sets" / "agent"
        async with store_of(read_cases(Path(str(sets / "superseded.jsonl"))), folder) as store:
            await publish(store, newest, tenant=TENANT)
            await publish(store, read_cases(Path(str(sets / "other_tenant.jsonl"))), tenant="another")
            yield store

    return opened()


async def _ask(coach: Coach, row: AskRow) -> Outcome:
    document = row.document
    envelope = await coach.ask(
        TENANT,
        row.text,
        conversation=read_turns(document["conversation"]) if "conversation" in document else None,
        deal=read_deal(document["deal"]) if "deal" in document else None,
    )
    said = "\n".join(suggestion.what for suggestion in envelope.suggestions)
    cited = [one.source_id for s in envelope.suggestions for claim in s.claims for one in claim.citations]
    return Outcome(
        row=row,
        envelope=envelope,
        has_facts=bool(said) and all(holds_any(said, fact) for fact in row.facts),
        is_cited=any(source.startswith(prefix) for source in cited for prefix in row.sources),
        says_forbidden=any(word in said or word in (envelope.reason or "") for word in row.forbidden),
    )


def _fits(outcome: Outcome) -> bool:
    code = outcome.envelope.reason_code
    return code is not None and (not outcome.row.reason_codes or code.value in outcome.row.reason_codes)


def _row(document: Mapping[str, Any]) -> AskRow:
    return AskRow(
        id=document["id"],
        half=document["half"],
        family=document["family"],
        base=document["base"],
        text=document["text"],
        want=document["want"],
        facts=tuple(tuple(fact) for fact in document["facts"]),
        sources=tuple(document["sources"]),
        trap=document["trap"],
        forbidden=tuple(document["forbidden"]),
        reason_codes=tuple(document["reason_codes"]),
        document=document,
    )


def _line(outcome: Outcome) -> Mapping[str, object]:
    envelope = outcome.envelope
    return {
        "id": outcome.row.id,
        "right": outcome.is_right,
        "want": outcome.row.want,
        "trap": outcome.row.trap,
        "reason_code": envelope.reason_code.value if envelope.reason_code else None,
        "said": [suggestion.what for suggestion in envelope.suggestions],
    }


def _renamed(figure: Figure, prefix: str) -> Figure:
    return Figure(
        name=prefix + figure.name,
        value=figure.value,
        n=figure.n,
        standard_error=figure.standard_error,
        note=figure.note,
    )
