"""Which war case a question means: what it names, weighed by how rare it is on the shelf, and closeness in meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest

from agent.names import NameKind
from agent.questions import Question, same_meaning, subject_pairs
from agent.shelf import CaseFile, Shelf
from domain.cases import CaseHit, Outcome
from language.quantities import Dimension, agrees, quantities

_COVERED_SHARE, _MEANING_SHARE = 0.75, 0.25
_MEANING_FLOOR, _MEANING_SPAN = 0.80, 0.12
"""Where e5's cosines of unlike and like Chinese sentences lie; measured by `eval.ask` on the dev rows."""
_QUANTITY_WEIGHT = 3.0
_SUBJECT_WEIGHT = 2.5
"""What stands before 那单 or 的案例 says which case is meant."""
_DISTINCTIVE_BONUS = 0.25
"""For a word of the question that stands in this case's title or background and in no other case."""
_WRONG_NUMBER_PENALTY = 0.15
"""For a case of another 期 or 级 than the question names."""
_LEXICAL_CANDIDATES = 12
_NUMBERED = ("期", "级", "代", "号", "轮", "批")
_FACETS = ("industry", "product", "customer_size", "stage")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseMatch:
    """A case the question may mean.

    Attributes:
        held: Rarity of what the question names and the case holds, summed.
        coverage: Share in [0, 1] of what the question names, weighed by rarity, that the case holds.
        dense: Cosine of the question to the case's best passage; 0 where the search did not find it.
        missing: What the question names and the case does not hold.
    """

    case: CaseFile
    held: float
    coverage: float
    dense: float
    score: float
    missing: tuple[str, ...]


def match_cases(question: Question, shelf: Shelf, hits: Sequence[CaseHit]) -> list[CaseMatch]:
    """Return the cases that the question may mean, best first; a case named by its id stands alone."""
    named = named_by_id(question.text, shelf)
    if named:
        return [CaseMatch(case=case, held=99.0, coverage=1.0, dense=1.0, score=1.0, missing=()) for case in named]
    dense = {hit.case_id: hit.dense or 0.0 for hit in hits}
    pairs = subject_pairs(question.text)
    candidates = [one for one in dict.fromkeys([*dense, *_by_words(pairs, shelf)]) if one in shelf.cases]
    holding = _holding_the_names(question, candidates, shelf)
    matches = [_match(question, pairs, shelf, shelf.cases[case_id], dense) for case_id in holding]
    return sorted(matches, key=lambda match: -match.score)


def _holding_the_names(question: Question, candidates: Sequence[str], shelf: Shelf) -> list[str]:
    """Where the question names a company that the shelf knows, only cases with that company are meant."""
    cores = [name.core for name in question.names if name.kind is NameKind.COMPANY and shelf.holds(name.core)]
    rivals = [form for entry in shelf.lexicon for form in entry.forms]
    wanted = [core for core in cores if not any(core in form for form in rivals)]
    if not wanted or question.is_compare:
        return list(candidates)
    return [one for one in candidates if any(shelf.case_holds(one, core) for core in wanted)]


def named_by_id(text: str, shelf: Shelf) -> list[CaseFile]:
    """Return the cases whose id stands in the text."""
    return [case for code in sorted(_plain_codes(text)) for case in shelf.plain_ids.get(code, ())]


def names_unknown_id(text: str, shelf: Shelf) -> bool:
    """Whether the text names an id that looks like the shelf's ids and is none of them."""
    codes = [code for code in _plain_codes(text) if code not in shelf.plain_ids]
    return any(re.match(r"[A-Z]*", code).group() in shelf.id_heads for code in codes)  # type: ignore[union-attr]  # matches always


def facets_named(text: str, shelf: Shelf) -> dict[str, tuple[str, ...]]:
    """Return the facet values that the text names, by column; a value's head counts (制造 for 制造业)."""
    found: dict[str, tuple[str, ...]] = {}
    for column in _FACETS:
        values = shelf.facet_values(column)
        named = tuple(sorted(value for value in values if value in text or _head(value) in text))
        if named:
            found[column] = named
    return found


