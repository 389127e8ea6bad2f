"""One spoken clause as the rules on commitments read it: who acts, by when, and how far it reaches."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from functools import cache

from domain.conversation import Turn
from language.dates import DateMention, find_dates
from language.sentences import Span
from signals.rulebook import alternatives, section

_RULES = "commitments"
ANY_DAY = date(2026, 1, 5)
"""Counted from where only the places of dates matter."""
_SENTENCE_END = re.compile(r"[。！？!?；;\n]")
_TO_SPEAKER = re.compile(r"(?:给|发|寄|传|报|回|告诉|通知|转|交)(?:到|给)?我(?!们?(?:这边|都|就|会|再|也|来|公司))")
_FILLERS = re.compile(
    r"(?:好的?|行(?:吧)?|嗯+|呃|啊|哦|那么|那(?!边|个)就?(?=[^，]{4})|(?<=那)就|然后|另外|还有|对|[，,、\s]+|ok|OK|放心|其实|反正|就是|要不然?|那要不|这样吧?)+(?=.)"
)
_TRAILING = re.compile(r"(?:吧|呗|哈|啊|哦|呀|嘛|哟|啦|喽|呢|(?<!我们|咱们|我方)的)+$")
_AROUND_A_DATE = "那就，的呢吧嗯好最迟晚"
_ANSWER_WORDS = re.compile(r"那|就|吧|可以|行|好的?|方便|没问题|都行|咱们?|我们?|呗|的话|有空|有时间|OK|ok|[，,。\s]")


class HeardClause:
    """A clause of a turn with its neighbours, its date and its subject.

    Attributes:
        span: Where it stands in the turn.
        before: The clause in front, None at the turn's head; `after` likewise.
        date: The date that counts: its own, after 改到 the new one, or that of a bare date in front.
        bare: The words without their dates.
        subject: Who acts: `self`, `staff`, `other`, or `none` where it is not said.
    """

    def __init__(self, turn: Turn, clauses: Sequence[Span], place: int, today: date | None) -> None:
        self.turn = turn
        self.span = clauses[place]
        self.text = self.span.text
        self.before = clauses[place - 1] if place else None
        self.after = clauses[place + 1] if place + 1 < len(clauses) else None
        dates = [mention for mention in find_dates(self.text, today=today) if not mention.is_past]
        self.date: DateMention | None = _own_date(self.text, dates) or self._date_in_front(today)
        self.bare = without(self.text, dates)
        self.subject = _subject(self.bare)

    def has(self, path: str) -> bool:
        """Whether a rule of the file matches somewhere in the clause."""
        return rule(path).search(self.text) is not None

    @property
    def mark(self) -> str:
        """The character that ends the clause, empty in speech without punctuation."""
        return self.turn.text[self.span.end : self.span.end + 1]

    @property
    def is_firm_dated(self) -> bool:
        """Whether it names a day or a deadline."""
        return self.date is not None and not self.date.is_vague and self.date.text not in ("今年", "本年")

    @property
    def is_only_a_date(self) -> bool:
        """Whether it says a time and at most agrees: 可以，周五下午三点吧."""
        return self.is_firm_dated and not _ANSWER_WORDS.sub("", self.bare)

    @property
    def is_of_another_thing(self) -> bool:
        """Whether its time belongs to what comes next, which is the speaker's own business: 十分钟以后，还有一个会."""
        if self.after is None or _SENTENCE_END.search(self.turn.text[self.span.end : self.after.start]):
            return False
        return rule("not.own_business").match(self.after.text) is not None

    @property
    def acts(self) -> bool:
        """Whether it names a task."""
        return _tasks().search(self.bare) is not None

    @property
    def what(self) -> str:
        """The words without actor and date."""
        words = re.sub(f"^(?:{section(_RULES, 'actors.lead')})+", "", self.bare)
        words = re.sub(r"^(?:我们?|咱们?|您|你们?|这边)(?:这边)?(?:会|再|就|先)?", "", words)
        return _TRAILING.sub("", words).strip("，,、 ") or self.text

    @property
    def is_conditioned(self) -> bool:
        """Whether the clause in front is its condition or its time."""
        if self.before is None or _SENTENCE_END.search(self.turn.text[self.before.end : self.span.start]):
            return False
        return _leads_in(self.before.text) and not rule("firm.concession").search(self.before.text)

    @property
    def extent(self) -> tuple[int, int]:
        """Its range in the turn with its condition, without opening and closing fillers."""
        start, end = self.span.start, self.span.end
        fillers = _FILLERS.match(self.text)
        if fillers and fillers.end() < len(self.text):
            start += fillers.end()
        if self.before is not None and self.is_conditioned:
            start = self.before.start
        tail = _TRAILING.search(self.text)
        return start, end - len(tail.group()) if tail and tail.start() > 3 else end

    def _date_in_front(self, today: date | None) -> DateMention | None:
        """The date of 明天下午两点，我们在您公司见: the clause in front holds it and nothing else."""
        if self.before is None or _SENTENCE_END.search(self.turn.text[self.before.end : self.span.start]):
            return None
        dates = find_dates(self.before.text, today=today)
        if not dates or dates[0].is_past or without(self.before.text, dates).strip(_AROUND_A_DATE):
            return None
        return dates[0]


def _own_date(text: str, dates: Sequence[DateMention]) -> DateMention | None:
    firm = [one for one in dates if not one.is_vague]
    moved = rule("joint.moved").search(text)
    new = [one for one in firm if moved and one.start >= moved.end()]
    return next(iter((*new, *firm, *dates)), None)


def _subject(text: str) -> str:
    skipped = re.compile(f"(?:{section(_RULES, 'actors.lead')}|[，,\\s])+").match(text)
    start = skipped.end() if skipped else 0
    # 您拍下后48小时内发出: the other side only stands in the condition
    is_condition = re.compile(f"(?:{section(_RULES, 'actors.other')})[^，]{{0,8}}(?:后|的话)").match(text, start)
    if not is_condition:
        for name in ("other", "staff", "self"):
            if rule(f"actors.{name}").match(text, start):
                return name
        if rule("actors.self").match(text):
            return "self"
    return "other" if _TO_SPEAKER.search(text) else "none"


def _leads_in(before: str) -> bool:
    if rule("not.condition_start").match(before) or re.search(f"(?:{section(_RULES, 'not.condition_end')})$", before):
        return not re.search(r"吗|呢|？", before)
    dates = find_dates(before, today=ANY_DAY)
    return bool(dates) and not without(before, dates).strip(_AROUND_A_DATE)


def without(text: str, dates: Sequence[DateMention]) -> str:
    """Return the text with its dates cut out."""
    pieces, at = [], 0
    for mention in dates:
        pieces.append(text[at : mention.start])
        at = mention.end
    return "".join([*pieces, text[at:]])


@cache
def rule(path: str) -> re.Pattern[str]:
    """Compile an expression of `rules/commitments.toml`."""
    return re.compile(section(_RULES, path))


@cache
def _tasks() -> re.Pattern[str]:
    return re.compile(alternatives(section(_RULES, "acts.task")))
