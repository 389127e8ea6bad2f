"""The report as JSON values, and back: what is stored can be shown again in another form or language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from coaching.report import Report, build_report
from coaching.scorecards import Scorecard
from domain.signals import Analysis, Moment
from domain.suggestions import Envelope
from wire.documents import dump, dump_analysis, dump_transcript, read, read_transcript

_ENVELOPES = ("tips", "brief", "replies")


def report_document(report: Report) -> dict[str, object]:
    """Return the report as JSON values: the contract's documents under their names."""
    envelopes = {name: getattr(report, name) for name in _ENVELOPES}
    return {
        "conversation": dump_transcript(report.transcript),
        "analysis": dump_analysis(report.analysis),
        "account_name": report.account_name,
        "summary": dump(report.summary),
        "alerts": [dump(alert) for alert in report.alerts],
        "stop_request": dump(report.stop_request) if report.stop_request else None,
        "losses": [dump(loss) for loss in report.losses],
        "strengths": [dump(strength) for strength in report.strengths],
        "scorecard": dump(report.scorecard) if report.scorecard else None,
        "asked": dump(report.asked) if report.asked else None,
        **{name: dump(envelope) if envelope else None for name, envelope in envelopes.items()},
    }


def read_report(document: Mapping[str, Any]) -> Report:
    """Read a stored report; what is computed from transcript, signals and scorecard is computed again.

    Raises:
        InputError: Not a report.
    """
    card = document.get("scorecard")
    report = build_report(
        read_transcript(document.get("conversation")),
        read(Analysis, document.get("analysis"), what="analysis"),
        account_name=str(document.get("account_name", "")),
        scorecard=read(Scorecard, card, what="scorecard") if card else None,
        tips=_envelope(document.get("tips")),
        brief=_envelope(document.get("brief")),
        replies=_envelope(document.get("replies")),
    )
    asked = document.get("asked")
    return replace(report, asked=read(Moment, asked, what="moment")) if asked else report


def _envelope(document: object) -> Envelope | None:
    found: Envelope | None = read(Envelope, document, what="envelope") if document else None
    return found
