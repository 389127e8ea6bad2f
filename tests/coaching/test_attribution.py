"""A planted difference is found, and chance is not."""

from __future__ import annotations

import numpy as np
import pytest

from coaching.attribution import CallRecord, attribute, cliffs_delta, record_of
from coaching.digest import RepCalls, build_digest
from coaching.team_page import render_team
from coaching.testing import SIGNALS, report
from domain.signals import SignalKind


def calls(group: str, *, questions: float, seed: int) -> list[CallRecord]:
    generator = np.random.default_rng(seed)
    return [
        CallRecord(
            rep_id=f"{group}{number % 8}",
            behaviours={
                "question_rate": float(generator.normal(questions, 2)),
                **{f"noise_{n}": float(generator.normal()) for n in range(12)},
            },
        )
        for number in range(80)
    ]


def test_a_planted_difference_is_found_and_noise_is_not() -> None:
    found = attribute(calls("high", questions=12, seed=1), calls("low", questions=9, seed=2))
    assert found[0].behaviour == "question_rate"
    assert [difference.behaviour for difference in found if difference.is_found] == ["question_rate"]
    assert found[0].low > 0
    assert found[0].calls == (80, 80)
    assert found[0].reps == (8, 8)


def test_delta_is_one_when_every_value_is_larger() -> None:
    assert cliffs_delta(np.array([3.0, 4.0]), np.array([1.0, 2.0])) == 1


def test_swapping_the_groups_turns_the_sign() -> None:
    a, b = np.array([1.0, 2.0, 2.0, 5.0]), np.array([2.0, 3.0])
    assert cliffs_delta(a, b) == pytest.approx(-cliffs_delta(b, a))


def test_too_few_calls_are_not_compared() -> None:
    few = [CallRecord(rep_id="a", behaviours={"question_rate": 1.0})]
    assert attribute(few, calls("low", questions=9, seed=2)) == ()


def test_a_calls_behaviours_are_its_defined_metrics_and_the_reps_acts() -> None:
    record = record_of("r1", report())
    assert record.behaviours["共情"] == 1
    assert record.behaviours["案例引用"] == 0
    assert "talk_ratio" in record.behaviours
    assert "competitor_timing" not in record.behaviours  # nobody named one: undefined, not zero


def test_a_planted_difference_reaches_the_managers_page() -> None:
    made = report()
    without = report(tuple(one for one in SIGNALS if one.kind is not SignalKind.REP_ACT))
    high = [record_of(f"h{at % 4}", made) for at in range(16)]
    low = [record_of(f"l{at % 4}", without) for at in range(16)]
    differences = attribute(high, low)
    assert [each.behaviour for each in differences if each.is_found] == ["共情"]
    heard = RepCalls(rep_id="h0", reports=(report(()),))
    page = render_team(build_digest([heard]), differences=differences)
    assert "<b>共情</b> 转化好的销售做得更多" in page
    assert "对话 16 / 16，销售 4 / 4" in page
