"""Logic breaks by label and turn on the written set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from domain.signals import LogicBreak, Signal
from eval.agreement import Counts, count, f1_figure, macro_f1_figure
from eval.result import EvalResult, Figure, proportion
from eval.written import WrittenRow, beside, detected, written_rows
from signals.logic_breaks import LogicBreakDetector

SUITE = "breaks"


def run(data: Path, *, half: str, parts: Any = None) -> EvalResult:
    """Measure on the written test half; the dev half is shown beside it. No public set has such labels."""
    return EvalResult(suite=SUITE, data="written set (test)", figures=tuple(beside(written_figures, SUITE)))


def written_figures(suite: str, half: str) -> list[Figure]:
    """A break counts where label and turn agree."""
    rows = [(row, detected(row, [LogicBreakDetector()])) for row in written_rows(suite, half)]
    by_label = {label: [_of_label(row, found, label) for row, found in rows] for label in LogicBreak}
    clean = [found for row, found in rows if not row.expected]
    return [
        macro_f1_figure("macro_f1", by_label),
        *(f1_figure(f"f1_{label}", counts) for label, counts in by_label.items()),
        proportion("sound_rows_left_alone", sum(not found for found in clean), len(clean)),
    ]


def _of_label(row: WrittenRow, found: Sequence[Signal], label: LogicBreak) -> Counts:
    wanted = [e for e in row.expected if e["label"] == label]
    return count([s for s in found if s.label == label], wanted, _alike)


def _alike(signal: Signal, expected: Mapping[str, Any]) -> float:
    return float(signal.turn_id == expected["turn_id"] and signal.label == expected["label"])
