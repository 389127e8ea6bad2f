"""Rep acts: an unseen written set, our own test split, spans, calibration, and a keyword baseline beside them.

The rules (`signals/rules/rep_acts.toml`) were written with the whole corpus in sight, so the own split flatters them a
little; `sets/rep_acts.jsonl` was written after rules and corpus were frozen.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain.conversation import REP, Transcript, Turn
from domain.signals import Signal
from eval.agreement import overlap
from eval.labelled import Judged, figures_of, keywords, reliability, said_by_words
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
_WORDS = "rep_act_keywords.toml"


def run(data: Path, *, half: str, parts: Any) -> EvalResult:
    """Measure; no public set has such labels, so nothing under `data` is read."""
    encoder: Encoder = parts.encoder
    unseen, own = judge_unseen(encoder), judge_own_split(encoder)
    figures = [*figures_of("unseen", unseen, ACTS), left_alone("unseen", unseen)]
    figures += [*figures_of("own_split", own, ACTS), left_alone("own_split", own), span_figure(own)]
    return EvalResult(
        suite=SUITE,
        data="written set and own test split; no public set",
        figures=tuple(figures),
        rows=tuple(reliability(own)),
    )


def left_alone(name: str, judged: Sequence[Judged]) -> Figure:
    """Share of the turns without an act in which none is found."""
    none = [row for row in judged if not row.wanted]
    return proportion(f"{name}_turns_without_act_left_alone", sum(not row.labels for row in none), len(none))


def span_figure(judged: Sequence[Judged]) -> Figure:
    """How much found spans share with the annotated ones (shared ÷ longer), over acts that were found rightly."""
    shares = []
    for row in judged:
        for signal in row.found:
            places = [(start, end) for act, start, end in row.spans if act == signal.label]
            shares += [max(overlap(place, (signal.start, signal.end)) for place in places)] if places else []
    return mean("own_split_span_overlap", shares)


def judge_unseen(encoder: Encoder) -> list[Judged]:
    """Run the shipped head over the set written after the freeze."""
    text = (files("eval") / "sets" / "rep_acts.jsonl").read_text(encoding="utf-8")
    documents = [json.loads(line) for line in text.splitlines() if line]
    detector = SignalDetector([RepActDetector()], encoder=encoder)
    return [
        Judged(
            wanted=frozenset(document["labels"]),
            hard=document["hard"],
            found=_detected(detector, document["text"]),
            said_by_words=said_by_words(document["text"], keywords(_WORDS)),
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
    return Judged(
        wanted=frozenset(map(str, row.acts)),
        hard=row.hard,
        found=_detected(detector, row.text),
        said_by_words=said_by_words(row.text, keywords(_WORDS)),
        spans=tuple((str(act), start, end) for act, start, end in row.spans),
    )


def _detected(detector: SignalDetector, text: str) -> tuple[Signal, ...]:
    return detector.detect(Transcript(id="row", turns=(Turn(id="t001", speaker=REP, text=text),)))
