"""Answers to questions, made of the sources' own sentences; without one that answers, there is no answer."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.case_answers import answer_from_case, distinct, holds_in_any_form, parts_of, sayable
from agent.drafts import Draft, DraftSentence, DraftSuggestion, nothing
from agent.frames import as_sentence, case_line, frames, titled
from agent.listing import listed_cases
from agent.matching import CaseMatch, match_cases, named_by_id, names_unknown_id
from agent.naming import Known, unknown_name, unknown_people
from agent.paper_answers import answer_from_papers, carded_rivals, is_sure
from agent.premises import number_corrections, rep_correction
from agent.questions import Question, read_question
from agent.selecting import Scored, rank_sentences
from agent.shelf import Shelf
from agent.vectors import Vectors
from domain.cases import CaseHit
from domain.sources import Source
from domain.suggestions import AbstentionReason

CASE_THRESHOLD = 0.40
"""Least match score for a case to be the one meant; chosen by `eval.ask` on its dev rows."""
_LEAST_HELD_SHARE = 0.75
"""Least rarity that must be named, in rarities of a word that one case alone has."""
_TRIED_CASES, _CLOSE_ENOUGH = 3, 0.8
"""Where the best case does not hold what is asked, cases nearly as well matched are tried."""
_HERE_THRESHOLD = 0.35
_AS_GOOD = 0.85
_MOST_SENTENCES = 5
_SIDES = re.compile(
    r"(.{2,20}?)(?:和|与|跟|同|还是)(.{2,20}?)(?:这?两|哪|谁|的|相比|比较?|分别|各|签|合同|成交|，|,|$)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskEvidence:
    """All that may answer a question.

    Attributes:
        hits: What the search found for the question.
        here: The deal's fields and the conversation's turns, if the question came with them.
    """

    shelf: Shelf
    hits: tuple[CaseHit, ...]
    here: tuple[Source, ...] = ()


def answer(text: str, evidence: AskEvidence, vectors: Vectors | None) -> Draft:
    """Draft the answer to a question, or say why there is none."""
    question = read_question(text, lexicon=evidence.shelf.lexicon)
    known = Known(shelf=evidence.shelf, here=evidence.here)
    if names_unknown_id(text, evidence.shelf) and not named_by_id(text, evidence.shelf):
        return nothing(AbstentionReason.NO_EVIDENCE)
    unknown = unknown_name(question, known)
    if unknown is not None:
        return nothing(unknown)
    here = _from_here(question, evidence, vectors)
    if here is not None and question.is_here:
        return here
    base = _from_base(question, evidence, vectors, known)
    return base if base.suggestions or here is None else here


def _from_here(question: Question, evidence: AskEvidence, vectors: Vectors | None) -> Draft | None:
    sentences: list[DraftSentence] = []
    scored: list[Scored] = []
    for part in parts_of(question) if evidence.here else ():
        ranked = sayable(rank_sentences(part, evidence.here, evidence.shelf, vectors))
        sentences += number_corrections(part, evidence.here, ranked)
        fitting = [one for one in ranked if one.score >= _HERE_THRESHOLD and (one.measures or one.column_rank == 0)]
        best = [one for one in fitting if one.score >= _AS_GOOD * fitting[0].score][:2]
        sentences += [as_sentence(one.source, one.start, one.end) for one in best]
        scored += best
    return _draft("answer_here", distinct(sentences), _confidence(scored)) if sentences else None


def _from_base(question: Question, evidence: AskEvidence, vectors: Vectors | None, known: Known) -> Draft:
    shelf = evidence.shelf
    listed = listed_cases(question, shelf, evidence.hits) if question.is_list and not question.is_compare else []
    if listed:
        return _draft("list", [case_line(case) for case in listed], 0.7)
    if question.is_compare:
        return _compared(question, evidence, vectors)
    people = unknown_people(question, known)
    rivals = carded_rivals(question, shelf)
    papers, told = ([], []) if people else answer_from_papers(question, shelf, vectors)
    if is_sure(told):
        return _draft("papers", papers, _confidence(told))
    for match in _meant(question, shelf, evidence.hits):
        if people and rep_correction(question, match.case, shelf) is None:
            continue
        if not all(shelf.case_holds(match.case.case_id, rival) for rival in rivals):
            continue
        sentences, scored = answer_from_case(question, match, shelf, vectors)
        if sentences:
            return _draft("answer", sentences, _confidence(scored))
    return _draft("papers", papers, _confidence(told)) if papers else nothing(AbstentionReason.NO_EVIDENCE)


def _meant(question: Question, shelf: Shelf, hits: Sequence[CaseHit]) -> list[CaseMatch]:
    """Return the cases that are meant surely enough, best first: everyday words alone do not say which one."""
    least = _LEAST_HELD_SHARE * math.log(len(shelf.cases) + 1)
    matches = match_cases(question, shelf, hits)
    sure = [match for match in matches if match.score >= CASE_THRESHOLD and match.held >= least]
    return [match for match in sure if match.score >= _CLOSE_ENOUGH * sure[0].score][:_TRIED_CASES]


def _compared(question: Question, evidence: AskEvidence, vectors: Vectors | None) -> Draft:
    """Answer of both cases that a question puts side by side, each found by its own half and named by its title."""
    sides = _SIDES.match(question.text)
    halves = [read_question(side) for side in sides.groups()] if sides else []
    found = [match for half in halves for match in match_cases(half, evidence.shelf, evidence.hits)[:1]]
    matches = [match for match in found if match.score >= CASE_THRESHOLD]
    matches = matches or match_cases(question, evidence.shelf, evidence.hits)[:2]
    sentences: list[DraftSentence] = []
    scored: list[Scored] = []
    for match in {one.case.case_id: one for one in matches}.values():
        said, best = answer_from_case(_about(question, match), match, evidence.shelf, vectors)
        sentences += [titled(match.case, sentence) for sentence in said]
        scored += best
    return _draft("answer", sentences, _confidence(scored)) if sentences else nothing(AbstentionReason.NO_EVIDENCE)


def _about(question: Question, match: CaseMatch) -> Question:
    """Ask of one of two cases only what it can know: words of the other are not missing from it."""
    words = tuple(word for word in question.words if holds_in_any_form(match.case, word))
    return replace(question, words=words, focus="", names=(), outcome=None)


def _confidence(scored: Sequence[Scored]) -> float:
    return min(0.95, 0.4 + 0.15 * max((one.score for one in scored), default=1.0))


def _draft(kind: str, sentences: Sequence[DraftSentence], confidence: float) -> Draft:
    suggestion = DraftSuggestion(
        tactic=frames()["tactic"][kind],
        sentences=tuple(sentences[:_MOST_SENTENCES]),
        confidence=confidence,
        reason=f"ask.{kind}",
        step="ask",
    )
    return Draft(suggestions=(suggestion,))
