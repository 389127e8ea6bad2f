"""The two linear halves of a head that reads a turn with what was said before it. Numpy only.

One logistic model per label reads the encoder's vectors (what is meant), another hashed character n-grams (how it is
worded). `signals.train` fits them; a head fuses their logits with what it knows besides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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

    @property
    def own(self) -> NDArray[np.float32]:
        """The turns' own vectors, float32 (n, d)."""
        return self.dense[:, : self.dense.shape[1] // 2]


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
class HalfWeights:
    """The numbers of both halves for L labels.

    Attributes:
        dense: float16 (2 d, L); `dense_bias` float32 (L,).
        buckets: int64 (k,), the n-gram buckets that carry weight; `rarity` float16 (k,), their
            inverse document frequency; `sparse` float16 (k, L); `sparse_bias` float32 (L,).
    """

    dense: NDArray[np.float16]
    dense_bias: NDArray[np.float32]
    buckets: NDArray[np.int64]
    rarity: NDArray[np.float16]
    sparse: NDArray[np.float16]
    sparse_bias: NDArray[np.float32]


class Halves:
    """Both halves, ready to score. Pure: the same features give the same logits."""

    def __init__(self, weights: HalfWeights) -> None:
        self._dense = weights.dense.astype(np.float32)
        self._dense_bias = weights.dense_bias
        self._sparse_bias = weights.sparse_bias
        # One row more than there are weights: an unknown n-gram's row, all zero.
        empty = np.zeros((1, self._dense.shape[1]), np.float32)
        self._sparse = np.vstack([weights.sparse.astype(np.float32), empty])
        self._rarity = np.append(weights.rarity.astype(np.float32), np.float32(0))
        self._row = np.full(1 << BITS, len(weights.buckets), dtype=np.int64)
        self._row[weights.buckets] = np.arange(len(weights.buckets))

    def logits(self, features: Features) -> NDArray[np.float32]:
        """Return the dense and the sparse logits, float32 (n, 2, L)."""
        dense = features.dense @ self._dense + self._dense_bias
        context = 2.0 * features.need[:, None] * self._wording_of(features.context)
        sparse = self._wording_of(features.words) + context + self._sparse_bias
        return np.stack([dense, sparse], axis=1).astype(np.float32)

    def wording(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return how much the wording of texts alone speaks for each label, float32 (n, L)."""
        return self._wording_of(grams(texts))

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
    """Return an `Encode` that looks turns up in the reading's one batch; other texts are encoded in one call."""
    vectors = reading.vectors
    place = {turn.text: number for number, turn in enumerate(reading.turns)}

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        new = [text for text in texts if text not in place]
        known = vectors[[place.get(text, 0) for text in texts]]
        if new:
            known[[text not in place for text in texts]] = reading.encoder.encode(new, prefix="query")
        return known

    return encode
