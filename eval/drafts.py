"""The gate on sentences that a small local model drafted (`sets/agent/drafts.jsonl`), against labels given by hand.

Every draft is judged as the product judges it; the model is not needed again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.grounding import Gate, Verdict
from agent.support import SupportScorer
from agent.vectors import Vectors
from domain.sources import resolves
from eval.draft_rows import DraftedSentence, drafted_sentences
from eval.result import EvalResult, Figure, proportion

SUITE = "drafts"


def run(data: Path, *, half: str, parts: Any) -> EvalResult:
    """Judge all labelled sentences; `data` is not read, the set ships with the project."""
    labelled = [one for one in drafted_sentences() if one.supported is not None]
    about = "sentences a local model drafted, test half (dev beside it)"
    if not labelled:
        return EvalResult(
            suite=SUITE, data=about, figures=(), skipped="no labelled drafts; see eval/sets/agent/README.md"
        )
    gate = Gate(SupportScorer(Vectors(parts.encoder)))
    verdicts = [gate.judge(one.sentence, one.sources) for one in labelled]
    figures = [
        figure
        for name, prefix in (("test", ""), ("dev", "dev_"))
        for figure in figures_of(*_of_half(name, labelled, verdicts), prefix)
    ]
    rows = tuple(_row(one, verdict) for one, verdict in zip(labelled, verdicts, strict=True))
    return EvalResult(suite=SUITE, data=about, figures=tuple(figures), rows=rows)


def figures_of(sentences: Sequence[DraftedSentence], verdicts: Sequence[Verdict], prefix: str) -> list[Figure]:
    """Return what passes wrongly, what is dropped wrongly, and whether every citation stands."""
    judged = list(zip(sentences, verdicts, strict=True))
    wrong = [verdict.is_grounded for one, verdict in judged if not one.supported]
    right = [not verdict.is_grounded for one, verdict in judged if one.supported]
    cited = [resolves(c, one.sources[c.source_id, c.version]) for one in sentences for c in one.sentence.citations]
    return [
        proportion(f"{prefix}unsupported_passed", sum(wrong), len(wrong)),
        proportion(f"{prefix}supported_dropped", sum(right), len(right)),
        proportion(f"{prefix}citations_resolve", sum(cited), len(cited)),
    ]


def _of_half(
    half: str, sentences: Sequence[DraftedSentence], verdicts: Sequence[Verdict]
) -> tuple[list[DraftedSentence], list[Verdict]]:
    chosen = [(one, verdict) for one, verdict in zip(sentences, verdicts, strict=True) if one.half == half]
    return [one for one, _ in chosen], [verdict for _, verdict in chosen]


def _row(one: DraftedSentence, verdict: Verdict) -> Mapping[str, object]:
    failed = next((f"{check.name}:{check.detail}" for check in verdict.checks if not check.passed), None)
    return {
        "id": one.id,
        "half": one.half,
        "text": one.sentence.text,
        "supported": one.supported,
        "why": one.why,
        "kept": verdict.is_grounded,
        "failed": failed,
    }
