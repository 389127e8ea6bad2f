"""Labelled turns: what was wanted of each, what was found, and the figures that follow, by label and as a whole."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise

from domain.signals import Signal
from eval.agreement import Counts, macro_f1_figure
from eval.result import Figure, proportion

_BINS = (0.0, 0.45, 0.6, 0.75, 0.9, 0.97, 1.001)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A labelled turn with what was found in it.

    Attributes:
        wanted: Its labels.
        hard: It names a topic that is not its label.
        found: The signals of the kind that is judged.
        said_by_words: The labels that a keyword list finds.
        spans: Where labels were annotated, half-open; none where only the turn is labelled.
    """

    wanted: frozenset[str]
    hard: bool
    found: tuple[Signal, ...]
    said_by_words: frozenset[str]
    spans: tuple[tuple[str, int, int], ...] = ()

    @property
    def labels(self) -> frozenset[str]:
        """The labels found."""
        return frozenset(signal.label for signal in self.found)


def figures_of(name: str, judged: Sequence[Judged], labels: Sequence[str]) -> list[Figure]:
    """Macro-F1, the keyword baseline's, each label's F1, hard negatives, exact label sets, and calibration."""
    ours = [row.labels for row in judged]
    words = [row.said_by_words for row in judged]
    hard = [row for row in judged if row.hard]
    counts = _by_label(judged, ours, labels)
    return [
        macro_f1_figure(f"{name}_macro_f1", counts),
        macro_f1_figure(f"{name}_keywords_macro_f1", _by_label(judged, words, labels)),
        *(macro_f1_figure(f"{name}_f1_{label}", {label: counts[label]}) for label in labels),
        proportion(f"{name}_hard_negatives_right", sum(map(is_right, hard)), len(hard)),
        proportion(f"{name}_label_set_exact", sum(row.labels == row.wanted for row in judged), len(judged)),
        calibration_error(f"{name}_calibration_error", judged),
    ]


def is_right(row: Judged) -> bool:
    """No wrong label, and at least one right one where there is any."""
    return row.labels <= row.wanted and bool(row.labels or not row.wanted)


def reliability(judged: Sequence[Judged]) -> list[Mapping[str, object]]:
    """The reliability table: for each band of scores, how many signals it has and how many are right."""
    return [
        {"from": low, "to": min(high, 1.0), "n": len(band), "mean_score": score, "share_right": right}
        for low, high, band, score, right in _bands(judged)
    ]


def calibration_error(name: str, judged: Sequence[Judged]) -> Figure:
    """Expected calibration error: by band, how far the mean score is from the share that is right, weighed by size."""
    bands = _bands(judged)
    n = sum(len(band) for _, _, band, _, _ in bands)
    if not n:
        return Figure(name=name, value=None, n=0, note="nothing found")
    return Figure(name=name, value=sum(len(band) * abs(score - right) for _, _, band, score, right in bands) / n, n=n)


def keywords(file: str) -> dict[str, tuple[str, ...]]:
    """Return the words of a baseline (`sets/<file>`), by label."""
    book = tomllib.loads((files("eval") / "sets" / file).read_text(encoding="utf-8"))
    return {label: tuple(listed) for label, listed in book.items()}


def said_by_words(text: str, words: Mapping[str, Sequence[str]], *, rest: str | None = None) -> frozenset[str]:
    """Return the labels with a word in the text; `rest` where there is none."""
    found = frozenset(label for label, listed in words.items() if any(word in text for word in listed))
    return found or (frozenset({rest}) if rest else found)


def _bands(judged: Sequence[Judged]) -> list[tuple[float, float, list[tuple[float, bool]], float, float]]:
    pairs = [(signal.score, signal.label in row.wanted) for row in judged for signal in row.found]
    bands = []
    for low, high in pairwise(_BINS):
        band = [(score, right) for score, right in pairs if low <= score < high]
        if band:
            score = sum(value for value, _ in band) / len(band)
            bands.append((low, high, band, score, sum(hit for _, hit in band) / len(band)))
    return bands


def _by_label(
    judged: Sequence[Judged], found: Sequence[frozenset[str]], labels: Sequence[str]
) -> dict[str, list[Counts]]:
    return {
        label: [
            Counts(
                hits=label in row.wanted and label in said,
                false_alarms=label in said and label not in row.wanted,
                misses=label in row.wanted and label not in said,
            )
            for row, said in zip(judged, found, strict=True)
        ]
        for label in labels
    }
