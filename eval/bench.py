"""Side-by-side measurements of whole processes: wall time and peak memory, median of several runs.

Meant for an idle machine; nothing here runs in tests.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One finished process: wall and CPU seconds, peak resident memory in MB."""

    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Several runs of one command."""

    name: str
    command: str
    runs: tuple[Run, ...]

    def median(self, field: str) -> float:
        """Return the median of a field of the runs."""
        return float(statistics.median(getattr(run, field) for run in self.runs))

    def spread(self, field: str) -> tuple[float, float]:
        """Return the smallest and the largest value of a field."""
        values = [getattr(run, field) for run in self.runs]
        return min(values), max(values)


def measure_process(name: str, command: Sequence[str], *, runs: int, environment: Mapping[str, str]) -> Measurement:
    """Run a command several times, one after another, its output thrown away.

    Raises:
        RuntimeError: It ended with another exit code than 0.
    """
    return Measurement(
        name=name,
        command=" ".join(command),
        runs=tuple(_run(command, environment) for _ in range(runs)),
    )


def table(measurements: Sequence[Measurement]) -> str:
    """Return a Markdown table of medians with the smallest and largest value."""
    lines = ["| measurement | runs | wall s (median, min–max) | CPU s | peak MB |", "|---|---|---|---|---|"]
    for one in measurements:
        low, high = one.spread("wall_s")
        lines.append(
            f"| {one.name} | {len(one.runs)} | {one.median('wall_s'):.2f} ({low:.2f}–{high:.2f}) "
            f"| {one.median('cpu_s'):.2f} | {one.median('peak_mb'):.0f} |"
        )
    return "\n".join(lines) + "\n"


def commands(folder: Path) -> dict[str, list[str]]:
    """Return what is measured: name → command; `folder` receives the demo's results."""
    program = [sys.executable, "-m", "zhanqing"]
    return {
        "zhanqing --help": [*program, "--help"],
        "analysis of 600 turns, models loaded within": [sys.executable, "-m", "eval.bench_signals", "--turns", "600"],
        "zhanqing demo (202 s call, set up before)": [*program, "demo", "--out", str(folder / "demo")],
    }


def _run(command: Sequence[str], environment: Mapping[str, str]) -> Run:
    """Start, wait, and read what the operating system counted for this very process."""
    began = time.monotonic()
    with Path(os.devnull).open("w") as nowhere:
        actions = [(os.POSIX_SPAWN_DUP2, nowhere.fileno(), 1), (os.POSIX_SPAWN_DUP2, nowhere.fileno(), 2)]
        child = os.posix_spawn(command[0], list(command), dict(environment), file_actions=actions)
        _, status, usage = os.wait4(child, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return Run(wall_s=time.monotonic() - began, cpu_s=usage.ru_utime + usage.ru_stime, peak_mb=usage.ru_maxrss / 1024)
