"""Coaching tips: a moment of the conversation, and the better words that won a similar deal."""

from __future__ import annotations

from agent.drafts import Draft, DraftSentence, DraftSuggestion, nothing
from agent.moments import LostMoment
from agent.shelf import CaseFile
from agent.talk import Line, talk_lines
from agent.tasks import Task
from agent.vectors import Vectors
from domain.cases import Outcome
from domain.sources import Source, cite
from domain.suggestions import AbstentionReason
from language.sentences import Span, clauses, sentences

MOST_TIPS = 5
MOST_LINES = 2
_CASES_READ = 3
_SAME_QUESTION = 0.907
"""Least likeness of the moment to a case's question; between the worst fitting (0.910) and the best
unfitting (0.904) of eight hand-judged moments of the sample calls: a floor, not a calibration."""
_LONGEST_WORDS = 60
"""Characters of the customer's words that a tip repeats; more is read in the transcript."""


def draft_tips(task: Task, vectors: Vectors | None) -> Draft:
    """Draft up to five tips, dearest moment first; each line of a talk track is used once."""
    tips: list[DraftSuggestion] = []
    used: set[str] = set()
    for moment in task.moments:
        tip = _tip(task, moment, vectors, used)
        if tip is not None and len(tips) < MOST_TIPS:
            tips.append(tip)
    return Draft(suggestions=tuple(tips)) if tips else nothing(AbstentionReason.NO_EVIDENCE)


def _tip(task: Task, moment: LostMoment, vectors: Vectors | None, used: set[str]) -> DraftSuggestion | None:
    source = next((found for talk in task.talks if (found := talk.source(moment.turn.id))), None)
    lines = _better_words(task, moment, vectors, used) if source else []
    if source is None or not lines:
        return None
    used.update(line.text for line in lines)
    heart = _heart(source)
    said = DraftSentence(text=f"客户说：“{heart.text}”。", citations=(cite(source, heart.start, heart.end),))
    better = [DraftSentence(text=line.text, citations=line.citations) for line in lines]
    return DraftSuggestion(
        tactic=task.shelf.cases[lines[0].origin].title,
        sentences=(said, *better),
        confidence=min(0.9, 0.4 + 0.3 * moment.cost),
        reason=f"tips.{moment.fault}" if moment.fault else "tips",
        step="tips",
    )


def _better_words(task: Task, moment: LostMoment, vectors: Vectors | None, used: set[str]) -> list[Line]:
    """Return the lines of the won case nearest to the moment, nearest line first, then the one after it."""
    for case in _won(task, moment)[:_CASES_READ]:
        if vectors is not None and _nearness(moment.query, case.text("customer_question"), vectors) < _SAME_QUESTION:
            continue
        lines = [line for line in talk_lines(case, task) if line.text not in used]
        if lines:
            best = max(lines, key=lambda line: (_nearness(moment.query, line.text, vectors), -line.position))
            after = [line for line in lines if line.position == best.position + 1]
            return [best, *after][:MOST_LINES]
    return []


def _won(task: Task, moment: LostMoment) -> list[CaseFile]:
    """A lost case is a lesson, never the better way."""
    hits = task.moment_hits.get(moment.turn.id, ())
    return [
        task.shelf.cases[hit.case_id] for hit in hits if hit.outcome is Outcome.WON and hit.case_id in task.shelf.cases
    ]


def _nearness(query: str, line: str, vectors: Vectors | None) -> float:
    """Likeness of meaning, or the share of shared characters where no encoder is at hand."""
    if vectors is not None:
        asked, said = vectors.of([query, line])
        return float(asked @ said)
    return len(set(query) & set(line)) / max(1, len(set(line)))


def _heart(source: Source) -> Span:
    """Return the part of the customer's words that a tip repeats: all where short, else the longest fitting part."""
    whole = source.text.rstrip("。！？!?，, ")
    if len(whole) <= _LONGEST_WORDS:
        return Span(start=0, end=len(whole), text=whole)
    fitting = [span for span in sentences(source.text) if len(span.text) <= _LONGEST_WORDS]
    return max(fitting or clauses(source.text), key=lambda span: len(span.text))
