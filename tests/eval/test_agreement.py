"""Counting agreement, and the written sets behind the figures."""

from __future__ import annotations

import pytest

from eval.agreement import Counts, count, f1_figure, macro_f1_figure, overlap, precision_figure, recall_figure
from eval.written import DEV, TEST, written_rows

FRESH_SUITES = ("competitors_fresh", "promises_fresh", "adlaw_fresh", "breaks_fresh")
SUITES = ("competitors", "promises", "adlaw", "breaks", "questions", "leads", *FRESH_SUITES)


def test_overlap_is_shared_over_the_longer() -> None:
    assert (overlap((0, 10), (5, 10)), overlap((0, 4), (4, 8))) == (0.5, 0.0)


def test_one_found_thing_matches_at_most_one_expected() -> None:
    assert count([1], [1, 1], lambda a, b: float(a == b)) == Counts(hits=1, misses=1)


def test_figures_follow_their_counts() -> None:
    rows = [Counts(hits=3, false_alarms=1, misses=2)]
    assert f1_figure("f", rows).value == pytest.approx(6 / 9)
    assert precision_figure("p", rows).value == pytest.approx(3 / 4)
    assert recall_figure("r", rows).value == pytest.approx(3 / 5)


def test_nothing_expected_and_nothing_found_is_undefined() -> None:
    assert f1_figure("f", [Counts()]).value is None
    assert macro_f1_figure("m", {"a": [Counts()], "b": [Counts(hits=1)]}).value == 1.0


@pytest.mark.parametrize("suite", SUITES)
def test_a_family_is_on_one_side_only_and_every_quote_stands_in_its_turn(suite: str) -> None:
    dev, test = written_rows(suite, DEV), written_rows(suite, TEST)
    assert len(dev) + len(test) >= (35 if suite in FRESH_SUITES else 100)
    assert {row.family for row in dev}.isdisjoint(row.family for row in test)
    for row in (*dev, *test):
        for expected in row.expected:
            if "quote" in expected:
                text = row.transcript.turn(expected["turn_id"]).text
                assert text[expected["start"] : expected["end"]] == expected["quote"]
