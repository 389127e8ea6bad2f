"""What the utterances of the corpus that lie nearest to a turn were labelled: one more witness beside the halves.

A linear model draws one border a label; a label's wordings lie in many small heaps. Vectors are compared after their
common part is taken out, in the directions in which utterances differ most. Numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEAREST = (8, 32)
"""How many neighbours are asked, a few and many."""
_WARMTH = 12.0
"""How much more the nearest counts: exp of this times the difference in cosine."""
_DOUBT = 0.02
_AT_ONCE = 256
"""Vectors asked about together; each takes a row of m cosines."""
_STEPS = 127.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Known utterances with their labels.

    Attributes:
        centre: float32 (d,), the mean of their vectors.
        axes: float16 (d, k), the directions that are kept.
        places: int8 (m, k), where each utterance lies, its longest coordinate 127.
        labels: bool (m, L).
    """

    centre: NDArray[np.float32]
    axes: NDArray[np.float16]
    places: NDArray[np.int8]
    labels: NDArray[np.bool_]


class Neighbours:
    """A memory, ready to ask. Pure: the same vectors give the same answer."""

    def __init__(self, memory: Memory) -> None:
        self._centre = memory.centre
        self._axes = memory.axes.astype(np.float32)
        self._places = _unit(memory.places.astype(np.float32))
        self._labels = memory.labels.astype(np.float32)

    def logits(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the logit of each label's share among the nearest utterances, float32 (n, 2, L).

        Args:
            vectors: float32 (n, d), the encoder's.
        """
        answers = [self._answer(vectors[at : at + _AT_ONCE]) for at in range(0, len(vectors), _AT_ONCE)]
        return np.concatenate(answers) if answers else np.zeros((0, len(NEAREST), self._labels.shape[1]), np.float32)

    def _answer(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        places = ((vectors - self._centre) @ self._axes).astype(np.float32)
        alike = _unit(places) @ self._places.T  # (n, m)
        most = min(max(NEAREST), alike.shape[1])
        nearest = np.argpartition(-alike, most - 1, axis=1)[:, :most]
        cosine = np.take_along_axis(alike, nearest, axis=1)  # (n, most)
        order = np.argsort(-cosine, axis=1)
        cosine, nearest = np.take_along_axis(cosine, order, axis=1), np.take_along_axis(nearest, order, axis=1)
        weight = np.exp((cosine - cosine[:, :1]) * _WARMTH)
        return np.stack([_share(weight[:, :few], self._labels[nearest[:, :few]]) for few in NEAREST], axis=1)


def _share(weight: NDArray[np.float32], labels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logit of each label's share, float32 (n, L), from weights (n, k) and labels (n, k, L)."""
    share = (weight[:, :, None] * labels).sum(axis=1) / weight.sum(axis=1)[:, None]
    logits: NDArray[np.float32] = np.log((share + _DOUBT) / (1.0 + _DOUBT - share)).astype(np.float32)
    return logits


def memorize(vectors: NDArray[np.float32], labels: NDArray[np.bool_], *, axes: int, evenness: float) -> Memory:
    """Make a memory of labelled utterances.

    Args:
        vectors: float32 (m, d), the encoder's.
        labels: bool (m, L).
        axes: How many directions to keep.
        evenness: 0 leaves the directions' spreads as they are, 0.5 makes them equal.
    """
    centre = vectors.mean(axis=0)
    spread, directions = np.linalg.eigh(np.cov((vectors - centre).T.astype(np.float64)))
    kept = np.argsort(-spread)[:axes]
    scaled = (directions[:, kept] / np.maximum(spread[kept], 1e-8) ** evenness).astype(np.float16)
    places = (vectors - centre) @ scaled.astype(np.float32)
    longest = np.maximum(np.abs(places).max(axis=1, keepdims=True), 1e-9)
    return Memory(
        centre=centre.astype(np.float32),
        axes=scaled,
        places=np.round(places / longest * _STEPS).astype(np.int8),
        labels=labels,
    )


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    result: NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return result
