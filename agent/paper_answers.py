"""The answer that a document, a price list or a competitor card gives to a question, where no war case has one."""

from __future__ import annotations

from collections.abc import Sequence

from agent.case_answers import distinct, parts_of, sayable
from agent.drafts import DraftSentence
from agent.frames import as_sentence
from agent.questions import Question, same_meaning
from agent.selecting import Scored, rank_sentences
from agent.shelf import Shelf
from agent.vectors import Vectors
from domain.sources import Source

_LEAST_HELD = 0.75
"""Least share of what the question names, by rarity, that a paper must hold to be the one meant."""
_SURE_WORDS, _LEAST_WORDS, _LEAST_MEANING = 0.5, 0.2, 0.7
_AS_GOOD = 0.9
_MOST_PAPERS, _MOST_SENTENCES = 3, 2


def answer_from_papers(
    question: Question, shelf: Shelf, vectors: Vectors | None
) -> tuple[list[DraftSentence], list[Scored]]:
    """Return what the tenant's papers say to the question, word for word; empty where none holds what is asked."""
    sentences: list[DraftSentence] = []
    scored: list[Scored] = []
    for part in parts_of(question):
        best = _best(part, shelf, vectors)
        sentences += [as_sentence(one.source, one.start, one.end) for one in best]
        scored += best
    return distinct(sentences), scored


def is_sure(scored: Sequence[Scored]) -> bool:
    """Whether a sentence holds so much of what is asked that no case need be tried instead."""
    return any(one.words >= _SURE_WORDS for one in scored)


def carded_rivals(question: Question, shelf: Shelf) -> list[str]:
    """Return the competitors with a card that a question names; a case that does not speak of them answers nothing."""
    cards = {card.source_id.split(":", 1)[1] for card in shelf.cards}
    return [name.text for name in question.names if name.text in cards]


def _best(question: Question, shelf: Shelf, vectors: Vectors | None) -> list[Scored]:
    papers = _meant(question, shelf)
    ranked = sayable(rank_sentences(question, papers, shelf, vectors)) if papers else []
    fitting = [one for one in ranked if _fits(one)]
    best = [one for one in fitting if one.score >= _AS_GOOD * fitting[0].score]
    # 标准版 and 企业版 are priced in sentences that are alike in everything but the one word that is asked about.
    most = max((_named(question, one) for one in best), default=0)
    return [one for one in best if _named(question, one) == most][:_MOST_SENTENCES]


def _fits(one: Scored) -> bool:
    is_heading = one.text.startswith("#")
    return one.measures and not is_heading and (one.words >= _SURE_WORDS or _is_near(one))


def _is_near(one: Scored) -> bool:
    return one.words >= _LEAST_WORDS and one.meaning >= _LEAST_MEANING


def _named(question: Question, one: Scored) -> int:
    return sum(_has(one.text.lower(), word) for word in question.words)


def _meant(question: Question, shelf: Shelf) -> list[Source]:
    """Return the papers that hold what the question names, the surest first."""
    weights = {word: shelf.rarity(word) for word in question.words}
    whole = sum(weights.values())
    if not whole:
        return []
    held = [(_held(weights, paper) / whole, paper) for paper in (*shelf.documents, *shelf.cards)]
    sure = sorted((one for one in held if one[0] >= _LEAST_HELD), key=lambda one: -one[0])
    names = [name.text.lower() for name in question.names]
    return [paper for _, paper in sure if all(name in _all_of(paper) for name in names)][:_MOST_PAPERS]


def _held(weights: dict[str, float], paper: Source) -> float:
    text = _all_of(paper)
    return sum(weight for word, weight in weights.items() if _has(text, word))


def _has(text: str, word: str) -> bool:
    return any(form.lower() in text for form in (word, *same_meaning(word)))


def _all_of(paper: Source) -> str:
    return f"{paper.title} {paper.source_id} {paper.text}".lower()
