"""Emotion: direction of valence on public sets beside a word list, curves of written dialogues, and our own test split.

The head was trained on utterances written for this project only; the public sets are read by path and never trained on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain.conversation import Transcript
from domain.signals import Emotion
from eval.confusion import macro_f1_figure
from eval.result import EvalResult, Figure, proportion
from signals.corpus import corpus_folder, read_rows, split
from signals.emotion import EmotionDetector, Feeling, decide
from signals.emotion_cues import count_words
from signals.emotion_head import EMOTIONS, EmotionHead, load_emotion_head
from signals.pipeline import SignalDetector
from wire.documents import read_transcript

if TYPE_CHECKING:
    from language.encoder import Encoder

SUITE = "emotion"
_BORDER = 0.2
_DIRECTIONS = (-1, 0, 1)
_MOST = 2000
"""Rows measured of each public set, evenly spaced over its file."""
_CHANGE = 0.1
"""A curve goes somewhere where the written valence of two neighbouring customer turns differs by at least this."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicSet:
    """A public set: how its rows become texts with a direction, and which directions it scores."""

    folder: str
    read: Callable[[Json], Iterator[tuple[str, int]]]
    scored: tuple[int, ...] = _DIRECTIONS


def _weibo(row: Json) -> Iterator[tuple[str, int]]:
    if row["emotion"] != "surprise":
        yield row["text"], {"happy": 1, "neutral": 0}.get(row["emotion"], -1)


def _drama(row: Json) -> Iterator[tuple[str, int]]:
    for turn in row["turns"]:
        yield turn["text"], {"positive": 1, "neutral": 0, "negative": -1}[turn["sentiment"]]


def _review(row: Json) -> Iterator[tuple[str, int]]:
    yield row["text"], {"positive": 1, "negative": -1}[row["label"]]


PUBLIC_SETS = (
    PublicSet(folder="smp2020_ewect_emotion", read=_weibo),
    PublicSet(folder="cped_dialog_emotion", read=_drama),
    PublicSet(folder="reviews_sentiment_zh", read=_review, scored=(-1, 1)),
    PublicSet(folder="eprstmt_sentiment", read=_review, scored=(-1, 1)),
)


def run(data: Path, *, half: str, parts: Any) -> EvalResult:
    """Measure with the shipped head; a public set that is not under `data` is said to be not measured."""
    encoder: Encoder = parts.encoder
    head = load_emotion_head()
    figures = [figure for one in PUBLIC_SETS for figure in public_figures(one, data, half, encoder, head)]
    figures += curve_figures(encoder, head)
    figures.append(own_split_figure(encoder))
    return EvalResult(
        suite=SUITE, data=f"public sets ({half}), written dialogues, own test split", figures=tuple(figures)
    )


def public_figures(one: PublicSet, data: Path, half: str, encoder: Encoder, head: EmotionHead) -> list[Figure]:
    """Macro-F1 of the head, of the word list, and what lies between them, in that order."""
    file = data / one.folder / f"{half}.jsonl"
    if not file.is_file():
        return [
            Figure(name=f"{one.folder}_macro_f1", value=None, n=0, note=f"not measured: no {one.folder}/{half}.jsonl")
        ]
    rows = _evenly(
        [pair for line in file.read_text(encoding="utf-8").splitlines() for pair in one.read(json.loads(line))]
    )
    texts, truth = [text for text, _ in rows], [direction for _, direction in rows]
    ours = [direction_of(feeling.valence) for feeling in feelings(texts, encoder, head)]
    listed = [word_list_direction(text) for text in texts]
    head_f1, list_f1 = (
        macro_f1_figure(f"{one.folder}_{name}", truth, guess, answers=_DIRECTIONS, scored=one.scored)
        for name, guess in (("macro_f1", ours), ("word_list_macro_f1", listed))
    )
    return [head_f1, list_f1, _gain(f"{one.folder}_gain", head_f1, list_f1)]


def _gain(name: str, head: Figure, word_list: Figure) -> Figure:
    """The difference; its standard error takes the two as independent, which on the same rows is too wide."""
    if head.value is None or word_list.value is None:
        return Figure(name=name, value=None, n=0, note="no rows")
    error = math.hypot(head.standard_error or 0.0, word_list.standard_error or 0.0)
    return Figure(name=name, value=head.value - word_list.value, n=head.n, standard_error=error)


def feelings(texts: Sequence[str], encoder: Encoder, head: EmotionHead) -> list[Feeling]:
    """Return what the head makes of texts, without prosody."""
    scores = head.score(encoder.encode(texts, prefix="query"), texts)
    return [
        decide(emotions, directions) for emotions, directions in zip(scores.emotions, scores.directions, strict=True)
    ]


def direction_of(valence: float) -> int:
    """Return -1, 0 or 1: below, within, above ±0.2."""
    return (valence > _BORDER) - (valence < -_BORDER)


def word_list_direction(text: str) -> int:
    """The baseline: whichever polarity has more words, emoji and emoticons, negation considered."""
    count = count_words(text)
    return (count.positive > count.negative) - (count.positive < count.negative)


def curve_figures(encoder: Encoder, head: EmotionHead) -> list[Figure]:
    """On written dialogues: does the customer's valence move the way it was written to, and is the emotion named."""
    detector = SignalDetector([EmotionDetector(head=head)], encoder=encoder)
    moves: list[bool] = []
    truth: list[Emotion] = []
    guess: list[Emotion] = []
    for transcript, expected in _dialogues():
        found = {signal.turn_id: signal for signal in detector.detect(transcript)}
        for entry in expected:
            truth.append(Emotion(entry["label"]))
            guess.append(Emotion(found[entry["turn_id"]].label))
        for before, after in pairwise(expected):
            wanted = after["valence"] - before["valence"]
            if abs(wanted) >= _CHANGE:
                valences = [float(str(found[entry["turn_id"]].attributes["valence"])) for entry in (before, after)]
                moves.append((valences[1] - valences[0]) * wanted > 0)
    return [
        proportion("curve_direction_accuracy", sum(moves), len(moves)),
        proportion("curve_emotion_accuracy", sum(map(Emotion.__eq__, truth, guess)), len(truth)),
        macro_f1_figure("curve_emotion_macro_f1", truth, guess, answers=EMOTIONS),
    ]


def own_split_figure(encoder: Encoder) -> Figure:
    """Macro-F1 over the seven emotions on families that a head trained for this figure alone has not seen."""
    from signals.train_emotion import fit_emotion

    train, test = split(read_rows(corpus_folder("emotion"), labels=EMOTIONS))
    weights = fit_emotion(train, lambda texts: encoder.encode(texts, prefix="query"))
    found = feelings([row.utterance.text for row in test], encoder, EmotionHead(weights, version="split", encoder=""))
    truth = [Emotion(next(iter(row.labels))) for row in test]
    return macro_f1_figure("own_split_macro_f1", truth, [feeling.emotion for feeling in found], answers=EMOTIONS)


def _dialogues() -> Iterator[tuple[Transcript, Sequence[Json]]]:
    text = (files("eval") / "sets" / "emotion_curves.jsonl").read_text(encoding="utf-8")
    for line in text.splitlines():
        document = json.loads(line)
        yield read_transcript({"id": document["id"], "turns": document["turns"]}), document["expected"]


def _evenly(rows: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    step = max(1, len(rows) / _MOST)
    return [rows[int(place * step)] for place in range(min(len(rows), _MOST))]
