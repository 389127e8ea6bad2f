"""The answer that one case gives to a question: corrections first, then the sentences asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from agent.drafts import DraftSentence
from agent.frames import as_sentence
from agent.matching import CaseMatch
from agent.names import NameKind, find_names
from agent.premises import number_corrections, outcome_correction, rep_correction
from agent.questions import Question, read_question, same_meaning
from agent.screening import gives_orders
from agent.selecting import Scored, case_sources, rank_sentences
from agent.shelf import CaseFile, Shelf
from agent.vectors import Vectors
from language.pii import find_pii
from language.sentences import clauses

_LEAST_SCORE, _LEAST_SCORE_COMPARED = 0.45, 0.3
_LOOKED_AT = 8
_WHOLE_COLUMN = frozenset(
    {"talk_track", "won_reason", "lost_reason", "reason", "blocker", "background", "customer_question"}
    | {"evidence", "lesson", "terms"}
)
_NAMED_COLUMNS = (
    (_WHOLE_COLUMN - {"terms"}) | {"rep", "closed_at", "outcome", "industry", "product", "stage"} | {"customer_size"}
)
"""Aspects that ask for a column by name: what they are wanted of need not stand in the text."""
_TWO_COLUMNS = frozenset({"lost_reason", "won_reason", "reason"})
_MOST_OF_A_COLUMN = 4
_AS_GOOD = 0.9


def answer_from_case(
    question: Question, match: CaseMatch, shelf: Shelf, vectors: Vectors | None
) -> tuple[list[DraftSentence], list[Scored]]:
    """Return what the case says to the question, empty where it does not hold what is asked."""
    case = match.case
    corrections = (outcome_correction(question, case), rep_correction(question, case, shelf))
    sentences = [correction for correction in corrections if correction is not None]
    scored: list[Scored] = []
    for part in parts_of(question):
        sources = case_sources(case, [column for aspect in part.aspects for column in aspect.columns])
        ranked = sayable(rank_sentences(part, sources, shelf, vectors))
        sentences += number_corrections(part, list(case.columns.values()), ranked)
        if _can_answer(part, case, ranked):
            chosen = _chosen(part, ranked)
            scored += chosen
            sentences += [as_sentence(one.source, one.start, one.end) for one in chosen]
    return distinct(sentences), scored


def parts_of(question: Question) -> list[Question]:
    """Return one question per clause that asks something of its own, the subject shared."""
    asking = [part for part in (read_question(clause.text) for clause in clauses(question.text)) if part.aspects]
    if len(asking) < 2 or question.is_yes_no:
        return [question]
    return [
        replace(
            question,
            text=question.subject + part.text.removeprefix(question.subject),
            aspects=part.aspects,
            focus=part.focus,
            unit=part.unit,
        )
        for part in asking
    ]


def sayable(ranked: Iterable[Scored]) -> list[Scored]:
    """Leave out sentences that give orders or hold personal data."""
    return [one for one in ranked if not gives_orders(one.text) and not find_pii(one.text)]


def distinct(sentences: Sequence[DraftSentence]) -> list[DraftSentence]:
    """Leave out a sentence whose every citation an earlier one has."""
    kept: list[DraftSentence] = []
    seen: set[object] = set()
    for sentence in sentences:
        if not set(sentence.citations) <= seen:
            kept.append(sentence)
            seen |= set(sentence.citations)
    return kept


def holds_in_any_form(case: CaseFile, word: str) -> bool:
    """Whether a case holds a word or one that means the same."""
    return any(other in case.whole_text for other in same_meaning(word))


def _can_answer(question: Question, case: CaseFile, ranked: Sequence[Scored]) -> bool:
    """Whether the case holds what is asked: its measure, and the very thing that the number or name is wanted of."""
    if not ranked or ranked[0].score < (_LEAST_SCORE_COMPARED if question.is_compare else _LEAST_SCORE):
        return False
    if question.dimensions and not any(one.measures for one in ranked[:_LOOKED_AT]):
        return False
    if question.wants("person") and not question.wants("rep"):
        return any(name.kind is NameKind.PERSON for name in find_names(ranked[0].text))
    return any(aspect.name in _NAMED_COLUMNS for aspect in question.aspects) or not _asks_of_something_else(
        question, case
    )


def _asks_of_something_else(question: Question, case: CaseFile) -> bool:
    """Whether the very thing that a number or name is wanted of is nowhere in the case."""
    missing = [word for word in question.words if not holds_in_any_form(case, word)]
    return question.focus in missing or len(missing) * 2 > len(question.words) > 0


def _chosen(question: Question, ranked: Sequence[Scored]) -> list[Scored]:
    first = next((one for one in ranked if one.measures), ranked[0])
    names = {aspect.name for aspect in question.aspects}
    if names & _WHOLE_COLUMN and first.column_rank is not None:
        whole = sorted((one for one in ranked if one.source is first.source), key=lambda one: one.start)
        return [*whole[:_MOST_OF_A_COLUMN], *(_from_next_column(first, ranked) if names & _TWO_COLUMNS else [])]
    close = [one for one in ranked if one is not first and one.measures and one.score >= _AS_GOOD * first.score]
    return [first, *close[:1]]


def _from_next_column(first: Scored, ranked: Sequence[Scored]) -> list[Scored]:
    """Return the best sentence of another column that was asked for: a reason is a blocker and a turn."""
    others = [one for one in ranked if one.source is not first.source and one.column_rank is not None]
    return others[:1]
