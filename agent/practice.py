"""陪练要点: for a note or a call, three lines that can be used again, and what to be careful about."""

from __future__ import annotations

from dataclasses import replace

from agent.brief_quotes import blockers_of, customer_sentences
from agent.compliance import REWRITTEN
from agent.drafts import Draft, DraftSentence, DraftSuggestion, nothing
from agent.frames import as_sentence
from agent.outlines import outline_words, section
from agent.replies import Candidate, candidates_for, choose
from agent.screening import gives_orders
from agent.shelf import CaseFile
from agent.tasks import Task
from agent.vectors import Vectors
from domain.cases import Outcome
from domain.conversation import REP
from domain.signals import Severity, SignalKind
from domain.sources import cite
from domain.suggestions import AbstentionReason
from language.sentences import sentences

TALK_LINES = 3
SPARE = 3
"""Lines drafted beside the three, for those that the gate drops."""
_MOST_RISKS = 3


def draft_practice(task: Task, vectors: Vectors | None) -> Draft:
    """Draft the lines, each a suggestion of its own, and the risks; with fewer than three lines there are none."""
    words = task.request.text.strip() or _customers_words(task)
    if not words:
        return nothing(AbstentionReason.AMBIGUOUS)
    asked = replace(task, request=replace(task.request, text=words))
    found = candidates_for(asked, vectors, [intent.value for intent in task.intents])
    chosen = choose(found)
    lines = [candidate.line for _, candidate in chosen]
    spare = [(one.moves[0], one) for one in found if one.line not in lines][:SPARE]
    if len(chosen) + len(spare) < TALK_LINES:
        return nothing(AbstentionReason.NO_EVIDENCE, missing=("facts",))
    risks = section("risks", risks_of(task), reason="risks", step="practice")
    return Draft(
        suggestions=(*(_line(*one) for one in (*chosen, *spare)), *([risks] if risks.sentences else [])),
        notes=() if risks.sentences else ("no_risks",),
    )


def risks_of(task: Task) -> list[DraftSentence]:
    """Return where similar deals were lost, and what the rep said that breaks a rule."""
    lost = [task.shelf.cases[hit.case_id] for hit in task.hits if hit.case_id in task.shelf.cases]
    stuck = [said for case in lost if case.outcome is Outcome.LOST and (said := _stuck(case)) is not None]
    return [*_said_against_rules(task), *stuck][:_MOST_RISKS]


def _customers_words(task: Task) -> str:
    """Return what the talk is about in the customer's own words: the gravest blockers, else the last sentence."""
    quotes = blockers_of(task)[:2] or customer_sentences(task)[-1:]
    return " ".join(quote.span.text for quote in quotes)


def _stuck(case: CaseFile) -> DraftSentence | None:
    source = case.columns.get("blocker")
    span = next((one for one in sentences(source.text) if not gives_orders(one.text)), None) if source else None
    if source is None or span is None:
        return None
    title, outcome = case.columns["title"], case.columns["outcome"]
    said = as_sentence(source, span.start, span.end, lead=outline_words()["leads"]["lost"].format(title=title.text))
    whole = (cite(one, 0, len(one.text)) for one in (title, outcome))
    return DraftSentence(text=said.text, citations=(*whole, *said.citations))


def _said_against_rules(task: Task) -> list[DraftSentence]:
    found = []
    for talk in task.talks:
        for signal in talk.signals:
            source = talk.source(signal.turn_id)
            harmless = signal.attributes.get("severity") == Severity.NOTE
            if signal.kind is SignalKind.RISK and not harmless and source is not None and source.speaker == REP:
                spans = [one for one in sentences(source.text) if one.start <= signal.start < one.end]
                found += [as_sentence(source, span.start, span.end) for span in spans]
    return found


def _line(tactic: str, one: Candidate) -> DraftSuggestion:
    return DraftSuggestion(
        tactic=tactic,
        sentences=(DraftSentence(text=one.line.text, citations=one.line.citations),),
        confidence=max(0.3, min(0.95, 0.35 + 0.35 * one.score)),
        reason="practice",
        step="practice",
        topics=tuple(f"{REWRITTEN}{risk}" for risk in one.line.removed),
    )
