"""A planted difference is found, and chance is not."""

from __future__ import annotations

import numpy as np
import pytest

from coaching.attribution import CallRecord, attribute, cliffs_delta


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
