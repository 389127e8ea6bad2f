"""The case base under hard use: short forms in every run of the suite, the long ones with the crash tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def load(name: str) -> ModuleType:
    """A script beside this file; tests are no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


contention, bulk_import = load("contention"), load("bulk_import")
CHANGES = [{"case": "A", "version": 3, "edition": 1}, {"case": "A", "version": 7, "edition": 0}]


def searched(seen: int, floor: int = 0, **hits: list[str]) -> dict[str, object]:
    return {"floor": floor, "seen": seen, "hits": hits}


class TestJudgement:
    """The judge itself: what it lets pass and what it catches."""

    @pytest.mark.parametrize(
        "line", [searched(2), searched(3, A=["8", "1"]), searched(6, 6, A=["8", "1"]), searched(7)]
    )
    def test_what_the_history_says_passes(self, line: dict[str, object]) -> None:
        assert list(contention.faults([*CHANGES, line])) == []

    @pytest.mark.parametrize(
        "line",
        [
            pytest.param(searched(7, A=["8", "1"]), id="withdrawn"),
            pytest.param(searched(2, A=["8", "1"]), id="not published yet"),
            pytest.param(searched(3, A=["7", "1"]), id="half of it"),
            pytest.param(searched(3, A=["8", "1", "2"]), id="two editions"),
            pytest.param(searched(3), id="missing"),
            pytest.param(searched(3, 4, A=["8", "1"]), id="older than what was committed"),
        ],
    )
    def test_anything_else_is_a_fault(self, line: dict[str, object]) -> None:
        assert len(list(contention.faults([*CHANGES, line]))) == 1


def test_readers_never_see_a_withdrawn_or_half_written_case() -> None:
    outcome = contention.run(writers=4, readers=4, processes=2, seconds=0, rounds=8, url=None)
    assert (outcome["exit_codes"], outcome["faults"], outcome["changes"]) == ([0, 0], 0, 32), outcome
    assert outcome["searches"] > 4


def test_a_bulk_import_that_is_killed_is_finished_by_running_it_again() -> None:
    outcome = bulk_import.run(cases=500, kills=2, url=None)
    assert (outcome["faults"], outcome["kills"]) == ([], 2), outcome
    assert "unchanged 0" not in outcome["last_run"]


@pytest.mark.crash
def test_twenty_writers_and_twenty_readers_for_a_minute() -> None:
    outcome = contention.run(writers=20, readers=20, processes=4, seconds=60, rounds=None, url=None)
    assert (outcome["exit_codes"], outcome["faults"]) == ([0] * 4, 0), outcome


@pytest.mark.crash
@pytest.mark.timeout(1_800)
def test_twenty_thousand_cases_through_five_kills() -> None:
    outcome = bulk_import.run(cases=20_000, kills=5, url=None)
    assert (outcome["faults"], outcome["kills"]) == ([], 5), outcome
