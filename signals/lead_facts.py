"""Lead facts: a clear budget, the number of people who decide, a rival's trial that has begun."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from domain.conversation import REP, Turn
from domain.signals import LeadFact, Signal, SignalKind
from language.numerals import numeral_value
from language.quantities import Dimension, Quantity, quantities
from language.sentences import Span
from language.spoken import spoken_clauses
from signals.buying_roles import roles_in
from signals.competitors import Mention, mentions_in
from signals.pipeline import Reading, observe
from signals.rulebook import section

_RULES = "lead_facts"
_LEAST_BUDGET = 1000
_ROLES_OF_A_CHAIN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fact:
    start: int
    end: int
    label: LeadFact
    value: float | int | str


class LeadFactDetector:
    """Finds what the customer says of budget, decision chain and trials of rivals."""

    name = "lead_facts"
    version = "1.0"

    def detect(self, reading: Reading) -> Iterator[Signal]:
        """Yield one signal a fact; `value` is CNY, a headcount, or the rival's name."""
        mentions: dict[int, list[Mention]] = {}
        for mention in mentions_in(reading):
            mentions.setdefault(mention.turn, []).append(mention)
        for index, turn in enumerate(reading.turns):
            if turn.speaker == REP:
                continue
            for fact in _facts(turn, reading.before(index), mentions.get(index, [])):
                yield observe(
                    self,
                    turn,
                    kind=SignalKind.LEAD_FACT,
                    label=fact.label,
                    score=0.85,
                    start=fact.start,
                    end=fact.end,
                    attributes={"value": fact.value},
                )


def _facts(turn: Turn, before: Sequence[Turn], mentions: Sequence[Mention]) -> Iterator[_Fact]:
    clauses = spoken_clauses(turn.text)
    was_asked = bool(before) and before[-1].speaker == REP and _rule("budget.asked").search(before[-1].text) is not None
    for clause in clauses:
        yield from _budget(clause, turn.text[clause.end : clause.end + 12], was_asked)
        yield from _headcount(clause)
    yield from _listed_deciders(turn)
    for mention in mentions:
        yield from _rival_trial(mention, clauses)


def _budget(clause: Span, following: str, was_asked: bool) -> Iterator[_Fact]:
    amounts = [one for one in quantities(clause.text) if _is_budget(one)]
    if not amounts or _rule("budget.denied").search(clause.text):
        return
    named = _rule("budget.named").search(clause.text) is not None
    if named or was_asked or _rule("budget.only").search(following):
        low = amounts[0].low
        if low is not None:
            yield _Fact(start=clause.start, end=clause.end, label=LeadFact.BUDGET_CLEAR, value=_plain(float(low)))


def _is_budget(amount: Quantity) -> bool:
    if amount.low is None or amount.low < _LEAST_BUDGET:
        return False
    if amount.dimension is Dimension.MONEY:
        return amount.unit == "CNY"
    return amount.dimension is Dimension.NUMBER and re.search(r"[万千wWkK亿]|\d{4,}", amount.text) is not None


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _headcount(clause: Span) -> Iterator[_Fact]:
    counted = _rule("headcount.counted").search(clause.text)
    if counted is None or _rule("headcount.denied").search(clause.text):
        return
    act = _rule("headcount.acts").search(clause.text, counted.start())
    value = numeral_value(counted["n"])
    if act is None or value is None:
        return
    lead = re.search(r"(?:一共|总共)?(?:要|得|需要|必须|就|有)?(?:过|经过|走|找)?$", clause.text[: counted.start()])
    start = clause.start + (lead.start() if lead else counted.start())
    after = re.match(r"字|票|的手|章", clause.text[act.end() :])
    end = clause.start + max(act.end(), counted.end()) + (len(after.group()) if after else 0)
    yield _Fact(start=start, end=end, label=LeadFact.DECISION_HEADCOUNT, value=int(value))


def _listed_deciders(turn: Turn) -> Iterator[_Fact]:
    """设备科、财务科，最后是分管副院长: roles that are listed as a chain are counted."""
    roles = [one for one in roles_in(turn) if not one.is_self]
    if len(roles) < _ROLES_OF_A_CHAIN:
        return
    said = turn.text[roles[0].start : roles[-1].end]
    names = {turn.text[one.start : one.end] for one in roles}
    if re.search("最后|最终|签|批|审", said + turn.text[roles[-1].end : roles[-1].end + 6]) and "用的" not in turn.text:
        yield _Fact(start=roles[0].start, end=roles[-1].end, label=LeadFact.DECISION_HEADCOUNT, value=len(names))


def _rival_trial(mention: Mention, clauses: Sequence[Span]) -> Iterator[_Fact]:
    clause = next((one for one in clauses if one.start <= mention.start < one.end), None)
    if clause is None or _rule("rival_trial.denied").search(clause.text):
        return
    if _rule("rival_trial.act").search(clause.text) and _rule("rival_trial.started").search(clause.text):
        yield _Fact(start=clause.start, end=clause.end, label=LeadFact.RIVAL_POC, value=mention.label)


@cache
def _rule(path: str) -> re.Pattern[str]:
    return re.compile(section(_RULES, path))