def has_facets(case: CaseFile, facets: Mapping[str, Sequence[str]], outcome: Outcome | None) -> bool:
    """Whether a case has one of the values in every named column, and the outcome if one is named."""
    fits = all(case.text(column) in values for column, values in facets.items())
    return fits and (outcome is None or case.outcome is outcome)


def _head(value: str) -> str:
    return value.removesuffix("业").removesuffix("行业") if len(value) > 2 else value


def _plain_codes(text: str) -> set[str]:
    codes = [quantity for quantity in quantities(text) if quantity.dimension is Dimension.CODE]
    return {word for quantity in codes for word in quantity.words}


def _by_words(pairs: Sequence[str], shelf: Shelf) -> list[str]:
    scores: dict[str, float] = {}
    for pair in pairs:
        weight = shelf.rarity(pair)
        for case_id in shelf.holding(pair):
            scores[case_id] = scores.get(case_id, 0.0) + weight
    return nlargest(_LEXICAL_CANDIDATES, sorted(scores), key=scores.__getitem__)


def _match(
    question: Question, pairs: Sequence[str], shelf: Shelf, case: CaseFile, dense: Mapping[str, float]
) -> CaseMatch:
    through_synonyms = {
        pair
        for word in question.words
        if any(shelf.case_holds(case.case_id, other) for other in same_meaning(word)[1:])
        for pair in subject_pairs(word)
    }
    half_known = _half_known(question, case, shelf)
    held, total, missing = 0.0, 0.0, []
    subject = subject_pairs(question.subject)
    for pair in pairs:
        weight = shelf.rarity(pair) * (_SUBJECT_WEIGHT if pair in subject else 1.0)
        if pair in question.across_words and not shelf.case_holds(case.case_id, pair):
            continue
        total += weight
        if pair in through_synonyms or shelf.case_holds(case.case_id, pair):
            held += weight
        else:
            total -= weight / 2 if pair in half_known else 0.0
            missing.append(pair)
    given = quantities(case.whole_text) if question.taken_for_granted else []
    for quantity in question.taken_for_granted:
        if any(agrees(quantity, one) for one in given):
            held, total = held + _QUANTITY_WEIGHT, total + _QUANTITY_WEIGHT
    coverage = held / total if total else 0.0
    extra = (_DISTINCTIVE_BONUS if _is_distinctive(question, case, shelf) else 0.0) - _wrong_number(question, case)
    meaning = min(1.0, max(0.0, (dense.get(case.case_id, 0.0) - _MEANING_FLOOR) / _MEANING_SPAN))
    return CaseMatch(
        case=case,
        held=held,
        coverage=coverage,
        dense=dense.get(case.case_id, 0.0),
        score=_COVERED_SHARE * coverage + _MEANING_SHARE * meaning + extra,
        missing=tuple(missing),
    )


def _is_distinctive(question: Question, case: CaseFile, shelf: Shelf) -> bool:
    place = case.title + case.text("background")
    words = [word for word in question.words if len(word) > 1]
    return any(word in place and shelf.frequency(word) == 1 for word in words)


def _wrong_number(question: Question, case: CaseFile) -> float:
    """Return the penalty for a case of 二期 where the question says 一期."""
    for claimed in question.taken_for_granted:
        if claimed.unit not in _NUMBERED:
            continue
        given = [one for one in quantities(case.title + case.text("background")) if one.unit == claimed.unit]
        if given and not any(agrees(claimed, one) for one in given):
            return _WRONG_NUMBER_PENALTY
    return 0.0


def _half_known(question: Question, case: CaseFile, shelf: Shelf) -> frozenset[str]:
    """Return the pairs of words of which the case holds another pair: 健身 of 健身房 is half of it."""
    return frozenset(
        pair
        for word in question.words
        for pair in subject_pairs(word)
        if any(shelf.case_holds(case.case_id, other) for other in subject_pairs(word))
    )
