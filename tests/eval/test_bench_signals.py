"""The analysis benchmark measures what it says it does."""

from __future__ import annotations

from domain.conversation import CUSTOMER, REP
from eval.bench_signals import Cost, conversation, table
from signals.pipeline import SignalDetector
from signals.questions import QuestionDetector


def test_the_conversation_alternates_and_repeats() -> None:
    one, again = conversation(101), conversation(101)
    assert one == again
    assert [turn.speaker for turn in one.turns[:3]] == [CUSTOMER, REP, CUSTOMER]
    assert len(one.turns) == 101
    assert SignalDetector([QuestionDetector()]).detect(one)


def test_the_table_gives_the_cost_of_a_turn() -> None:
    cost = Cost(turns=100, signals=3, wall_s=0.2, cpu_s=0.4, vectors_cpu_s=0.1)
    assert "| 100 | 3 | 0.20 | 0.40 | 0.10 | 4.00 |" in table([cost])
