"""What a question takes for granted and the sources contradict: outcome, numbers, who did it."""

from __future__ import annotations

from collections.abc import Sequence

from agent.drafts import DraftSentence
from agent.frames import as_sentence, frames, whole
from agent.names import NameKind
from agent.questions import Question, subject_pairs
from agent.selecting import Scored
from agent.shelf import CaseFile, Shelf
from domain.cases import Outcome
from domain.sources import Source
from language.quantities import Dimension, Quantity, agrees, quantities
from language.quantity_units import same_things

_AROUND_WEIGHT = 3.0
_REACH = 6
"""Characters on each side of a number that say what it counts."""
_NOT_PREMISES = (Dimension.CODE, Dimension.ORDINAL)


def outcome_correction(question: Question, case: CaseFile) -> DraftSentence | None:
    """State how the case ended where the question says otherwise."""
    if question.outcome is None or question.outcome is case.outcome or "outcome" not in case.columns:
        return None
    if case.outcome is Outcome.PENDING or question.outcome is not case.outcome:
        return whole(case.columns["outcome"], lead=frames()["lead"]["correction"])
    return None


def rep_correction(question: Question, case: CaseFile, shelf: Shelf) -> DraftSentence | None:
    """State who was responsible where the question names another rep, or a person that no source has."""
    rep = case.columns.get("rep")
    if rep is None:
        return None
    named = [name.text for name in question.names if name.kind is NameKind.PERSON]
    named += [one for one in shelf.reps if one in question.text and one not in named]
    others = [name for name in named if name not in case.whole_text and (name in shelf.reps or not shelf.holds(name))]
    if not others or rep.text in question.text:
        return None
    return whole(rep, lead=frames()["lead"]["correction"])


def number_corrections(question: Question, sources: Sequence[Source], ranked: Sequence[Scored]) -> list[DraftSentence]:
    """State, for every number that the question asserts and no source has, the sentence that measures the same."""
    lead = frames()["lead"]["correction"]
    corrections: list[DraftSentence] = []
    for claimed in contradicted(question, sources):
        measuring = [(_likeness(question.text, claimed, one), one) for one in ranked]
        likeness, right = max(measuring, key=lambda pair: pair[0], default=(0.0, None))
        if right is not None and likeness > 0:
            corrections.append(as_sentence(right.source, right.start, right.end, lead=lead))
    return list(dict.fromkeys(corrections))


def _likeness(asked: str, claimed: Quantity, candidate: Scored) -> float:
    """Return how surely a sentence measures what the claimed number measures; 0 if it measures nothing alike."""
    around = _around(asked, claimed)
    best = -1.0
    for given in quantities(candidate.text):
        if _same_measure(claimed, given):
            shared = around & _around(candidate.text, given)
            best = max(best, len(shared) / max(1, len(around)))
    return 0.0 if best < 0 else 0.1 + max(0.0, candidate.score) + _AROUND_WEIGHT * best


def _around(text: str, quantity: Quantity) -> frozenset[str]:
    """Return the character pairs beside a quantity that say what it counts: behind a count, on both sides otherwise."""
    before, after = text[max(0, quantity.start - _REACH) : quantity.start], text[quantity.end : quantity.end + _REACH]
    sides = (after,) if quantity.dimension is Dimension.COUNT else (before, after)
    return frozenset(pair for side in sides for pair in subject_pairs(side))


def contradicted(question: Question, sources: Sequence[Source]) -> list[Quantity]:
    """Return the numbers that the question asserts and no source has."""
    given = [quantity for source in sources for quantity in quantities(source.text)]
    return [
        claimed
        for claimed in question.taken_for_granted
        if claimed.dimension not in _NOT_PREMISES
        and not _is_relative_date(claimed)
        and not any(agrees(claimed, one) for one in given)
    ]


def _same_measure(one: Quantity, other: Quantity) -> bool:
    money = {Dimension.MONEY, Dimension.NUMBER}
    if one.dimension is Dimension.COUNT and other.dimension is Dimension.COUNT:
        return same_things(one.unit, other.unit)
    return one.dimension is other.dimension or {one.dimension, other.dimension} <= money


def _is_relative_date(quantity: Quantity) -> bool:
    return quantity.dimension is Dimension.DATE and not any(word[0].isdigit() for word in quantity.words)
