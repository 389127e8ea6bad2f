"""What an analysis costs: wall and processor seconds of all detectors, at growing numbers of turns.

`python -m eval.bench_signals [--turns 100 600 1000 10000] [--threads 2] [--out FILE]`

Turns are those of the training corpora, a customer's and a rep's in turn, in a fixed order; models are loaded and one
short conversation is read before the clock starts. 600 turns are about a call of an hour.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path

from domain.conversation import CUSTOMER, REP, Transcript, Turn
from domain.signals import Intent
from signals.act_corpus import read_act_rows
from signals.corpus import corpus_folder, read_rows
from signals.pipeline import Reading, SignalDetector, TextEncoder

TURNS = (100, 600, 1000, 10000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds that one analysis took; `vectors_cpu_s` is the encoder's share of the processor's."""

    turns: int
    signals: int
    wall_s: float
    cpu_s: float
    vectors_cpu_s: float

    @property
    def cpu_ms_a_turn(self) -> float:
        """Processor milliseconds a turn; the same at every size where the cost is linear."""
        return 1000 * self.cpu_s / self.turns


def conversation(turns: int) -> Transcript:
    """Return a conversation of so many corpus turns, customer and rep in turn."""
    customers = cycle(row.utterance.text for row in read_rows(corpus_folder("intents"), labels=tuple(map(str, Intent))))
    reps = cycle(row.text for row in read_act_rows(corpus_folder("rep_acts")))
    sides = cycle(((CUSTOMER, customers), (REP, reps)))
    said = [(speaker, next(texts)) for speaker, texts in islice(sides, turns)]
    return Transcript(
        id=f"bench-{turns}",
        turns=tuple(Turn(id=f"t{at}", speaker=speaker, text=text) for at, (speaker, text) in enumerate(said, start=1)),
    )


def measure(detector: SignalDetector, encoder: TextEncoder, transcript: Transcript) -> Cost:
    """Read one conversation, and its vectors alone once more."""
    found: list[int] = []
    wall_s, cpu_s = _timed(lambda: found.append(len(detector.detect(transcript))))
    _, vectors_cpu_s = _timed(lambda: Reading(transcript, encoder=encoder).vectors)
    return Cost(turns=len(transcript.turns), signals=found[0], wall_s=wall_s, cpu_s=cpu_s, vectors_cpu_s=vectors_cpu_s)


def table(costs: Sequence[Cost]) -> str:
    """Return a Markdown table."""
    lines = ["| turns | signals | wall s | CPU s | of it encoder | CPU ms a turn |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {one.turns} | {one.signals} | {one.wall_s:.2f} | {one.cpu_s:.2f} | {one.vectors_cpu_s:.2f} "
        f"| {one.cpu_ms_a_turn:.2f} |"
        for one in costs
    ]
    return "\n".join(lines) + "\n"


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every size and print the table."""
    from language.encoder import OnnxEncoder
    from zhanqing.bootstrap import ENCODER, build_detectors
    from zhanqing.models import model_folder
    from zhanqing.settings import read_settings

    parser = argparse.ArgumentParser(prog="python -m eval.bench_signals")
    parser.add_argument("--turns", type=int, nargs="+", default=TURNS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args(arguments)
    encoder = OnnxEncoder(model_folder(ENCODER, read_settings().models.cache), threads=chosen.threads)
    detector = SignalDetector(build_detectors(), encoder=encoder)
    detector.detect(conversation(20))
    costs = [measure(detector, encoder, conversation(turns)) for turns in chosen.turns]
    sys.stdout.write(table(costs))
    if chosen.out:
        chosen.out.write_text(json.dumps([asdict(cost) for cost in costs], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
