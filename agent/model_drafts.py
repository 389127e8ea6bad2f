"""A model's answer as a draft: its sentences under our citations, within our limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from agent.drafts import Draft, DraftSentence, DraftSuggestion, nothing
from agent.model_outlines import OUTLINED, notes_of, outlined
from agent.model_replies import ModelReply, ModelSentence, ModelSuggestion
from agent.model_sources import NumberedSources
from agent.replies import MOST_CHARACTERS, MOST_REPLIES
from agent.templates import templates
from domain.suggestions import BRIEF_SECTIONS, AbstentionReason, SuggestionKind

_STEPS: Mapping[SuggestionKind, tuple[str, str]] = {
    SuggestionKind.ASK: ("ask.answer", "ask"),
    SuggestionKind.REPLY: ("reply", "reply"),
    SuggestionKind.BRIEF: ("brief.talk", "brief.account"),
}


def drafted(reply: ModelReply, sources: NumberedSources, kind: SuggestionKind) -> Draft:
    """Return the draft of an answer. More of the same answer only adds to it, so that it can be read as it grows."""
    if kind in OUTLINED:
        sections = outlined(reply, sources, kind)
        if reply.abstain or not sections:
            return nothing(AbstentionReason.NO_EVIDENCE)
        return Draft(suggestions=sections, notes=notes_of(sections, kind))
    read = (_suggestion(one, sources, kind) for one in reply.suggestions)
    suggestions = [one for one in read if one is not None]
    if kind is SuggestionKind.BRIEF:
        by_section = {one.tactic: one for one in suggestions}
        suggestions = [by_section.get(name, _empty_section(name)) for name in BRIEF_SECTIONS] if suggestions else []
    if reply.abstain or not suggestions:
        return nothing(AbstentionReason.NO_EVIDENCE)
    return Draft(suggestions=tuple(suggestions[:MOST_REPLIES] if kind is SuggestionKind.REPLY else suggestions))


def _suggestion(one: ModelSuggestion, sources: NumberedSources, kind: SuggestionKind) -> DraftSuggestion | None:
    cited = (found for sentence in one.sentences if (found := _cited(sentence, sources)) is not None)
    said = tuple(_short_enough(cited) if kind is SuggestionKind.REPLY else cited)
    if not said:
        return None
    reason, step = _STEPS[kind]
    tactic = one.tactic or templates()["kinds"]["case"]
    return DraftSuggestion(tactic=tactic, sentences=said, confidence=0.7, reason=reason, step=step)


def _short_enough(sentences: Iterator[DraftSentence]) -> Iterator[DraftSentence]:
    """Yield the leading sentences that a reply has room for."""
    used = 0
    for sentence in sentences:
        used += len(sentence.text)
        if used > MOST_CHARACTERS:
            return
        yield sentence


def _empty_section(name: str) -> DraftSuggestion:
    reason, step = _STEPS[SuggestionKind.BRIEF]
    return DraftSuggestion(tactic=name, sentences=(), confidence=0.0, reason=reason, step=step)


def _cited(sentence: ModelSentence, sources: NumberedSources) -> DraftSentence | None:
    """Return a sentence with our citations; numbers that were not shown count for nothing."""
    citations = [sources.citations[number] for number in dict.fromkeys(sentence.sources) if number in sources.citations]
    return DraftSentence(text=sentence.text.strip(), citations=tuple(citations)) if citations else None
