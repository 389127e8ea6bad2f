"""Sentences with their offsets; the units that are cited, spoken and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass

_END = re.compile(r"(?:[。！？!?；;…]+|\.(?=\s|$)|\n+)[”’」』）)\"']*")
_CLAUSE = re.compile(r"[，,、：:。！？!?；;…\n]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A half-open code point range of a text, with the text it holds."""

    start: int
    end: int
    text: str


def sentences(text: str) -> list[Span]:
    """Split at Chinese and English sentence ends; spans are trimmed of space and never empty.

    The end mark belongs to its sentence. `text[span.start:span.end] == span.text` for each.
    """
    return _pieces(text, [match.end() for match in _END.finditer(text)])


def clauses(text: str) -> list[Span]:
    """Split further at commas and colons, marks left out."""
    spans = []
    for piece in _pieces(text, [match.end() for match in _CLAUSE.finditer(text)]):
        kept = _CLAUSE.sub("", piece.text)
        if kept:
            start = piece.start + piece.text.index(kept[0])
            spans.append(Span(start=start, end=start + len(kept), text=kept))
    return spans


def _pieces(text: str, ends: list[int]) -> list[Span]:
    spans, start = [], 0
    for end in [*ends, len(text)]:
        piece = text[start:end]
        if piece.strip():
            lead = len(piece) - len(piece.lstrip())
            trimmed = piece.strip()
            spans.append(Span(start=start + lead, end=start + lead + len(trimmed), text=trimmed))
        start = end
    return spans
