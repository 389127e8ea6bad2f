"""Whether what belongs to one deal is kept back from another (`sets/agent/applicability.jsonl`, labelled by hand).

Each sentence of a case's talk track is read for two customers who said nothing yet: one of another trade, and one
of the same. Kept back means that no tied word is left in what would be sent; figures are quoted on test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from agent.applicability import Applicability, Applied, Setting, apply_to
from agent.testing import read_cases
from domain.cases import WarCase
from eval.ask import BASES
from eval.result import EvalResult, Figure, proportion
from eval.tied_words import LabelledSentence, labelled_sentences
from language.quantities import quantities

SUITE = "applicability"
_TRANSFERABLE, _FACT = "transferable", "product_fact"


def run(data: Path, *, half: str, parts: Any) -> EvalResult:
    """Measure on both halves; `data` is not read, the set ships with the project."""
    rows = labelled_sentences()
    theirs = {base: _their_words(base) for base in {row.base for row in rows}}
    figures: list[Figure] = []
    for name, prefix in (("test", ""), ("dev", "dev_")):
        side = [row for row in rows if row.half == name]
        figures += [*_kinds(side, theirs, prefix), *_kept_back(side, theirs, prefix)]
    return EvalResult(suite=SUITE, data="sentences of talk tracks, test half (dev beside it)", figures=tuple(figures))


def _kinds(rows: Sequence[LabelledSentence], theirs: Mapping[str, Mapping[str, str]], prefix: str) -> list[Figure]:
    """Tell tied sentences from free ones for a customer of another trade; beside it, any number at all."""
    tied = {row.id for row in rows if row.label != _TRANSFERABLE}
    found = {row.id for row in rows if _read(row, theirs, is_near=False).kind is Applicability.DEAL_BOUND}
    numbers = {row.id for row in rows if any(not one.is_article for one in quantities(row.text))}
    return [
        proportion(f"{prefix}deal_bound_precision", len(tied & found), len(found)),
        proportion(f"{prefix}deal_bound_recall", len(tied & found), len(tied)),
        proportion(f"{prefix}any_number_precision", len(tied & numbers), len(numbers)),
        proportion(f"{prefix}any_number_recall", len(tied & numbers), len(tied)),
    ]


def _kept_back(rows: Sequence[LabelledSentence], theirs: Mapping[str, Mapping[str, str]], prefix: str) -> list[Figure]:
    figures = []
    for is_near, trade in ((False, "another_trade"), (True, "same_trade")):
        said = [(row, _read(row, theirs, is_near=is_near)) for row in rows]
        tied = [(row, one) for row, one in said if row.bound or (row.world and not is_near)]
        free = [one for row, one in said if not row.bound and not (row.world and not is_near)]
        kept = sum(not row.tied_in(one.rest, is_near=is_near) for row, one in tied)
        figures += [
            proportion(f"{prefix}deal_bound_never_sent_{trade}", kept, len(tied)),
            proportion(f"{prefix}free_sentences_said_{trade}", sum(bool(one.rest) for one in free), len(free)),
        ]
    return figures


def _read(row: LabelledSentence, theirs: Mapping[str, Mapping[str, str]], *, is_near: bool) -> Applied:
    return apply_to(row.text, Setting(theirs=theirs[row.base].get(row.family, ""), is_near=is_near))


def _their_words(base: str) -> dict[str, str]:
    package, path = BASES[base]
    return {case.id: _told(case) for case in read_cases(Path(str(files(package) / path)))}


def _told(case: WarCase) -> str:
    columns = ("title", "customer_question", "background", "blocker", "turning_point", "evidence", "result")
    return "\n".join(str(getattr(case, name, "") or "") for name in columns)
