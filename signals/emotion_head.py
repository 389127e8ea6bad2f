"""The text head of emotion: one linear model over meaning, wording and cues. Numpy only.

It gives two answers at once, each calibrated by its own temperature: which of the seven emotions, and which way the
valence points. The direction has its own outputs because summing seven probabilities favours the side with more labels.
`signals.train_emotion` writes what this module reads.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from domain.errors import IntegrityError, MissingError
from domain.signals import Emotion
from signals.emotion_cues import cue_features
from signals.grams import grams
from signals.pipeline import Reading
from signals.word_table import WordTable

EMOTIONS = tuple(Emotion)
DIRECTIONS = (-1, 0, 1)
"""Negative, about zero, positive: the order of the direction outputs."""
OUTPUTS = len(EMOTIONS) + len(DIRECTIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmotionWeights:
    """What is in `weights/emotion.npz`; L = seven emotions, then three directions.

    Attributes:
        dense: float16 (d, L), over the turn's vector.
        cues: float32 (CUES, L), over `cue_features`.
        buckets, rarity, sparse: int64 (k,), float16 (k,), float16 (k, L), over character n-grams.
        bias: float32 (L,).
        temperatures: float32 (2,), of the emotions and of the directions.
    """

    dense: NDArray[np.float16]
    cues: NDArray[np.float32]
    buckets: NDArray[np.int64]
    rarity: NDArray[np.float16]
    sparse: NDArray[np.float16]
    bias: NDArray[np.float32]
    temperatures: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EmotionScores:
    """Probabilities of n turns: float32 (n, 7) over `EMOTIONS` and (n, 3) over `DIRECTIONS`; rows sum to 1."""

    emotions: NDArray[np.float32]
    directions: NDArray[np.float32]


class EmotionHead:
    """The trained head. Pure: the same vectors and texts give the same scores.

    Attributes:
        version: Changes whenever the weights do.
        encoder: Fingerprint of the encoder it was trained on.
    """

    def __init__(self, weights: EmotionWeights, *, version: str, encoder: str) -> None:
        self.version = version
        self.encoder = encoder
        self._dense = weights.dense.astype(np.float32)
        self._cues = weights.cues
        self._bias = weights.bias
        self._temperatures = weights.temperatures
        self._words = WordTable(weights.buckets, weights.rarity.astype(np.float32), weights.sparse.astype(np.float32))

    def score(self, vectors: NDArray[np.float32], texts: Sequence[str]) -> EmotionScores:
        """Score n texts with their vectors, float32 (n, d)."""
        logits = vectors @ self._dense + cue_features(texts) @ self._cues + self._bias  # (n, L)
        logits = logits + self._words.sums(grams(texts))
        split = len(EMOTIONS)
        return EmotionScores(
            softmax(logits[:, :split] / self._temperatures[0]), softmax(logits[:, split:] / self._temperatures[1])
        )

    def score_turns(self, reading: Reading) -> EmotionScores:
        """Score all turns of a reading from its shared vectors.

        Raises:
            IntegrityError: The reading's encoder is not the one this head was trained on.
            MissingError: The reading has no encoder.
        """
        if reading.encoder.fingerprint != self.encoder:
            raise IntegrityError("signals.other_encoder", head=self.version)
        return self.score(reading.vectors, [turn.text for turn in reading.turns])


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each row's softmax."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: NDArray[np.float32] = (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


@cache
def load_emotion_head() -> EmotionHead:
    """Load `weights/emotion.npz` with its manifest.

    Raises:
        MissingError: It is not there; `python -m signals.train_emotion` makes it.
        IntegrityError: The weights are not those of the manifest.
    """
    folder = files("signals") / "weights"
    manifest, arrays = folder / "emotion.json", folder / "emotion.npz"
    if not (manifest.is_file() and arrays.is_file()):
        raise MissingError("signals.no_head", head="emotion")
    about = json.loads(manifest.read_text(encoding="utf-8"))
    if about["weights"] != f"sha256:{hashlib.sha256(arrays.read_bytes()).hexdigest()}":
        raise IntegrityError("signals.other_weights", head="emotion")
    with arrays.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        weights = EmotionWeights(**{field.name: stored[field.name] for field in fields(EmotionWeights)})
    return EmotionHead(weights, version=about["version"], encoder=about["encoder"])
