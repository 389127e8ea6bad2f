"""Compliance wording: violations found, exempt and clean uses left alone, on the written set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from domain.signals import Risk, Severity, Signal
from eval.agreement import Counts, count, f1_figure, macro_f1_figure, overlap, precision_figure, recall_figure
from eval.result import EvalResult, Figure, proportion
from eval.written import TEST, WrittenRow, beside, detected, written_rows
from signals.pipeline import TextEncoder
from signals.risks import RiskDetector

SUITE = "adlaw"
_TOUCHING = 0.2
"""A finding counts where a fifth of the longer span is shared: where a violation begins is a matter of taste."""


def run(data: Path, *, half: str, parts: Any = None) -> EvalResult:
    """Measure on the written test half; the dev half is shown beside it. No public set has such labels."""
    encoder: TextEncoder | None = parts.encoder if parts is not None else None
    figures = beside(partial(written_figures, encoder=encoder), SUITE)
    if encoder is not None:
        figures += [replace(figure, name=f"rules_only_{figure.name}") for figure in written_figures(SUITE, TEST)]
    return EvalResult(suite=SUITE, data="written set (test)", figures=tuple(figures))


def written_figures(suite: str, half: str, encoder: TextEncoder | None = None) -> list[Figure]:
    """Violations by label and place; an exempt or clean row with anything above a note is a false alarm."""
    rows = [(row, _violations(row, encoder)) for row in written_rows(suite, half)]
    counts = [count(found, _expected(row), _alike, least=_TOUCHING) for row, found in rows]
    by_label = {label: [_of_label(row, found, label) for row, found in rows] for label in Risk}
    exempt = [found for row, found in rows if any(e["exempt"] for e in row.expected)]
    clean = [found for row, found in rows if not row.expected]
    return [
        f1_figure("violation_f1", counts),
        precision_figure("violation_precision", counts),
        recall_figure("violation_recall", counts),
        macro_f1_figure("violation_macro_f1", by_label),
        *(f1_figure(f"f1_{label}", by_label[label]) for label in Risk),
        proportion("exempt_false_alarms", sum(bool(found) for found in exempt), len(exempt)),
        proportion("clean_false_alarms", sum(bool(found) for found in clean), len(clean)),
    ]


def _violations(row: WrittenRow, encoder: TextEncoder | None) -> list[Signal]:
    found = [s for s in detected(row, [RiskDetector()], encoder=encoder) if s.attributes["severity"] != Severity.NOTE]
    if all("start" in expected for expected in row.expected):
        return found
    # Rows labelled as a whole: one finding a label counts.
    return list({(s.turn_id, s.label): s for s in found}.values())


def _expected(row: WrittenRow) -> list[Mapping[str, Any]]:
    return [e for e in row.expected if not e["exempt"]]


def _of_label(row: WrittenRow, found: Sequence[Signal], label: Risk) -> Counts:
    wanted = [e for e in _expected(row) if e["label"] == label]
    return count([s for s in found if s.label == label], wanted, _alike, least=_TOUCHING)


def _alike(signal: Signal, expected: Mapping[str, Any]) -> float:
    if signal.turn_id != expected["turn_id"] or signal.label != expected["label"]:
        return 0.0
    if "start" not in expected:
        return 1.0
    return overlap((signal.start, signal.end), (expected["start"], expected["end"]))
