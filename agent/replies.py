"""Replies: up to three with different tactics, made of what won before, short, ready to send."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from agent.compliance import REWRITTEN, topics_raised
from agent.drafts import Draft, DraftSentence, DraftSuggestion, nothing
from agent.shelf import CaseFile, content_words
from agent.tactics import EVIDENCE_TACTIC, NEXT_STEP_TACTIC, QUESTION_TACTIC, moves_of
from agent.talk import (
    Line,
    approach_line,
    document_lines,
    effect_lines,
    opening_for,
    question_for,
    talk_lines,
    wants_no_evidence,
)
from agent.tasks import Task
from agent.vectors import Vectors
from domain.cases import CaseHit, Outcome
from domain.lexicon import LexiconKind
from domain.signals import Intent
from domain.suggestions import AbstentionReason

MOST_REPLIES = 3
MOST_CHARACTERS = 120
_CASES_READ = 8
_CLOSEST = 2
_DOCUMENTS_READ = 40
_SAME_FACET = {"industry": 0.20, "product": 0.15, "stage": 0.05, "customer_size": 0.05}
_CASE, _MEANING, _TACTIC = 0.5, 0.6, 0.25
_NEW_CASE_BONUS = 0.08
_LEAST_NEAR, _LEAST_UNFIT = 0.65, 0.85
"""Score from which a line of a similar customer is worth saying, to the point or not."""
_LEAST_FAR, _LEAST_FAR_APART, _LEAST_FAR_EVIDENCE = 0.6, 0.8, 0.7
"""The same of another trade: with a concern in common, without one, and for what was brought about there."""
_THIN_EVIDENCE = 0.15
_SAME_CONCERN, _HOW_IT_WAS_MET = 0.2, 0.15
_FOREIGN_WORD, _MOST_FOREIGN = 0.06, 0.3
_MOST_LINES = 3
_EMPATHY_TACTIC, _ANY_TACTIC = "先认同再拆解", "方案说明"
_EVIDENCE_MOVES = (EVIDENCE_TACTIC, QUESTION_TACTIC, NEXT_STEP_TACTIC)
_MORE_EVIDENCE = 0.3
"""What a second piece of evidence is worth less than a move of the talk."""
_LEAST_NEIGHBOUR = 0.3
"""Score below which a sentence is not worth adding to another."""
_MEANING_FLOOR, _MEANING_SPAN = 0.80, 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A line with its score and the tactics it can stand for, the best first; `suits` where it is to the point."""

    line: Line
    score: float
    moves: tuple[str, ...]
    suits: bool


def draft_replies(task: Task, vectors: Vectors | None) -> Draft:
    """Draft replies to the customer's words, or say why there are none."""
    text = task.request.text
    if not re.search(r"[A-Za-z一-鿿]", text):
        return nothing(AbstentionReason.AMBIGUOUS)
    intents = [intent.value for intent in task.intents]
    candidates = candidates_for(task, vectors, intents)
    suiting = [one for one in candidates if one.suits]
    chosen = choose(suiting)
    if suiting and len(chosen) < MOST_REPLIES:
        chosen = choose([one for one in candidates if one.suits or _may_fill(one.line, task)])
    if not chosen:
        return nothing(AbstentionReason.NO_EVIDENCE, missing=("facts",))
    topics = topics_raised(text, intents, rivals=_rivals(task))
    replies: list[DraftSuggestion] = []
    free = _not_cores(suiting, chosen)
    for tactic, core in chosen:
        lines = _with_neighbours(core, free)
        free = [one for one in free if one.line not in lines]
        replies.append(_reply(tactic, core, lines, intents, topics))
    notes = ("few",) if len(replies) < MOST_REPLIES else ()
    return Draft(suggestions=tuple(replies), notes=notes)


def candidates_for(task: Task, vectors: Vectors | None, intents: Sequence[str]) -> list[Candidate]:
    """Return everything that may be said to this customer, best first."""
    lines, case_scores = _lines(task)
    if not lines:
        return []
    near = meanings(task.request.text, [line.text for line in lines], vectors)
    candidates = []
    for line, meaning in zip(lines, near, strict=True):
        moves = moves_of(line.text, intents=intents, stage=task.stage)
        if line.is_evidence:
            asked = 1.0 if "案例索取" in intents else 0.4
            moves = [(name, asked) for name in _EVIDENCE_MOVES]
        score = _CASE * case_scores.get(line.origin, 0.0) + _MEANING * meaning + _TACTIC * moves[0][1]
        score += _to_the_point(line, task) - _foreign_words(line, task) - _thin(line, intents)
        suits = _suits(line, score, moves[0], task)
        candidates.append(Candidate(line=line, score=score, moves=tuple(name for name, _ in moves), suits=suits))
    return sorted(candidates, key=lambda candidate: -candidate.score)


