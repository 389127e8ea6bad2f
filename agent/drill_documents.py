"""A drill as JSON values: marked as AI, with its score and reasons once it is over."""

from __future__ import annotations

from typing import Any

from agent.drills import DrillStep
from coaching.documents import report_document
from coaching.drills import MARK, exit_words
from domain.suggestions import AI_LABEL
from wire.documents import dump

_SHOWN = ("summary", "alerts", "losses", "strengths", "scorecard")


def drill_document(step: DrillStep) -> dict[str, Any]:
    """Return a drill as routes and commands show it; `debrief` is null until it is over, or where nobody spoke."""
    drill = step.drill
    return {
        "id": drill.id,
        "status": "over" if drill.is_over else "open",
        "ai": True,
        "mark": MARK,
        "label": AI_LABEL,
        "exit_words": list(exit_words()),
        "rep_id": step.rep_id,
        "conversation_id": step.conversation_id,
        "case_id": step.case_id,
        "origin": drill.persona.origin,
        "turns_left": drill.turns_left,
        "turns": [{"id": turn.id, "speaker": turn.speaker, "text": turn.text} for turn in drill.turns],
        "said": step.said,
        "debrief": _debrief(step),
    }


def _debrief(step: DrillStep) -> dict[str, Any] | None:
    if not step.drill.is_over:
        return None
    report = report_document(step.debrief) if step.debrief else {}
    scored = {name: report.get(name) for name in _SHOWN}
    return {**scored, "better": dump(step.better) if step.better else None}
