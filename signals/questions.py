"""Questions of both sides: open or closed, and whether they were answered.

A question word makes a question open unless it offers choices or is not meant as one (什么都有, 找几个案例);
吗, A-not-A forms, choices and tags make it closed. In speech without punctuation only the words decide; where the
text has marks, a clause of a sentence that ends in 。 is no question unless it says 吗.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from weakref import WeakKeyDictionary

from domain.signals import QuestionForm, Signal, SignalKind
from language.sentences import Span
from language.spoken import spoken_clauses
from signals.answers import is_answered
from signals.pipeline import Reading, observe
from signals.rulebook import section

_RULES = "questions"
_ENDS = re.compile(r"[。！？!?；;…\n]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question in turn number `turn` at `[start, end)`.

    Attributes:
        is_direct: It wants to know something; greetings, tags and closings (还有什么问题吗) do not count.
        answered: Whether the other side's next turns answer it.
    """

    turn: int
    start: int
    end: int
    form: QuestionForm
    is_direct: bool
    answered: bool


class QuestionDetector:
    """Finds questions with their form and whether they were answered."""

    name = "questions"
    version = "1.0"

    def detect(self, reading: Reading) -> Iterator[Signal]:
        """Yield one signal a question; `attributes.answered` says whether it was."""
        for question in questions_in(reading):
            yield observe(
                self,
                reading.turns[question.turn],
                kind=SignalKind.QUESTION,
                label=question.form,
                score=0.85,
                start=question.start,
                end=question.end,
                attributes={"answered": question.answered},
            )


_held: WeakKeyDictionary[Reading, tuple[Question, ...]] = WeakKeyDictionary()


def questions_in(reading: Reading) -> tuple[Question, ...]:
    """Return all questions in order; computed once a reading."""
    if reading not in _held:
        _held[reading] = tuple(_questions(reading))
    return _held[reading]


def _questions(reading: Reading) -> Iterator[Question]:
    for index, turn in enumerate(reading.turns):
        clauses = spoken_clauses(turn.text)
        for place in range(len(clauses)):
            heard = _Heard(turn.text, clauses, place)
            form = _form_of(heard)
            if form is None:
                continue
            start, end = _extent(heard)
            text = turn.text[start:end]
            yield Question(
                turn=index,
                start=start,
                end=end,
                form=form,
                is_direct=not (heard.is_tag or heard.has("greeting") or heard.has("has_any")),
                answered=is_answered(text, form, index, turn.text[end:], reading.turns),
            )


class _Heard:
    """One clause with its surroundings."""

    def __init__(self, text: str, clauses: Sequence[Span], place: int) -> None:
        self.whole = text
        self.clause = clauses[place]
        self.previous = clauses[place - 1] if place else None
        self.is_last = place == len(clauses) - 1
        tags = (_rule("tag"), _rule("confirm_tag"))
        self.is_tag = any(tag.match(self.clause.text) for tag in tags)
        lead = None if self.is_tag else _rule("lead").match(self.clause.text)
        self.lead = lead.end() if lead and lead.end() < len(self.clause.text) else 0
        self.text = re.sub(r"(?<=[没不吗有])[啊呀哈哦嘞]$", "", self.clause.text[self.lead :])
        mark = _ENDS.search(text, self.clause.end)
        self.mark = mark.group() if mark else ""
        self.own_mark = text[self.clause.end : self.clause.end + 1]

    @property
    def asked_by_mark(self) -> bool:
        return self.own_mark in ("？", "?")

    @property
    def denied_by_mark(self) -> bool:
        """The writer set marks, and this sentence ends without a question mark."""
        return self.mark not in ("", "？", "?", "…", "\n")

    def has(self, rule: str) -> bool:
        return _rule(rule).search(self.text) is not None


def _form_of(heard: _Heard) -> QuestionForm | None:
    if heard.has("rhetorical") or (heard.previous is None and _rule("backchannel").match(heard.clause.text)):
        return None
    if heard.is_tag:
        return _form_of_tag(heard)
    if heard.has("embedded") and not heard.asked_by_mark:
        return None
    if heard.has("has_any"):
        return QuestionForm.CLOSED
    if (heard.has("alternative") or _offers_other(heard)) and not heard.denied_by_mark:
        return QuestionForm.CLOSED
    if heard.has("predicate_tail") and heard.has("offers") and not heard.has("asks_opinion"):
        return QuestionForm.CLOSED
    if _asks_what(heard):
        return QuestionForm.OPEN
    return _form_without_question_word(heard)


def _offers_other(heard: _Heard) -> bool:
    """还是三条都要 behind a clause that named the first choice."""
    return heard.previous is not None and _rule("or_else").match(heard.text) is not None


def _form_of_tag(heard: _Heard) -> QuestionForm | None:
    if _rule("tag").match(heard.text):
        return None if heard.denied_by_mark and not heard.text.endswith(("吗", "不", "么")) else QuestionForm.CLOSED
    is_asked = heard.asked_by_mark or (heard.is_last and not heard.denied_by_mark and heard.previous is not None)
    return QuestionForm.CLOSED if is_asked else None


def _asks_what(heard: _Heard) -> bool:
    if heard.denied_by_mark and not heard.text.endswith(("吗", "呢")):
        return False
    if heard.has("yes_no_first") and not heard.has("invites"):
        return False
    plain = _rule("not_wh").sub("", heard.clause.text)
    return _rule("wh").search(plain) is not None


def _form_without_question_word(heard: _Heard) -> QuestionForm | None:
    if heard.has("invites") and (heard.has("yes_no") or heard.has("a_not_a") or heard.asked_by_mark):
        return QuestionForm.OPEN
    if heard.has("yes_no"):
        return QuestionForm.CLOSED
    if heard.has("a_not_a") and not heard.denied_by_mark:
        return QuestionForm.CLOSED
    if _rule("then_what").match(heard.text) and not heard.has("not_then_what") and not heard.denied_by_mark:
        return QuestionForm.OPEN
    if heard.has("confirm_tail"):
        return _form_of_guess(heard)
    return QuestionForm.CLOSED if heard.asked_by_mark else None


def _form_of_guess(heard: _Heard) -> QuestionForm | None:
    """您这边是用DCS的吧 asks; 您再考虑考虑吧 and 周五下午三点吧 suggest."""
    if heard.denied_by_mark or (heard.has("suggestion") and not heard.asked_by_mark):
        return None
    return QuestionForm.CLOSED if heard.has("about_other") or heard.asked_by_mark else None


def _extent(heard: _Heard) -> tuple[int, int]:
    start, end = heard.clause.start + heard.lead, heard.clause.end
    previous = heard.previous
    if previous is None or not heard.is_tag:
        return start, end
    together = heard.text in ("怎么样", "咋样", "如何") or _rule("confirm_tag").match(heard.text)
    joined = heard.whole[previous.end : start] in ("", "，", ",", " ")
    if together and joined and len(previous.text) <= 30:
        lead = _rule("lead").match(previous.text)
        return previous.start + (lead.end() if lead and lead.end() < len(previous.text) else 0), end
    return start, end


@cache
def _rule(name: str) -> re.Pattern[str]:
    return re.compile(section(_RULES, name))