def _suits(line: Line, score: float, move: tuple[str, float], task: Task) -> bool:
    """Whether a line is worth saying to this customer: to the point of what they want, or close to what they said."""
    tactic, fit = move
    is_near = _is_near(line, task)
    if line.is_evidence:
        if wants_no_evidence(task.intents):
            return False
        return is_near or (score >= _LEAST_FAR_EVIDENCE and _is_close(line, task))
    is_fit = fit >= 1.0 and tactic != _ANY_TACTIC
    least_far = _LEAST_FAR if _is_close(line, task) else _LEAST_FAR_APART
    return score >= (_LEAST_NEAR if is_near else least_far) if is_fit else score >= _LEAST_UNFIT and is_near


def _to_the_point(line: Line, task: Task) -> float:
    """What a line of a case is worth more whose customer wanted the same; most where it tells how that was met."""
    if line.origin not in task.concerns or not task.intents or not shares_concern(line, task):
        return 0.0
    return _SAME_CONCERN + (_HOW_IT_WAS_MET if line.column == "turning_point" else 0.0)


def shares_concern(line: Line, task: Task) -> bool:
    """Whether a case's customer wanted something that this one wants; so do documents, and cases that nobody read."""
    wanted = task.concerns.get(line.origin)
    return wanted is None or not task.intents or bool(wanted & {intent.value for intent in task.intents})


def _is_close(line: Line, task: Task) -> bool:
    """Whether a case is to the point by what was read of both customers, or by the search's own order."""
    return shares_concern(line, task) or line.origin in [hit.case_id for hit in _won(task.hits)[:_CLOSEST]]


def _may_fill(line: Line, task: Task) -> bool:
    """Whether evidence may fill a place that no better line takes: of the same concern, trade or product."""
    return line.is_evidence and (
        _is_near(line, task) or (shares_concern(line, task) and not wants_no_evidence(task.intents))
    )


def _lines(task: Task) -> tuple[list[Line], dict[str, float]]:
    """Return what may be said from won cases, and each case's closeness to this deal."""
    lines: list[Line] = []
    scores: dict[str, float] = {}
    allowed = task.own_names
    for rank, hit in enumerate(_won(task.hits)[:_CASES_READ]):
        case = task.shelf.cases.get(hit.case_id)
        if case is None:
            continue
        scores[case.case_id] = 1.0 / (1 + 0.25 * rank) + _same_facets(task, case.case_id)
        lines += talk_lines(case, task, allowed=allowed)
        lines += _evidence(case, task)
    lines += document_lines(task.shelf.documents[:_DOCUMENTS_READ], lexicon=task.shelf.lexicon, allowed=allowed)
    return lines, scores


def _evidence(case: CaseFile, task: Task) -> list[Line]:
    """What the case brought and how, told as another customer's."""
    approach = approach_line(case, industry=task.industry, lexicon=task.shelf.lexicon)
    effects = effect_lines(case, industry=task.industry, lexicon=task.shelf.lexicon)
    return [*effects, *([approach] if approach else [])]


def _won(hits: Sequence[CaseHit]) -> list[CaseHit]:
    """A lost case is a lesson, never advice; a pending one has not shown that it works."""
    return [hit for hit in hits if hit.outcome is Outcome.WON]


def _same_facets(task: Task, case_id: str) -> float:
    case = task.shelf.cases[case_id]
    wanted = {"industry": task.industry, "stage": task.stage}
    wanted |= {"product": _first(task, "product"), "customer_size": _first(task, "customer_size")}
    return sum(bonus for column, bonus in _SAME_FACET.items() if wanted[column] and wanted[column] == case.text(column))


def _is_near(line: Line, task: Task) -> bool:
    """Whether a line is our own or of a customer in the same trade or with the same product."""
    case = task.shelf.cases.get(line.origin)
    return case is None or _same_facets(task, case.case_id) >= _SAME_FACET["product"]


def _first(task: Task, name: str) -> str:
    return next(
        (str(getattr(one, name)) for one in (task.deal, task.account) if one is not None and getattr(one, name)), ""
    )


def _rivals(task: Task) -> list[str]:
    lexicon = (*task.request.lexicon, *task.shelf.lexicon)
    forms = [form for entry in lexicon if entry.kind is LexiconKind.COMPETITOR for form in entry.forms]
    return [*forms, *task.competitors]


def _thin(line: Line, intents: Sequence[str]) -> float:
    """Return the penalty for evidence that tells no change (第41天上线), unless time is what was asked."""
    is_thin = line.column == "result" and not re.search(r"从.+到", line.text)
    return _THIN_EVIDENCE if is_thin and Intent.DELIVERY not in intents else 0.0


