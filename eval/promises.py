"""Promises and next steps: span F1 on the written set, with what hedges and questions cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from domain.signals import Signal, SignalKind
from eval.agreement import Counts, count, f1_figure, overlap, paired, precision_figure, recall_figure
from eval.result import EvalResult, Figure, proportion
from eval.written import WrittenRow, beside, detected, written_rows
from signals.next_steps import NextStepDetector
from signals.promises import PromiseDetector

SUITE = "promises"
_KINDS = (SignalKind.PROMISE, SignalKind.NEXT_STEP)


def run(data: Path, *, half: str, parts: Any = None) -> EvalResult:
    """Measure on the written test half; the dev half is shown beside it. No public set has such labels."""
    return EvalResult(suite=SUITE, data="written set (test)", figures=tuple(beside(written_figures, SUITE)))


def written_figures(suite: str, half: str) -> list[Figure]:
    """Spans match where shared ÷ longer ≥ 0.5 in the same turn; attributes are judged on matched pairs."""
    rows = [(row, detected(row, [PromiseDetector(), NextStepDetector()])) for row in written_rows(suite, half)]
    figures: list[Figure] = []
    for kind in _KINDS:
        counts = [_count(row, found, kind) for row, found in rows]
        figures += [
            f1_figure(f"{kind}_span_f1", counts),
            precision_figure(f"{kind}_precision", counts),
            recall_figure(f"{kind}_recall", counts),
        ]
    pairs = [pair for row, found in rows for kind in _KINDS for pair in _pairs(row, found, kind)]
    for name in ("who", "due", "due_on"):
        right = sum(signal.attributes[name] == expected[name] for signal, expected in pairs)
        figures.append(proportion(f"{name}_accuracy", right, len(pairs)))
    clean = [found for row, found in rows if not row.expected]
    figures.append(proportion("rows_without_any_left_alone", sum(not found for found in clean), len(clean)))
    return figures


def _of_kind(
    row: WrittenRow, found: Sequence[Signal], kind: SignalKind
) -> tuple[list[Signal], list[Mapping[str, Any]]]:
    return [s for s in found if s.kind is kind], [e for e in row.expected if kind in e["kinds"]]


def _count(row: WrittenRow, found: Sequence[Signal], kind: SignalKind) -> Counts:
    return count(*_of_kind(row, found, kind), _alike)


def _pairs(row: WrittenRow, found: Sequence[Signal], kind: SignalKind) -> list[tuple[Signal, Mapping[str, Any]]]:
    return paired(*_of_kind(row, found, kind), _alike, least=0.5)


def _alike(signal: Signal, expected: Mapping[str, Any]) -> float:
    if signal.turn_id != expected["turn_id"]:
        return 0.0
    return overlap((signal.start, signal.end), (expected["start"], expected["end"]))
