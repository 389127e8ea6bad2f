"""Among nearly equal hypotheses of unclear sound, the one whose words people say.

A telephone takes away what tells 四 from 是; the recogniser's first hypothesis is then often no better than its
fourth. Names that may be said count as words, so that they are not talked out of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from language.script import as_read, simplified
from speech.audio import RATE, Samples
from speech.phrases import log_probability

WEIGHT = 0.15
"""Of a character's mean log-probability as words beside the recogniser's own (development set of
`docs/adr/0021-telephone-speech.md`, where 0.07 to 0.4 serve equally)."""

_NAME = -9.0
_LEAST_LENGTH, _MOST_LENGTH = 0.9, 1.1
_ABOVE_HZ, _QUIET_DB = 4200, -40.0
_OTHER = re.compile(r"[^\u4e00-\u9fff]+")


def is_narrow(samples: Samples) -> bool:
    """Whether a sound ends at 4 kHz, whatever its file's rate says; silence does not count.

    Above 4.2 kHz speech in wide band has -13 to -20 dB of its power, speech that came by 8,000 samples a second -48 to
    -63 dB (12 windows of read speech each way).
    """
    power = np.square(np.abs(np.fft.rfft(samples)))
    total = float(power.sum())
    above = float(power[round(_ABOVE_HZ * len(samples) / RATE) :].sum())
    return total > 0 and above < total * 10 ** (_QUIET_DB / 10)


def likeliest(hypotheses: Sequence[tuple[str, float]], *, names: Sequence[str] = ()) -> int:
    """Return the index of the hypothesis to keep.

    Args:
        hypotheses: Text and the recogniser's mean log-probability, best first; at least one.
        names: What may be said besides common words.
    """
    length = len(_characters(hypotheses[0][0]))  # what leaves words out, or says some twice, is no reading of the same
    worth = [
        score + WEIGHT * _commonness(text, names) if index == 0 or _is_alike(text, length) else -np.inf
        for index, (text, score) in enumerate(hypotheses)
    ]
    return int(np.argmax(worth))


def _commonness(text: str, names: Sequence[str]) -> float:
    """Mean log-probability of a character, in words as the dictionary has them."""
    read = as_read(simplified(text))
    length, total = len(_characters(read)), 0.0
    for name in sorted(filter(None, names), key=len, reverse=True):
        total += _NAME * read.count(name)
        read = read.replace(name, " ")
    total += sum(log_probability(part) for part in _OTHER.split(read) if part)
    return total / max(1, length)


def _is_alike(text: str, length: int) -> bool:
    return _LEAST_LENGTH * length <= len(_characters(text)) <= _MOST_LENGTH * length


def _characters(text: str) -> str:
    return _OTHER.sub("", as_read(simplified(text)))
