"""Facts as sentences: a source's own sentence, or a frame around a value, each with its citation."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from agent.columns import column_of
from agent.drafts import DraftSentence
from agent.shelf import CaseFile
from domain.conversation import CUSTOMER, REP
from domain.sources import Citation, Source, SourceKind, cite

_QUESTION_END = re.compile(r"[?？][”\"’]?$")
_END = re.compile(r"[；;，,、]+$")


@cache
def frames() -> Mapping[str, Mapping[str, str]]:
    """Load the frames once."""
    return tomllib.loads((files("agent") / "answer_frames.toml").read_text(encoding="utf-8"))


def as_sentence(source: Source, start: int, end: int, *, lead: str = "") -> DraftSentence:
    """State what `[start, end)` of a source says, attributed where a person said it."""
    return DraftSentence(text=lead + _worded(source, source.text[start:end]), citations=(cite(source, start, end),))


def whole(source: Source, *, lead: str = "") -> DraftSentence:
    """State a source that is one value or sentence."""
    return as_sentence(source, 0, len(source.text), lead=lead)


def titled(case: CaseFile, sentence: DraftSentence) -> DraftSentence:
    """Say of which case a sentence is, citing the title too."""
    title = case.columns["title"]
    lead = frames()["lead"]["titled"].format(title=title.text)
    return DraftSentence(text=lead + sentence.text, citations=(cite(title, 0, len(title.text)), *sentence.citations))


def case_line(case: CaseFile) -> DraftSentence:
    """Name a case with its outcome and rep, all three cited."""
    rep = case.columns.get("rep")
    frame = frames()["lead"]["case_line" if rep else "case_line_without_rep"]
    sources = [case.columns["title"], case.columns["outcome"], *([rep] if rep else [])]
    text = frame.format(title=case.title, outcome=case.text("outcome"), rep=case.text("rep"))
    return DraftSentence(text=text, citations=tuple(_whole_citation(source) for source in sources))


def _whole_citation(source: Source) -> Citation:
    return cite(source, 0, len(source.text))


def _worded(source: Source, quote: str) -> str:
    if source.kind is SourceKind.TURN:
        return _spoken(source, quote)
    table = frames()["case" if source.kind is SourceKind.CASE else "account"]
    frame = table.get(column_of(source.source_id))
    if source.kind is SourceKind.CRM:
        label = source.title.rsplit("·", 1)[-1].strip()
        return _ended((frame or table["other"]).format(value=quote, label=label))
    return frame.format(value=quote) if frame else _ended(quote)


def _spoken(source: Source, quote: str) -> str:
    table = frames()["turn"]
    if source.speaker == CUSTOMER:
        return table["customer_question" if _QUESTION_END.search(quote) else "customer"].format(value=quote)
    return table["rep" if source.speaker == REP else "other"].format(value=quote)


def _ended(text: str) -> str:
    """End a sentence that its source ended with a semicolon, or not at all."""
    bare = _END.sub("", text.strip())
    return bare if re.search(r"[。！？!?…”]$", bare) else f"{bare}。"
