"""From a draft to suggestions: every sentence through the gate, the rest dropped with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.compliance import notes_for
from agent.drafts import DraftSentence, DraftSuggestion
from agent.grounding import Gate, SourceKey, Verdict
from agent.outlines import outline_words
from agent.practice import TALK_LINES
from agent.templates import fill_why, templates
from domain.sources import Source
from domain.suggestions import Check, Claim, Dropped, DropReason, Suggestion, SuggestionKind

_FOR_CUSTOMERS = frozenset(
    {SuggestionKind.REPLY, SuggestionKind.TIPS, SuggestionKind.PRACTICE, SuggestionKind.FIRST_CALL}
)
"""Kinds whose words a rep may say to a customer; a brief or an answer is read in the house."""
_ON_ONE_LINE = frozenset({SuggestionKind.REPLY, SuggestionKind.TIPS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What is left of a draft behind the gate."""

    suggestions: tuple[Suggestion, ...]
    dropped: tuple[Dropped, ...]
    checks: tuple[Check, ...]


def finish(
    drafted: Sequence[DraftSuggestion],
    sources: Mapping[SourceKey, Source],
    gate: Gate,
    *,
    kind: SuggestionKind,
    intents: Sequence[str] = (),
) -> Finished:
    """Judge every sentence and build the suggestions that still say something; a brief keeps its empty sections."""
    suggestions: list[Suggestion] = []
    dropped: list[Dropped] = []
    checks: list[Check] = []
    for number, draft in enumerate(drafted, start=1):
        kept: list[tuple[DraftSentence, Verdict]] = []
        for sentence in draft.sentences:
            verdict = gate.judge(sentence, sources)
            checks += verdict.checks
            if verdict.is_grounded:
                kept.append((sentence, verdict))
            else:
                dropped.append(Dropped(text=sentence.text, why=verdict.reason or DropReason.NO_SUPPORT))
        if kept or kind is SuggestionKind.BRIEF:
            suggestions.append(_suggestion(f"s{number}", draft, kept, kind, intents))
    left = _three_lines(suggestions) if kind is SuggestionKind.PRACTICE else suggestions
    return Finished(suggestions=tuple(left), dropped=tuple(dropped), checks=tuple(checks))


def _three_lines(suggestions: Sequence[Suggestion]) -> list[Suggestion]:
    """Keep three talk lines and the risks; with fewer lines there is no practice."""
    title = outline_words()["sections"]["risks"]
    lines = [one for one in suggestions if one.tactic != title]
    if len(lines) < TALK_LINES:
        return []
    return [*lines[:TALK_LINES], *(one for one in suggestions if one.tactic == title)]


def separator_of(kind: SuggestionKind) -> str:
    """Return what stands between two sentences of a suggestion."""
    return "" if kind in _ON_ONE_LINE else "\n"


def _suggestion(
    suggestion_id: str,
    draft: DraftSuggestion,
    kept: Sequence[tuple[DraftSentence, Verdict]],
    kind: SuggestionKind,
    intents: Sequence[str],
) -> Suggestion:
    separator = separator_of(kind)
    claims: list[Claim] = []
    what = ""
    for sentence, _ in kept:
        what += separator if what else ""
        start = len(what)
        what += sentence.text
        claims.append(Claim(text=sentence.text, start=start, end=len(what), citations=sentence.citations))
    citations = [citation for sentence, _ in kept for citation in sentence.citations]
    reason = draft.reason if kept else "brief.empty"
    support = sum(verdict.score for _, verdict in kept) / len(kept) if kept else 0.0
    return Suggestion(
        id=suggestion_id,
        tactic=draft.tactic,
        what=what,
        why=fill_why(reason, tactic=draft.tactic, citations=citations, intents=intents),
        next=templates()["next"][draft.step],
        confidence=round(draft.confidence * support, 3),
        claims=tuple(claims),
        compliance=notes_for(what, topics=draft.topics) if kind in _FOR_CUSTOMERS else (),
    )
