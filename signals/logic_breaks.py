"""Where the thread of a conversation tears: unanswered questions, topic jumps, bare claims, contradictions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from domain.conversation import CUSTOMER, REP, Turn
from domain.signals import LogicBreak, Severity, Signal, SignalKind
from signals.answers import dodges, leaves_subject, says_something_else
from signals.contradictions import contradictions_in
from signals.pipeline import Reading, observe
from signals.questions import Question, questions_in
from signals.risks import check_wording, rivals_of
from signals.rulebook import alternatives, section
from signals.topics import topics_of

_RULES = "breaks"
_SCORES = {
    LogicBreak.UNANSWERED: 0.75,
    LogicBreak.TOPIC_JUMP: 0.7,
    LogicBreak.NO_EVIDENCE: 0.75,
    LogicBreak.CONTRADICTION: 0.7,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tear:
    turn: int
    start: int
    end: int
    label: LogicBreak
    why: dict[str, object]


class LogicBreakDetector:
    """Finds logic breaks, each on the words where the thread tears."""

    name = "logic_breaks"
    version = "1.1"

    def detect(self, reading: Reading) -> Iterator[Signal]:
        """Yield one signal a break; attributes name the turn it refers to."""
        for tear in (*_open_ends(reading), *_claims(reading), *_contradictions(reading)):
            yield observe(
                self,
                reading.turns[tear.turn],
                kind=SignalKind.LOGIC_BREAK,
                label=tear.label,
                score=_SCORES[tear.label],
                start=tear.start,
                end=tear.end,
                attributes=tear.why,
            )


def _open_ends(reading: Reading) -> Iterator[_Tear]:
    """Questions and complaints that the other side passed over, and the turns that did so."""
    jumped: set[int] = set()
    for question in questions_in(reading):
        reply = _reply_to(reading.turns, question)
        if question.answered or not question.is_direct or reply is None:
            continue
        if _is_answered_later(reading, question) or not _moves_on(reading, question, reply):
            continue
        yield _Tear(
            turn=question.turn,
            start=question.start,
            end=question.end,
            label=LogicBreak.UNANSWERED,
            why={"next_turn_id": reading.turns[reply].id},
        )
        left = leaves_subject(reading.turns[question.turn].text, reading.turns[reply].text)
        if reply not in jumped and (left or _dodges(reading, question, reply)):
            jumped.add(reply)
            yield _jump(reading, reply, question.turn)
    for index, turn in enumerate(reading.turns[:-1]):
        reply = index + 1
        if reply not in jumped and _passes_over(turn, reading.turns[reply]):
            jumped.add(reply)
            yield _jump(reading, reply, index)


def _moves_on(reading: Reading, question: Question, reply: int) -> bool:
    """Whether the reply takes the thread elsewhere: another subject, or nothing of the question in it."""
    asked = reading.turns[question.turn].text[question.start : question.end]
    text = reading.turns[reply].text
    return leaves_subject(asked, text) or says_something_else(asked, text) or _dodges(reading, question, reply)


def _dodges(reading: Reading, question: Question, reply: int) -> bool:
    """Whether the customer answers the rep's question by asking about us; a rep who asks back wants to know more."""
    turn = reading.turns[question.turn]
    asked = turn.text[question.start : question.end]
    return turn.speaker == REP and dodges(asked, reading.turns[reply].text)


def _jump(reading: Reading, at: int, left: int) -> _Tear:
    text = reading.turns[at].text
    return _Tear(
        turn=at, start=0, end=len(text), label=LogicBreak.TOPIC_JUMP, why={"left_turn_id": reading.turns[left].id}
    )


def _reply_to(turns: Sequence[Turn], question: Question) -> int | None:
    """The other side's turn that took the thread elsewhere; None where nobody spoke again."""
    asker = turns[question.turn].speaker
    others = [at for at in range(question.turn + 1, min(len(turns), question.turn + 5)) if turns[at].speaker != asker]
    if not others:
        return None
    asked = turns[question.turn].text
    return next((at for at in others if leaves_subject(asked, turns[at].text)), others[0])


def _is_answered_later(reading: Reading, question: Question) -> bool:
    """Whether a counter-question came first: what it clarifies is still open, not passed over."""
    reply = reading.turns[min(question.turn + 1, len(reading.turns) - 1)]
    own = topics_of(reading.turns[question.turn].text)
    return bool(re.search(r"[？?]$|吗$", reply.text)) and bool(own & topics_of(reply.text))


def _passes_over(turn: Turn, reply: Turn) -> bool:
    """Whether a complaint is met with something else and no word about it."""
    if turn.speaker != CUSTOMER or reply.speaker != REP or not _rule("complaints.open").search(turn.text):
        return False
    return leaves_subject(turn.text, reply.text)


def _claims(reading: Reading) -> Iterator[_Tear]:
    rivals = rivals_of(reading)
    for index, turn in enumerate(reading.turns):
        if turn.speaker != REP:
            continue
        taken: list[tuple[int, int]] = []
        for finding in check_wording(turn.text, rivals=rivals):
            said = turn.text[finding.start : finding.end]
            if finding.severity is not Severity.NOTE and _is_claim(finding.rule, said):
                taken.append((finding.start, finding.end))
        for match in _further().finditer(turn.text):
            if not any(match.start() < end and start < match.end() for start, end in taken):
                taken.append(match.span())
        for start, end in _one_a_sentence(turn.text, taken):
            yield _Tear(turn=index, start=start, end=end, label=LogicBreak.NO_EVIDENCE, why={})


def _is_claim(rule: str, said: str) -> bool:
    if rule in section(_RULES, "claims.rules"):
        return True
    return rule in ("absolute.superlative", "promise.outcome") and _rule("claims.measured").search(said) is not None


def _one_a_sentence(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if not kept or re.search(r"[。！？!?；;]", text[kept[-1][1] : start]):
            kept.append((start, end))
    return kept


def _contradictions(reading: Reading) -> Iterator[_Tear]:
    for found in contradictions_in(reading.turns):
        yield _Tear(
            turn=found.turn,
            start=found.start,
            end=found.end,
            label=LogicBreak.CONTRADICTION,
            why={"earlier_turn_id": reading.turns[found.earlier].id, "earlier_quote": found.earlier_quote},
        )


@cache
def _further() -> re.Pattern[str]:
    return re.compile(alternatives(section(_RULES, "claims.further")))


@cache
def _rule(path: str) -> re.Pattern[str]:
    return re.compile(section(_RULES, path))