def _foreign_words(line: Line, task: Task) -> float:
    """Return the penalty for words of the other customer's business where this one's is another."""
    case = task.shelf.cases.get(line.origin)
    if case is None or _is_near(line, task):
        return 0.0
    theirs = case.title + case.text("background") + case.text("customer_question")
    ours = task.request.text + " ".join(source.text for source in task.here)
    words = [word for word in content_words(line.text) if word in theirs and word not in ours]
    return min(_MOST_FOREIGN, _FOREIGN_WORD * len(words))


def choose(candidates: Sequence[Candidate]) -> list[tuple[str, Candidate]]:
    """Pick the best candidates, each with a tactic that no other has; another case is worth a little."""
    chosen: list[tuple[str, Candidate]] = []
    while len(chosen) < MOST_REPLIES:
        used_tactics = {tactic for tactic, _ in chosen}
        used_cases = {candidate.line.origin for _, candidate in chosen}
        used_lines = {candidate.line.text for _, candidate in chosen}
        open_ = [
            candidate
            for candidate in candidates
            if set(candidate.moves) - used_tactics
            and candidate.line.text not in used_lines
            and not candidate.line.leans
            and len(candidate.line.text) <= MOST_CHARACTERS
        ]
        if not open_:
            break
        best = max(open_, key=lambda one: _worth(one, used_cases, has_evidence=EVIDENCE_TACTIC in used_tactics))
        chosen.append((next(move for move in best.moves if move not in used_tactics), best))
    return chosen


def _worth(one: Candidate, used_cases: Collection[str], *, has_evidence: bool) -> float:
    again = _MORE_EVIDENCE if has_evidence and one.line.is_evidence else 0.0
    return one.score - again + (_NEW_CASE_BONUS if one.line.origin not in used_cases else 0.0)


def _not_cores(candidates: Sequence[Candidate], chosen: Sequence[tuple[str, Candidate]]) -> list[Candidate]:
    cores = [candidate.line for _, candidate in chosen]
    return [candidate for candidate in candidates if candidate.line not in cores]


def _reply(
    tactic: str, core: Candidate, lines: Sequence[Line], intents: Sequence[str], topics: Sequence[str]
) -> DraftSuggestion:
    first = DraftSentence(text=_opened(tactic, lines, intents), citations=lines[0].citations)
    rest = [DraftSentence(text=line.text, citations=line.citations) for line in lines[1:]]
    return DraftSuggestion(
        tactic=tactic,
        sentences=(first, *rest),
        confidence=max(0.3, min(0.95, 0.35 + 0.35 * core.score)),
        reason="reply",
        step="reply",
        topics=(*topics, *(f"{REWRITTEN}{risk}" for line in lines for risk in line.removed)),
    )


def _opened(tactic: str, lines: Sequence[Line], intents: Sequence[str]) -> str:
    """Return the first line with the courtesy before it that fits; evidence comes with a question."""
    said = lines[0].text
    room = MOST_CHARACTERS - sum(len(line.text) for line in lines)
    if lines[0].is_evidence:
        question = question_for(tactic, lines[0], intents)
        if len(question) > room:
            return said
        return question + said if tactic == QUESTION_TACTIC else said + question
    is_kind = re.match(r"您|抱歉|理解|给您", said) or _EMPATHY_TACTIC in dict(moves_of(said, intents=intents, stage=""))
    opening = "" if is_kind else opening_for(intents)
    return opening + said if len(opening) <= room else said


def _with_neighbours(core: Candidate, free: Sequence[Candidate]) -> list[Line]:
    """Add unused sentences of the same talk track around the core, the next one first, while they fit."""
    beside = [
        one.line
        for one in free
        if one.line.origin == core.line.origin
        and one.line.column == core.line.column
        and not core.line.is_evidence
        and one.score > _LEAST_NEIGHBOUR
    ]
    beside.sort(key=lambda line: (line.position < core.line.position, abs(line.position - core.line.position)))
    lines = [core.line]
    for line in beside:
        fits = len(lines) < _MOST_LINES and sum(len(one.text) for one in lines) + len(line.text) <= MOST_CHARACTERS
        if fits and (not line.leans or line.position - 1 in [one.position for one in lines]):
            lines.append(line)
    return sorted(lines, key=lambda line: line.position)


def meanings(text: str, lines: Sequence[str], vectors: Vectors | None) -> list[float]:
    """Return how close in meaning each line is to the text, in [0, 1]."""
    if vectors is None:
        return [0.5] * len(lines)
    cosines = vectors.of(lines, prefix="passage") @ vectors.of([text])[0]  # (len(lines),)
    return [float(one) for one in np.clip((cosines - _MEANING_FLOOR) / _MEANING_SPAN, 0.0, 1.0)]
