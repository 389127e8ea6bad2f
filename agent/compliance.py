"""Compliance: which rules the wording touches, and wording that must not leave made softer or taken out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from domain.signals import Risk, Severity
from domain.suggestions import ComplianceNote
from language.quantity_units import any_of
from language.sentences import clauses, sentences
from signals.risks import check_wording

REWRITTEN = "wording."
"""Prefix of the topics that say what was rewritten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One rule: what wording touches it, and which words and wishes of the customer raise it.

    `exempt` is wording that holds a cue and means something else: 绝对值, 最好先看一下.
    """

    rule: str
    message: str
    cues: re.Pattern[str]
    asked: re.Pattern[str]
    intents: frozenset[str]
    exempt: re.Pattern[str] | None = None

    def touched_by(self, what: str) -> re.Match[str] | None:
        """Return the first wording that touches the rule."""
        exempt = [match.span() for match in self.exempt.finditer(what)] if self.exempt else []
        return next(
            (
                match
                for match in self.cues.finditer(what)
                if not any(start <= match.start() < end for start, end in exempt)
            ),
            None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeWording:
    """A sentence that may leave, and the kinds of risk that were taken out of it."""

    text: str
    removed: tuple[Risk, ...] = ()


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads((files("agent") / "compliance.toml").read_text(encoding="utf-8"))


@cache
def compliance_topics() -> tuple[Topic, ...]:
    """Load the topics once."""
    return tuple(
        Topic(
            rule=row["rule"],
            message=row["message"],
            cues=re.compile(row["cues"]),
            asked=re.compile(row["asked"]),
            intents=frozenset(row["intents"]),
            exempt=re.compile(row["exempt"]) if "exempt" in row else None,
        )
        for row in _table()["topic"]
    )


def topics_raised(text: str, intents: Collection[str], *, rivals: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the rules that the customer's words raise, whatever is answered."""
    names_rival = bool(rivals) and re.search(any_of(rivals), text) is not None
    return tuple(
        topic.rule
        for topic in compliance_topics()
        if topic.intents & set(intents) or topic.asked.search(text) or (names_rival and "竞品" in topic.rule)
    )


def make_safe(sentence: str, *, rivals: Sequence[str] = ()) -> SafeWording | None:
    """Return the sentence with forbidden wording softened, or its clause left out; None if nothing is left to say."""
    risks = _forbidden(sentence, rivals)
    if not risks:
        return SafeWording(text=sentence)
    softened = re.sub(any_of(_table()["softer"]), lambda match: _table()["softer"][match.group()], sentence)
    if not _forbidden(softened, rivals):
        return SafeWording(text=softened, removed=risks)
    kept = [clause.text for clause in clauses(softened) if not _forbidden(clause.text, rivals)]
    rest = "，".join(kept) + "。" if kept else ""
    return SafeWording(text=rest, removed=risks) if len(rest) > 1 and not _forbidden(rest, rivals) else None


def _forbidden(text: str, rivals: Sequence[str]) -> tuple[Risk, ...]:
    found = check_wording(text, rivals=rivals)
    return tuple(dict.fromkeys(one.label for one in found if one.severity is not Severity.NOTE))


def notes_for(what: str, *, topics: Sequence[str] = ()) -> tuple[ComplianceNote, ...]:
    """Return one note per rule that is touched, on the words that touch it.

    Args:
        topics: Rules that the customer raised, and what was rewritten; where no wording touches one, its note says
            that the customer asked, and is on the first sentence.
    """
    first = next(iter(sentences(what)), None)
    if first is None:
        return ()
    notes = []
    for topic in compliance_topics():
        match = topic.touched_by(what)
        if match is not None:
            notes.append(_note(topic.rule, Severity.NOTE, topic.message, *match.span()))
        elif topic.rule in topics:
            asked = _table()["asked"].format(message=topic.message)
            notes.append(_note(topic.rule, Severity.NOTE, asked, first.start, first.end))
    for name in topics:
        if name.startswith(REWRITTEN):
            message = _table()["rewritten"][name.removeprefix(REWRITTEN)]
            notes.append(_note(name, Severity.REWRITE, message, first.start, first.end))
    return tuple(notes)


def _note(rule: str, severity: Severity, message: str, start: int, end: int) -> ComplianceNote:
    return ComplianceNote(rule=rule, severity=severity, message=message, start=start, end=end)
