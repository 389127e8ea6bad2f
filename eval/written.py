"""The evaluation sets that were written for this project (`sets/<suite>.jsonl`), one row a conversation.

Rows of one paraphrase family share a `half`: rules were developed on `dev` only, figures are quoted on `test`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from domain.conversation import Transcript
from domain.lexicon import Lexicon
from domain.signals import Signal
from eval.result import Figure
from signals.pipeline import Detector, SignalDetector, TextEncoder
from wire.documents import read_lexicon, read_transcript

DEV, TEST = "dev", "test"
FRESH = "_fresh"
"""Ending of a suite's second set: later families, measured before the rules had seen them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenRow:
    """One row: a conversation, its lexicon, and the signals expected of it as plain values."""

    id: str
    family: str
    half: str
    transcript: Transcript
    lexicon: Lexicon
    expected: Sequence[Mapping[str, Any]]


@cache
def written_rows(suite: str, half: str) -> tuple[WrittenRow, ...]:
    """Return the rows of one half (`dev` or `test`) of a suite's set."""
    text = (files("eval") / "sets" / f"{suite}.jsonl").read_text(encoding="utf-8")
    documents = [json.loads(line) for line in text.splitlines() if line]
    return tuple(_row(document) for document in documents if document["half"] == half)


def beside(figures: Callable[[str, str], Iterable[Figure]], suite: str) -> list[Figure]:
    """Return a suite's figures on its test half, then on its dev half and both halves of its second set, so named.

    Args:
        figures: Suite's set and half → its figures.
        suite: Name of the first set; the second has `FRESH` behind it.
    """
    others = (("dev_", suite, DEV), ("fresh_", suite + FRESH, TEST), ("fresh_dev_", suite + FRESH, DEV))
    named = [
        replace(figure, name=f"{before}{figure.name}")
        for before, rows, half in others
        for figure in figures(rows, half)
    ]
    return [*figures(suite, TEST), *named]


def detected(
    row: WrittenRow, detectors: Sequence[Detector], *, encoder: TextEncoder | None = None
) -> tuple[Signal, ...]:
    """Run detectors over a row as `analyze` would."""
    return SignalDetector(detectors, encoder=encoder).detect(row.transcript, lexicon=row.lexicon)


def _row(document: Mapping[str, Any]) -> WrittenRow:
    return WrittenRow(
        id=document["id"],
        family=document["family"],
        half=document["half"],
        transcript=read_transcript({key: document[key] for key in ("id", "turns", "started_at") if key in document}),
        lexicon=read_lexicon(document.get("lexicon", [])),
        expected=document["expected"],
    )
