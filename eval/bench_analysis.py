"""What the analysis of a conversation costs by its length: `python -m eval.bench_analysis --turns 100 600 1000`.

Conversations are the sample calls' turns over and over, each told apart by a number so that nothing is
remembered from the turn before. Loading models is not measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import cycle, islice

from coaching.metrics import measure
from coaching.report import build_report
from coaching.scorecards import score
from domain.conversation import Transcript, Turn
from domain.signals import Analysis
from signals.pipeline import SignalDetector

CALLS = ("medical_delivery", "bad_pitch")
TURN_MS = 6_000
"""Of each turn; 600 of them are an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds of one analysis: noticing, and then measuring, scoring and gathering the report."""

    turns: int
    signals: int
    noticing_s: float
    measuring_s: float
    cpu_s: float

    @property
    def wall_s(self) -> float:
        """All of it."""
        return self.noticing_s + self.measuring_s


def conversation(length: int) -> Transcript:
    """Return a call of so many turns, made of the samples' words."""
    said = []
    for name in CALLS:
        document = json.loads((files("examples") / "calls" / f"{name}.truth.json").read_text(encoding="utf-8"))
        said += [(turn["speaker"], turn["text"]) for turn in document["turns"]]
    turns = tuple(
        Turn(
            id=f"t{number:05d}",
            speaker=speaker,
            text=f"{number}，{text}",
            start_ms=number * TURN_MS,
            end_ms=number * TURN_MS + TURN_MS - 500,
        )
        for number, (speaker, text) in enumerate(islice(cycle(said), length))
    )
    return Transcript(id=f"bench-{length}", turns=turns, duration_ms=length * TURN_MS)


def analyse(detector: SignalDetector, transcript: Transcript) -> Cost:
    """Analyse a conversation once and return what it cost."""
    cpu, begun = time.process_time(), time.perf_counter()
    signals = detector.detect(transcript, lexicon=())
    noticed = time.perf_counter()
    metrics = measure(transcript, signals)
    analysis = Analysis(conversation_id=transcript.id, signals=signals, metrics=metrics)
    build_report(transcript, analysis, scorecard=score(transcript, signals, metrics))
    return Cost(
        turns=len(transcript.turns),
        signals=len(signals),
        noticing_s=noticed - begun,
        measuring_s=time.perf_counter() - noticed,
        cpu_s=time.process_time() - cpu,
    )


def table(costs: Sequence[Cost]) -> str:
    """Return a Markdown table; the last column is flat where the cost is linear."""
    lines = [
        "| turns | signals | wall s | noticing s | measuring s | CPU s | CPU ms a turn |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in costs:
        each_ms = 1000 * one.cpu_s / one.turns
        figures = f"{one.wall_s:.2f} | {one.noticing_s:.2f} | {one.measuring_s:.3f} | {one.cpu_s:.2f} | {each_ms:.2f}"
        lines.append(f"| {one.turns} | {one.signals} | {figures} |")
    return "\n".join(lines) + "\n"


def main(words: Sequence[str] | None = None) -> None:
    """Measure each length, the median of the runs by CPU time."""
    from zhanqing.bootstrap import build

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--runs", type=int, default=1)
    given = parser.parse_args(words)
    detector = build().detector
    detector.detect(conversation(10), lexicon=())  # loads every model
    costs = []
    for length in given.turns:
        runs = sorted((analyse(detector, conversation(length)) for _ in range(given.runs)), key=lambda one: one.cpu_s)
        costs.append(runs[len(runs) // 2])
    sys.stdout.write(table(costs))


if __name__ == "__main__":
    main()
