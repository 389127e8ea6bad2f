"""The evaluations by name; a suite's module is imported only when it runs."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from domain.errors import InputError
from eval.result import EvalResult

SUITES: dict[str, str] = {
    "asr": "eval.asr",
    "telephone": "eval.speech_telephone",
    "live": "eval.speech_live",
    "speech_cost": "eval.speech_cost",
    "diarization": "eval.diarization",
    "hotwords": "eval.hotwords",
    "ghosts": "eval.ghosts",
    "signals": "eval.signals",
    "rep_acts": "eval.rep_acts",
    "emotion": "eval.emotion",
    "competitors": "eval.competitors",
    "promises": "eval.promises",
    "adlaw": "eval.adlaw",
    "breaks": "eval.breaks",
    "retrieval": "eval.retrieval",
    "grounding": "eval.grounding",
    "drafts": "eval.drafts",
    "ask": "eval.ask",
    "faithfulness": "eval.faithfulness",
    "replies": "eval.replies",
    "briefs": "eval.briefs",
    "applicability": "eval.applicability",
}


class Suite(Protocol):
    """What a suite's module offers."""

    def run(self, data: Path, *, half: str, parts: Any) -> EvalResult:
        """Measure on the rows under `data`; absent data gives a result that says so."""
        ...


def find_suite(name: str) -> Suite:
    """Return a suite by name.

    Raises:
        InputError: There is none; the line names those there are.
    """
    if name not in SUITES:
        raise InputError("zhanqing.unknown_suite", suite=name, known=", ".join(SUITES))
    return cast(Suite, import_module(SUITES[name]))
