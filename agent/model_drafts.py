"""A model's answer as a draft: its sentences under our citations, within our limits."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from agent.applicability import Applicability, apply_to
from agent.drafts import Draft, DraftSentence, DraftSuggestion, nothing
from agent.hearers import setting_for
from agent.model_outlines import OUTLINED, notes_of, outlined
from agent.model_replies import ModelReply, ModelSentence, ModelSuggestion
from agent.model_sources import NumberedSources
from agent.names import NameKind, find_names
from agent.replies import MOST_CHARACTERS, MOST_REPLIES
from agent.shelf import CaseFile
from agent.talk import adapt, leads_to_others
from agent.tasks import Task
from agent.templates import templates
from domain.conversation import REP
from domain.sources import Source, SourceKind
from domain.suggestions import BRIEF_SECTIONS, AbstentionReason, SuggestionKind
from language.sentences import sentences

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


def may_be_said(sentence: DraftSentence, sources: Collection[Source], task: Task) -> bool:
    """Whether a model's sentence may be said to the customer, as a composed one may.

    It does not rest on the customer's own words alone; and where it cites a case, it holds nobody's name or price and
    nothing that was promised, counted or true in that deal alone, unless it tells of it as another customer's.

    Args:
        sources: What the sentence cites.
    """
    if sources and all(one.kind is SourceKind.TURN and one.speaker != REP for one in sources):
        return False
    ids = {one.case_id for one in sources if one.kind is SourceKind.CASE}
    cases = [case for case_id, case in task.shelf.cases.items() if case_id in ids]
    return all(_is_free(span.text, cases, task) for span in sentences(sentence.text)) if ids else True


def _is_free(text: str, cases: Collection[CaseFile], task: Task) -> bool:
    lexicon, allowed = task.shelf.lexicon, task.own_names
    told = _told_as_theirs(text)
    if told:
        names = (one for one in find_names(told) if one.kind is NameKind.COMPANY and one.text not in allowed)
        return not any(names) and adapt(f"我们{told}", lexicon=lexicon, allowed=allowed) is not None
    said = adapt(text, lexicon=lexicon, allowed=allowed)
    if said is None or _letters(said) != _letters(text):
        return False
    return all(apply_to(text, setting_for(task, case)).kind is not Applicability.DEAL_BOUND for case in cases)


def _told_as_theirs(text: str) -> str:
    """Return what a sentence tells of another customer; empty where it speaks to this one."""
    lead = next((one for one in leads_to_others() if text.startswith(one)), "")
    told = text.removeprefix(lead)
    return told if lead and "您" not in told else ""


def _letters(text: str) -> str:
    """Return a text without its marks: adapting sets some of them anew."""
    return re.sub(r"\W", "", text)
