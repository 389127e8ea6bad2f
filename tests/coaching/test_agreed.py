"""A thing to be done is listed once, with everybody's part and the day."""

from __future__ import annotations

from datetime import date

from coaching.agreed import agreed_in
from coaching.testing import signal
from domain.conversation import Turn
from domain.signals import Signal, SignalKind

SAID = Turn(id="t1", speaker="rep", text="明天上午十点前发给您一份排期图", start_ms=0, end_ms=3_000)
RECAP = Turn(id="t2", speaker="rep", text="明天上午十点前我发排期图，周五再通电话", start_ms=9_000, end_ms=12_000)
TURNS = {turn.id: turn for turn in (SAID, RECAP)}


def _said(kind: SignalKind, turn: Turn, quote: str, what: str, due_on: str | None, who: str = "rep") -> Signal:
    return signal(kind, "x", turn, quote, who=who, what=what, due="明天", due_on=due_on)


def test_a_recap_repeats_what_was_said_and_a_dated_task_is_no_two_things() -> None:
    found = agreed_in(
        [
            _said(SignalKind.PROMISE, SAID, SAID.text, "发给您一份排期图", "2026-11-19"),
            _said(SignalKind.NEXT_STEP, SAID, SAID.text, "发给您一份排期图", "2026-11-19"),
            _said(SignalKind.NEXT_STEP, RECAP, "明天上午十点前我发排期图", "发排期图", "2026-11-19"),
        ],
        TURNS,
    )
    assert [(one.is_step, one.is_promise, one.due_on) for one in found] == [(True, True, date(2026, 11, 19))]
    assert [moment.turn_id for moment in found[0].moments] == ["t1", "t2"]


def test_another_day_another_side_or_another_thing_is_listed_apart() -> None:
    call = _said(SignalKind.NEXT_STEP, RECAP, "周五再通电话", "再通电话", "2026-11-20", "both")
    sent = _said(SignalKind.NEXT_STEP, SAID, SAID.text, "发给您一份排期图", "2026-11-19")
    later = _said(SignalKind.NEXT_STEP, RECAP, "明天上午十点前我发排期图", "发排期图", "2026-11-21")
    assert len(agreed_in([sent, call, later], TURNS)) == 3


def test_words_and_day_of_a_due_come_from_one_saying() -> None:
    soon = signal(SignalKind.PROMISE, "x", SAID, SAID.text, who="rep", what="发给您一份排期图", due="尽快", due_on=None)
    friday = signal(
        SignalKind.NEXT_STEP, "x", RECAP, "我发排期图", who="rep", what="发排期图", due="周五", due_on="2026-11-20"
    )
    (found,) = agreed_in([soon, friday], TURNS)
    assert (found.due, found.due_on) == ("周五", date(2026, 11, 20))
