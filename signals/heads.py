"""Light heads over the frozen encoder: utterances in, one calibrated score per label out. Numpy only.

A head adds two logistic models per label, one over the encoder's vectors (what is meant) and one
over hashed character n-grams (how it is worded), and maps their sum to a probability that was
calibrated on rows which neither model was fitted to. `signals.train` writes what this module reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from domain.errors import IntegrityError, MissingError
from language.sentences import Span
from signals.grams import BITS, Grams, grams
from signals.pipeline import Reading

_CONTEXT_SALT = 7919
_CONTEXT_SHARES = (0.7, 0.3)
"""How the previous turn and the one before it are mixed."""
_SHORT = 8.0
"""Length in characters at which what was said before weighs half; a long turn speaks for itself."""


@dataclass(frozen=True, slots=True)
class Said:
    """An earlier turn: who spoke and what."""

    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class Utterance:
    """What a head reads: a turn and the up to two turns before it, oldest first."""

    text: str
    speaker: str = "customer"
    before: tuple[Said, ...] = ()


Encode = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to L2-normalised vectors, float32 (n, d)."""


@dataclass(frozen=True, slots=True)
class Features:
    """What the two halves of a head see of n utterances.

    Attributes:
        dense: float32 (n, 2 d): the turn's vector, then what was said before, weighed by need.
        words: n-grams of the turns.
        context: n-grams of the turn just before each (empty text where there is none).
        need: float32 (n,) in (0, 1]: how much a turn leans on what was said before.
    """

    dense: NDArray[np.float32]
    words: Grams
    context: Grams
    need: NDArray[np.float32]


def featurize(utterances: Sequence[Utterance], encode: Encode) -> Features:
    """Compute the features of utterances; each distinct text is encoded once."""
    distinct = list(dict.fromkeys(text for item in utterances for text in _texts(item)))
    vectors = encode(distinct)  # (texts, d)
    place = {text: number for number, text in enumerate(distinct)}
    own = vectors[[place[item.text] for item in utterances]]  # (n, d)
    earlier = np.zeros_like(own)
    for row, item in enumerate(utterances):
        for share, said in zip(_CONTEXT_SHARES, reversed(item.before), strict=False):
            earlier[row] += share * vectors[place[said.text]]
    need = np.array([1.0 / (1.0 + len(item.text) / _SHORT) for item in utterances], dtype=np.float32)
    return Features(
        dense=np.hstack([own, 2.0 * need[:, None] * earlier]).astype(np.float32),
        words=grams([item.text for item in utterances]),
        context=grams([item.before[-1].text if item.before else "" for item in utterances], salt=_CONTEXT_SALT),
        need=need,
    )


def _texts(item: Utterance) -> tuple[str, ...]:
    return (item.text, *(said.text for said in item.before))


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadWeights:
    """The numbers of a head for L labels; what is in its `.npz`.

    Attributes:
        dense: float16 (2 d, L); `dense_bias` float32 (L,).
        buckets: int64 (k,), the n-gram buckets that carry weight; `rarity` float16 (k,), their
            inverse document frequency; `sparse` float16 (k, L); `sparse_bias` float32 (L,).
        fusion: float32 (3, L): factor of the dense logit, factor of the sparse logit, offset.
        thresholds: float32 (L,), the calibrated score from which a label is asserted.
    """

    dense: NDArray[np.float16]
    dense_bias: NDArray[np.float32]
    buckets: NDArray[np.int64]
    rarity: NDArray[np.float16]
    sparse: NDArray[np.float16]
    sparse_bias: NDArray[np.float32]
    fusion: NDArray[np.float32]
    thresholds: NDArray[np.float32]


