"""The benchmark of the analysis measures conversations of the length it says."""

from __future__ import annotations

from eval.bench_analysis import TURN_MS, analyse, conversation, table
from signals.pipeline import SignalDetector


def test_an_hour_is_six_hundred_different_turns() -> None:
    made = conversation(600)
    assert made.duration_ms == 600 * TURN_MS == 3_600_000
    assert len({turn.text for turn in made.turns}) == len({turn.id for turn in made.turns}) == 600


def test_a_cost_is_a_row() -> None:
    cost = analyse(SignalDetector([]), conversation(30))
    assert (cost.turns, cost.signals) == (30, 0)
    assert table([cost]).splitlines()[2].startswith("| 30 | 0 | ")
