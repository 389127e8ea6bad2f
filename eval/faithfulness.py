"""Faithfulness by deletion: without the cited passages the answer must change, or there must be none.

Every written question of the test half that is answered is asked once more of the same base with exactly the
sources it cited taken out (case titles stay: they name a case and state nothing).

References:
    Wallat et al., Correctness is not Faithfulness in RAG Attributions, ICTIR 2025.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent import nodes
from agent.drafts import Draft
from agent.engines import ExtractiveEngine
from agent.nodes import Parts
from agent.shelf import Shelf, Shelves
from agent.support import SupportScorer
from agent.tasks import Request, Task
from agent.testing import TENANT
from agent.vectors import Vectors
from domain.sources import Source
from domain.suggestions import SuggestionKind
from eval.ask import AskRow, ask_rows, open_base
from eval.result import EvalResult, proportion
from retrieval.search import CaseSearch
from wire.documents import read_deal
from wire.suggestions import read_turns

SUITE = "faithfulness"


def run(data: Path, *, half: str, parts: Any) -> EvalResult:
    """Measure on the test half; `data` is not read, the set ships with the project."""
    rows = asyncio.run(measured(ask_rows("test"), parts.encoder))
    changed = sum(bool(row["changed"]) for row in rows)
    figures = (
        proportion("answer_changes_without_its_sources", changed, len(rows)),
        proportion("abstains_without_its_sources", sum(bool(row["abstains"]) for row in rows), len(rows)),
    )
    return EvalResult(suite=SUITE, data="written questions that are answered, test half", figures=figures, rows=rows)


async def measured(rows: Sequence[AskRow], encoder: Any) -> tuple[Mapping[str, object], ...]:
    """Ask every row twice, the second time without what was cited."""
    found: list[Mapping[str, object]] = []
    vectors = Vectors(encoder)
    engine = ExtractiveEngine(vectors)
    for base in dict.fromkeys(row.base for row in rows):
        with tempfile.TemporaryDirectory() as folder:
            async with open_base(base, Path(folder)) as store:
                parts = Parts(
                    store=store,
                    search=CaseSearch(store, encoder),
                    shelves=Shelves(store),
                    scorer=SupportScorer(vectors),
                    engine=engine,
                )
                for row in (one for one in rows if one.base == base):
                    request, refused = nodes.understand(_request(row))
                    task = await nodes.gather(request, parts)
                    first = engine.compose(task)
                    if refused is None and first.suggestions:
                        again = engine.compose(without(task, cited_in(first)))
                        found.append(_line(row, first, again))
    return tuple(found)


def cited_in(draft: Draft) -> frozenset[str]:
    """Return the ids of what a draft rests on, titles left out."""
    cited = {c.source_id for one in draft.suggestions for sentence in one.sentences for c in sentence.citations}
    return frozenset(one for one in cited if not one.endswith(":title"))


def without(task: Task, gone: frozenset[str]) -> Task:
    """Return the task as if these sources had never been; a case is none without its outcome."""
    ended = {one.split(":")[1] for one in gone if one.endswith(":outcome")}
    gone |= {source.source_id for one in ended for source in task.shelf.cases[one].columns.values()}
    columns = [source for case in task.shelf.cases.values() for source in case.columns.values()]
    kept = _kept((*columns, *task.shelf.documents, *task.shelf.cards), gone)
    return replace(
        task,
        shelf=Shelf(kept, lexicon=task.shelf.lexicon, version=task.shelf.version),
        fields=_kept(task.fields, gone),
        talks=tuple(replace(talk, sources=_kept(talk.sources, gone)) for talk in task.talks),
        hits=tuple(hit for hit in task.hits if hit.best.passage.source_id not in gone),
    )


def _kept(sources: Sequence[Source], gone: frozenset[str]) -> tuple[Source, ...]:
    return tuple(source for source in sources if source.source_id not in gone)


def _request(row: AskRow) -> Request:
    document = row.document
    return Request(
        tenant=TENANT,
        kind=SuggestionKind.ASK,
        text=row.text,
        conversations=(read_turns(document["conversation"]),) if "conversation" in document else (),
        deal=read_deal(document["deal"]) if "deal" in document else None,
    )


def _line(row: AskRow, first: Draft, again: Draft) -> Mapping[str, object]:
    before, after = (
        [sentence.text for one in draft.suggestions for sentence in one.sentences] for draft in (first, again)
    )
    return {"id": row.id, "changed": before != after, "abstains": not after, "before": before, "after": after}
