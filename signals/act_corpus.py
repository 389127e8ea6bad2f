"""The rep act rows: like every corpus row, and the span that carries each act."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from domain.errors import InputError
from domain.signals import RepAct
from language.sentences import Span

_COVERED = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ActRow:
    """One labelled turn of a rep.

    Attributes:
        spans: Where each act stands, half-open ranges of `text`; an act may have several.
        hard: A hard negative: it names what is not its act.
    """

    text: str
    spans: tuple[tuple[RepAct, int, int], ...]
    family: str
    style: str
    hard: bool

    @property
    def acts(self) -> frozenset[RepAct]:
        """The acts of the turn."""
        return frozenset(act for act, _, _ in self.spans)

    def covers(self, clause: Span) -> frozenset[RepAct]:
        """Return the acts that at least half of a clause belongs to."""
        enough = _COVERED * (clause.end - clause.start)
        return frozenset(
            act for act, start, end in self.spans if min(end, clause.end) - max(start, clause.start) >= max(enough, 1)
        )


def read_act_rows(folder: Traversable | Path) -> tuple[ActRow, ...]:
    """Read every `*.jsonl` of a folder, by name.

    Raises:
        InputError: A line is no row, or a span is not in its text; the message has the file and the line number.
    """
    rows: list[ActRow] = []
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        if not file.name.endswith(".jsonl"):
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                rows.append(_row(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                raise InputError("signals.bad_row", file=file.name, line=number) from error
    return tuple(rows)


def _row(document: Mapping[str, Any]) -> ActRow:
    text = str(document["text"])
    spans = tuple((RepAct(span["label"]), int(span["start"]), int(span["end"])) for span in document["spans"])
    if any(not 0 <= start < end <= len(text) for _, start, end in spans):
        raise ValueError("a span must lie in its text")
    if {act for act, _, _ in spans} != set(map(RepAct, document["labels"])):
        raise ValueError("labels and spans must name the same acts")
    return ActRow(
        text=text,
        spans=spans,
        family=str(document["family"]),
        style=str(document["style"]),
        hard=bool(document.get("hard", False)),
    )
