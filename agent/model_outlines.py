"""A model's preparations in our own sections: their names and order, and what each may rest on.

A line that is practised or said to a customer never rests on a lost deal, and what somebody is to do only on what
that side said; a model that mixes them up loses those citations here, and with them its sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.drafts import Draft, DraftSentence, DraftSuggestion
from agent.model_replies import ModelReply, ModelSentence, ModelSuggestion
from agent.model_sources import NumberedSources, Part
from agent.outlines import outline_words
from agent.practice import SPARE, TALK_LINES
from agent.replies import MOST_CHARACTERS
from agent.tasks import Task
from domain.suggestions import SuggestionKind

_CONFIDENCE = 0.7
_MOST_SENTENCES = 5
RISKS = "risks"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """What a section may rest on, and the templates that say why and what next."""

    parts: frozenset[Part]
    reason: str = "brief.talk"
    step: str


_SAYABLE = frozenset({Part.WON, Part.CRM, Part.PAPER})
"""What a line to the customer may rest on; what they promised us is not ours to promise."""
_SECTIONS: Mapping[SuggestionKind, Mapping[str, _Section]] = {
    SuggestionKind.PRACTICE: {
        "lines": _Section(parts=_SAYABLE, reason="practice", step="practice"),
        RISKS: _Section(parts=frozenset({Part.LOST, Part.REP}), reason="risks", step="practice"),
    },
    SuggestionKind.FIRST_CALL: {
        "facts": _Section(parts=frozenset({Part.CRM, Part.CUSTOMER}), reason="brief.account", step="brief.account"),
        "opening": _Section(parts=_SAYABLE, reason="reply", step="reply"),
        "questions": _Section(parts=frozenset({Part.WON, Part.LOST, Part.PENDING, Part.CUSTOMER}), step="first_call"),
        "lines": _Section(parts=_SAYABLE, reason="reply", step="reply"),
        RISKS: _Section(parts=frozenset({Part.LOST, Part.REP}), reason="risks", step="practice"),
    },
    SuggestionKind.FOLLOW_UP: {
        "ours": _Section(parts=frozenset({Part.REP}), step="follow_up"),
        "theirs": _Section(parts=frozenset({Part.CUSTOMER}), step="follow_up"),
        "open": _Section(parts=frozenset({Part.CUSTOMER}), step="brief.blocker"),
        "moves": _Section(parts=frozenset({Part.WON, Part.PAPER}), reason="brief.cases", step="brief.strategy"),
    },
    SuggestionKind.SUMMARY: {
        "facts": _Section(parts=frozenset({Part.CUSTOMER, Part.CRM}), step="summary"),
        "needs": _Section(parts=frozenset({Part.CUSTOMER}), step="summary"),
        "our_promises": _Section(parts=frozenset({Part.REP}), step="summary"),
        "their_promises": _Section(parts=frozenset({Part.CUSTOMER}), step="summary"),
    },
}
OUTLINED = frozenset(_SECTIONS)
"""Kinds that are drafted in these sections."""
_SAID_REASONS = ("reply", "practice")
_SENT = (SuggestionKind.REPLY, SuggestionKind.TIPS)


def outlined(reply: ModelReply, sources: NumberedSources, kind: SuggestionKind) -> tuple[DraftSuggestion, ...]:
    """Return the sections that say something, in our order; a section under any other name is not ours."""
    if kind is SuggestionKind.PRACTICE:
        return _practice(reply.suggestions, sources)
    titles = outline_words()["sections"]
    return tuple(
        made
        for name, section in _SECTIONS[kind].items()
        if (made := _made(titles[name], section, _under(titles[name], reply.suggestions), sources)) is not None
    )


def is_for_the_customer(kind: SuggestionKind, tactic: str) -> bool:
    """Whether the words of a suggestion are to be said to the customer; others are read in the house."""
    titles = outline_words()["sections"]
    if kind is SuggestionKind.PRACTICE:
        return tactic != titles[RISKS]
    said = [titles[name] for name, one in _SECTIONS.get(kind, {}).items() if one.reason in _SAID_REASONS]
    return kind in _SENT or tactic in said


def has_matter(task: Task) -> bool:
    """Whether there is anything to write one of these from; without it the request is declined unread."""
    match task.request.kind:
        case SuggestionKind.FOLLOW_UP | SuggestionKind.SUMMARY:
            return bool(task.talks)
        case SuggestionKind.PRACTICE:
            return bool(task.talks or task.request.text.strip())
        case SuggestionKind.FIRST_CALL:
            return bool(task.fields or task.request.text.strip())
        case _:
            return True


def is_short(draft: Draft, kind: SuggestionKind) -> bool:
    """Whether a draft says something, but holds fewer talk lines than a practice has."""
    if kind is not SuggestionKind.PRACTICE or not draft.suggestions:
        return False
    return sum(one.reason == "practice" for one in draft.suggestions) < TALK_LINES


def notes_of(sections: Sequence[DraftSuggestion], kind: SuggestionKind) -> tuple[str, ...]:
    """Return the notes that the reader gets with these sections: that no risks were found."""
    has_risks = any(one.reason == "risks" for one in sections)
    return ("no_risks",) if kind is SuggestionKind.PRACTICE and not has_risks else ()


def _practice(suggestions: Sequence[ModelSuggestion], sources: NumberedSources) -> tuple[DraftSuggestion, ...]:
    """Return a suggestion for each talk line, a few to spare for the gate, and the risks last."""
    title = outline_words()["sections"][RISKS]
    sections = _SECTIONS[SuggestionKind.PRACTICE]
    lines = [
        made
        for one in suggestions
        if one.tactic and one.tactic != title
        if (made := _made(one.tactic, sections["lines"], _fitting(one.sentences), sources)) is not None
    ]
    risks = _made(title, sections[RISKS], _under(title, suggestions), sources)
    return (*lines[: TALK_LINES + SPARE], *([risks] if risks else []))


def _under(title: str, suggestions: Iterable[ModelSuggestion]) -> list[ModelSentence]:
    return [sentence for one in suggestions if one.tactic == title for sentence in one.sentences]


def _fitting(sentences: Iterable[ModelSentence]) -> list[ModelSentence]:
    """Return the leading sentences that a talk line has room for."""
    kept: list[ModelSentence] = []
    for sentence in sentences:
        if sum(len(one.text) for one in (*kept, sentence)) > MOST_CHARACTERS:
            break
        kept.append(sentence)
    return kept


def _made(
    title: str, section: _Section, sentences: Iterable[ModelSentence], sources: NumberedSources
) -> DraftSuggestion | None:
    cited = [made for one in sentences if (made := _cited(one, section, sources)) is not None]
    if not cited:
        return None
    return DraftSuggestion(
        tactic=title,
        sentences=tuple(dict.fromkeys(cited))[:_MOST_SENTENCES],
        confidence=_CONFIDENCE,
        reason=section.reason,
        step=section.step,
    )


def _cited(sentence: ModelSentence, section: _Section, sources: NumberedSources) -> DraftSentence | None:
    parts = {one: sources.parts.get(one) for one in sentence.sources}
    allowed = [one for one, part in parts.items() if part in section.parts]
    if not allowed and section.reason in _SAID_REASONS:
        # Such a line is refused on record where it is judged, and what is left decides whether the composer writes.
        allowed = [one for one, part in parts.items() if part is Part.CUSTOMER]
    if not allowed:
        return None
    return DraftSentence(text=sentence.text.strip(), citations=tuple(sources.citations[one] for one in allowed))
