"""Rep acts: an unseen written set, our own test split, spans, calibration, and a keyword baseline beside them.

The rules (`signals/rules/rep_acts.toml`) were written with the whole corpus in sight, so the own split flatters them a
little; `sets/rep_acts.jsonl` was written after rules and corpus were frozen.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain.conversation import REP, Transcript, Turn
from domain.signals import RepAct, Signal
from eval.agreement import Counts, macro_f1_figure, overlap
from eval.result import EvalResult, Figure, mean, proportion
from signals.act_corpus import ActRow, read_act_rows
from signals.act_head import ActHead
from signals.act_wording import ACTS
from signals.corpus import corpus_folder, split
from signals.pipeline import SignalDetector
from signals.rep_acts import RepActDetector

if TYPE_CHECKING:
    from language.encoder import Encoder

SUITE = "rep_acts"
_BINS = (0.45, 0.6, 0.75, 0.9, 0.97, 1.001)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A labelled turn with what was found in it."""

    text: str
    wanted: frozenset[RepAct]
    spans: tuple[tuple[RepAct, int, int], ...]
    hard: bool
    found: tuple[Signal, ...]

    @property
    def acts(self) -> frozenset[RepAct]:
        """The acts found."""
        return frozenset(RepAct(signal.label) for signal in self.found)


def run(data: Path, *, half: str, parts: Any) -> EvalResult:
    """Measure; no public set has such labels, so nothing under `data` is read."""
    encoder: Encoder = parts.encoder
    unseen, own = judge_unseen(encoder), judge_own_split(encoder)
    figures = [*figures_of("unseen", unseen), *figures_of("own_split", own), span_figure(own)]
    return EvalResult(
        suite=SUITE,
        data="written set and own test split; no public set",
        figures=tuple(figures),
        rows=tuple(reliability(own)),
    )


def figures_of(name: str, judged: Sequence[Judged]) -> list[Figure]:
    """Macro-F1, the keyword baseline's, each act's F1, hard negatives, and turns without an act left alone."""
    words = keywords()
    by_word = [frozenset(act for act in ACTS if any(word in row.text for word in words[act])) for row in judged]
    ours = [row.acts for row in judged]
    hard = [row for row in judged if row.hard]
    none = [row for row in judged if not row.wanted]
    return [
        macro_f1_figure(f"{name}_macro_f1", _by_act(judged, ours)),
        macro_f1_figure(f"{name}_keywords_macro_f1", _by_act(judged, by_word)),
        *(macro_f1_figure(f"{name}_f1_{act}", {act: _by_act(judged, ours)[act]}) for act in ACTS),
        proportion(f"{name}_hard_negatives_right", sum(map(is_right, hard)), len(hard)),
        proportion(f"{name}_turns_without_act_left_alone", sum(not row.acts for row in none), len(none)),
    ]


def is_right(row: Judged) -> bool:
    """No wrong act, and at least one right one where there is any."""
    return row.acts <= row.wanted and bool(row.acts or not row.wanted)


def span_figure(judged: Sequence[Judged]) -> Figure:
    """How much found spans share with the annotated ones (shared ÷ longer), over acts that were found rightly."""
    shares = []
    for row in judged:
        for signal in row.found:
            places = [(start, end) for act, start, end in row.spans if act == signal.label]
            shares += [max(overlap(place, (signal.start, signal.end)) for place in places)] if places else []
    return mean("own_split_span_overlap", shares)


def reliability(judged: Sequence[Judged]) -> list[Mapping[str, object]]:
    """The reliability table: for each band of scores, how many signals it has and how many are right."""
    pairs = [(signal.score, signal.label in row.wanted) for row in judged for signal in row.found]
    table: list[Mapping[str, object]] = []
    for low, high in pairwise(_BINS):
        band = [(score, right) for score, right in pairs if low <= score < high]
        if band:
            score = sum(value for value, _ in band) / len(band)
            right = sum(hit for _, hit in band) / len(band)
            table.append({"from": low, "to": min(high, 1.0), "n": len(band), "mean_score": score, "share_right": right})
    return table


def judge_unseen(encoder: Encoder) -> list[Judged]:
    """Run the shipped head over the set written after the freeze."""
    text = (files("eval") / "sets" / "rep_acts.jsonl").read_text(encoding="utf-8")
    documents = [json.loads(line) for line in text.splitlines() if line]
    detector = SignalDetector([RepActDetector()], encoder=encoder)
    return [
        Judged(
            text=document["text"],
            wanted=frozenset(map(RepAct, document["labels"])),
            spans=(),
            hard=document["hard"],
            found=_detected(detector, document["text"]),
        )
        for document in documents
    ]


def judge_own_split(encoder: Encoder) -> list[Judged]:
    """Train a head on the training families for these figures alone, and run it over the test families."""
    from signals.train_rep_acts import fit_acts

    train, test = split(read_act_rows(corpus_folder("rep_acts")))
    weights = fit_acts(train, lambda texts: encoder.encode(texts, prefix="query"))
    head = ActHead(weights, version="split", encoder=encoder.fingerprint)
    detector = SignalDetector([RepActDetector(head=head)], encoder=encoder)
    return [_judged(row, detector) for row in test]


def _judged(row: ActRow, detector: SignalDetector) -> Judged:
    found = _detected(detector, row.text)
    return Judged(text=row.text, wanted=row.acts, spans=row.spans, hard=row.hard, found=found)


def _detected(detector: SignalDetector, text: str) -> tuple[Signal, ...]:
    return detector.detect(Transcript(id="row", turns=(Turn(id="t001", speaker=REP, text=text),)))


def _by_act(judged: Sequence[Judged], found: Sequence[frozenset[RepAct]]) -> dict[RepAct, list[Counts]]:
    return {
        act: [
            Counts(
                hits=act in row.wanted and act in acts,
                false_alarms=act in acts and act not in row.wanted,
                misses=act in row.wanted and act not in acts,
            )
            for row, acts in zip(judged, found, strict=True)
        ]
        for act in ACTS
    }


def keywords() -> dict[RepAct, tuple[str, ...]]:
    """The words of the baseline."""
    book = tomllib.loads((files("eval") / "sets" / "rep_act_keywords.toml").read_text(encoding="utf-8"))
    return {act: tuple(book[act]) for act in ACTS}
