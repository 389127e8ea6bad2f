"""Which sentences of a source answer a question: the asked column, shared words, meaning, and the asked measure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agent.columns import column_of, words_of_place
from agent.questions import Aspect, Question, same_meaning, subject_pairs
from agent.shelf import CaseFile, Shelf
from agent.vectors import Vectors
from domain.conversation import CUSTOMER, REP
from domain.sources import Source, SourceKind
from language.quantities import Dimension, Quantity, quantities, supported_by
from language.quantity_units import same_things
from language.sentences import sentences

_COLUMN, _WORDS, _MEANING, _MEASURE = 2.0, 1.2, 1.0, 0.8
_LEAST_LENGTH = 6
_SAME_NUMBER = 0.4
"""For a sentence with a number that the question names."""
_NAMING_WEIGHT = 0.25
_MEANING_FLOOR, _MEANING_SPAN = 0.80, 0.12
_VAGUE_UNITS = ("", "个")
_FACT_COLUMNS = ("outcome", "industry", "product", "customer_size", "stage", "closed_at", "rep", "tags")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A sentence at `[start, end)` of a source, and how well it answers.

    Attributes:
        words: Share of the question's subject, weighed by rarity, that the sentence holds.
        measures: Whether it holds the dimension asked for; True where none is.
    """

    source: Source
    start: int
    end: int
    score: float
    words: float
    meaning: float
    column_rank: int | None
    measures: bool

    @property
    def text(self) -> str:
        """The sentence."""
        return self.source.text[self.start : self.end]


def rank_sentences(
    question: Question, sources: Sequence[Source], shelf: Shelf, vectors: Vectors | None
) -> list[Scored]:
    """Score every sentence of the sources, best first."""
    spans = [(source, span) for source in sources for span in sentences(source.text)]
    meanings = _meanings(_without_subject(question), [span.text for _, span in spans], vectors)
    weights = _weights(question, sources, shelf)
    scored = [
        _scored(question, source, span.start, span.end, meaning, weights)
        for (source, span), meaning in zip(spans, meanings, strict=True)
    ]
    return sorted(scored, key=lambda one: -one.score)


def case_sources(case: CaseFile, columns: Sequence[str] | None = None) -> list[Source]:
    """Return a case's columns as sources, the asked ones first; the title answers nothing by itself."""
    names = dict.fromkeys([*(columns or ()), *case.columns])
    return [case.columns[name] for name in names if name in case.columns and name != "title"]


def column_rank(aspects: Sequence[Aspect], source: Source) -> int | None:
    """Return how likely the source's column or field holds an asked aspect, 0 the likeliest; None if it does not."""
    if source.kind is SourceKind.TURN:
        return 0 if any(aspect.turns in (source.speaker, "both") for aspect in aspects) else None
    place = column_of(source.source_id)
    ranks = []
    named = [aspect for aspect in aspects if not aspect.dimensions]
    for aspect in named or aspects:
        places = aspect.fields if source.kind is SourceKind.CRM else aspect.columns
        if place in places:
            ranks.append(places.index(place))
    return min(ranks) if ranks else None


def _without_subject(question: Question) -> str:
    """Return the question without what says which case is meant, if enough of it is left."""
    rest = question.text.replace(question.subject, "", 1) if question.subject else question.text
    return (
        rest if len(subject_pairs(rest)) + len(question.aspects) > 0 and len(rest) >= _LEAST_LENGTH else question.text
    )


def _weights(question: Question, sources: Sequence[Source], shelf: Shelf) -> Mapping[str, float]:
    """Weigh what the question names by how rare it is on the shelf and among these very sources.

    The weights add up to one or less: what only says which case is meant (it stands before 那单, or in the title)
    hardly tells its sentences apart.
    """
    texts = [source.text.lower() for source in sources]
    naming = {*subject_pairs(question.subject), *subject_pairs(" ".join({source.title for source in sources}))}
    rarities = {
        pair: shelf.rarity(pair) / max(1, sum(pair in text for text in texts)) for pair in subject_pairs(question.text)
    }
    total = sum(rarities.values())
    return {pair: rarity / total * (_NAMING_WEIGHT if pair in naming else 1.0) for pair, rarity in rarities.items()}


def _scored(
    question: Question, source: Source, start: int, end: int, meaning: float, weights: Mapping[str, float]
) -> Scored:
    text = source.text[start:end]
    words = _shared(question, text, words_of_place(source, source.speaker), weights)
    rank = column_rank(question.aspects, source)
    wanted = question.dimensions
    given = quantities(text)
    measures = not wanted or any(_is_measure(question, quantity) for quantity in given)
    named = any(supported_by(one, given) for one in question.taken_for_granted)
    column = 0.0 if rank is None else 1.0 / (1 + 0.35 * rank)
    is_fact = column_of(source.source_id) in _FACT_COLUMNS
    if is_fact and rank is None:
        column = -0.5
    column += _speaker_share(question, source, text)
    score = _COLUMN * column + _WORDS * words + _MEANING * meaning
    score += (_MEASURE if wanted and measures else 0.0) + (_SAME_NUMBER if named else 0.0)
    return Scored(
        source=source,
        start=start,
        end=end,
        score=score,
        words=words,
        meaning=meaning,
        column_rank=rank,
        measures=measures,
    )


def _is_measure(question: Question, quantity: Quantity) -> bool:
    if quantity.dimension not in question.dimensions:
        return False
    counted = quantity.dimension is Dimension.COUNT and question.unit
    return (
        not counted
        or quantity.unit == question.unit
        or (quantity.unit not in _VAGUE_UNITS and same_things(quantity.unit, question.unit))
    )


def _speaker_share(question: Question, source: Source, text: str) -> float:
    """Prefer the customer's turns for what the customer thinks, the rep's for what we said, statements to questions."""
    if source.kind is not SourceKind.TURN:
        return 0.0
    asked = re.search(r"[?？]\s*$", text) is not None
    share = -0.4 if asked else 0.0
    if re.search(r"客户|对方|[他她]", question.text):
        return share + (0.3 if source.speaker == CUSTOMER else -0.2)
    return share + (0.3 if source.speaker == REP and re.search(r"我们|我方|销售|我(?!方)", question.text) else 0.0)


def _shared(question: Question, text: str, place: Sequence[str], weights: Mapping[str, float]) -> float:
    near = " ".join([text.lower(), *place])
    through = {
        pair
        for word in question.words
        if any(other in near for other in same_meaning(word)[1:])
        for pair in subject_pairs(word)
    }
    return sum(weight for pair, weight in weights.items() if pair in near or pair in through)


def _meanings(question: str, texts: Sequence[str], vectors: Vectors | None) -> list[float]:
    if vectors is None or not texts:
        return [0.0] * len(texts)
    cosines = vectors.of(texts, prefix="passage") @ vectors.of([question])[0]  # (len(texts),)
    return np.clip((cosines - _MEANING_FLOOR) / _MEANING_SPAN, 0.0, 1.0).tolist()  # type: ignore[no-any-return]  # numpy