class Head:
    """A trained head. Pure: the same utterances give the same scores.

    Attributes:
        labels: The taxonomy, in the order of the score columns.
        version: Changes whenever the weights do.
        encoder: Fingerprint of the encoder it was trained on.
    """

    def __init__(self, weights: HeadWeights, *, labels: Sequence[str], version: str, encoder: str) -> None:
        self.labels = tuple(labels)
        self.version = version
        self.encoder = encoder
        self.thresholds = weights.thresholds
        self._fusion = weights.fusion
        self._dense = weights.dense.astype(np.float32)
        self._dense_bias = weights.dense_bias
        self._sparse_bias = weights.sparse_bias
        # One row more than there are weights: an unknown n-gram's row, all zero.
        self._sparse = np.vstack([weights.sparse.astype(np.float32), np.zeros((1, len(self.labels)), np.float32)])
        self._rarity = np.append(weights.rarity.astype(np.float32), np.float32(0))
        self._row = np.full(1 << BITS, len(weights.buckets), dtype=np.int64)
        self._row[weights.buckets] = np.arange(len(weights.buckets))

    def score(self, features: Features) -> NDArray[np.float32]:
        """Return calibrated probabilities, float32 (n, labels)."""
        dense = features.dense @ self._dense + self._dense_bias
        sparse = self._wording(features) + self._sparse_bias
        logit = self._fusion[0] * dense + self._fusion[1] * sparse + self._fusion[2]
        result: NDArray[np.float32] = (1.0 / (1.0 + np.exp(-logit))).astype(np.float32)
        return result

    def score_turns(self, reading: Reading, places: Sequence[int]) -> NDArray[np.float32]:
        """Score the turns at `places` of a reading, float32 (places, labels).

        Raises:
            IntegrityError: The reading's encoder is not the one this head was trained on.
            MissingError: The reading has no encoder.
        """
        if reading.encoder.fingerprint != self.encoder:
            raise IntegrityError("signals.other_encoder", head=self.version)
        if not places:
            return np.zeros((0, len(self.labels)), dtype=np.float32)
        return self.score(featurize([utterance_at(reading, place) for place in places], encode_from(reading)))

    def carrying(self, text: str, spans: Sequence[Span], label: str) -> int:
        """Return which of `spans` of `text` speaks most for `label` by its wording; the first of equals."""
        column = self.labels.index(label)
        values = self._wording_of(grams([span.text for span in spans]))[:, column]
        return int(np.argmax(values))

    def _wording(self, features: Features) -> NDArray[np.float32]:
        return self._wording_of(features.words) + 2.0 * features.need[:, None] * self._wording_of(features.context)

    def _wording_of(self, found: Grams) -> NDArray[np.float32]:
        rows = self._row[found.buckets]
        values = self._rarity[rows]
        norms = np.sqrt(np.add.reduceat(values * values, found.starts))
        sums = np.add.reduceat(values[:, None] * self._sparse[rows], found.starts)
        result: NDArray[np.float32] = (sums / np.maximum(norms, 1e-9)[:, None]).astype(np.float32)
        return result


def utterance_at(reading: Reading, place: int) -> Utterance:
    """Return turn `place` with the two turns before it."""
    turn = reading.turns[place]
    before = tuple(Said(earlier.speaker, earlier.text) for earlier in reading.before(place))
    return Utterance(turn.text, turn.speaker, before)


def encode_from(reading: Reading) -> Encode:
    """Return an `Encode` that looks turns up in the reading's one batch instead of encoding again."""
    vectors = reading.vectors
    place = {turn.text: number for number, turn in enumerate(reading.turns)}
    return lambda texts: vectors[[place[text] for text in texts]]


@cache
def load_head(name: str) -> Head:
    """Load `weights/<name>.npz` with its manifest.

    Raises:
        MissingError: There is no such head; `python -m signals.train` makes it.
    """
    folder = files("signals") / "weights"
    manifest, arrays = folder / f"{name}.json", folder / f"{name}.npz"
    if not (manifest.is_file() and arrays.is_file()):
        raise MissingError("signals.no_head", head=name)
    about = json.loads(manifest.read_text(encoding="utf-8"))
    with arrays.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        weights = HeadWeights(**{key: stored[key] for key in stored.files})
    return Head(weights, labels=about["labels"], version=about["version"], encoder=about["encoder"])
