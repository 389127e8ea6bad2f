"""A linear model over hashed character n-grams, as it is stored: a weight a bucket and an output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signals.grams import Grams


@dataclass(frozen=True, slots=True)
class WordTable:
    """Weights of the n-grams that carry any.

    Attributes:
        buckets: int64 (k,), ascending.
        rarity: float32 (k,), inverse document frequency in the training texts.
        weights: float32 (k, L).
    """

    buckets: NDArray[np.int64]
    rarity: NDArray[np.float32]
    weights: NDArray[np.float32]

    def sums(self, found: Grams) -> NDArray[np.float32]:
        """Return each text's logits without bias, float32 (n, L): its n-grams by rarity, scaled to unit length."""
        if not len(found.starts) or not len(self.buckets):
            return np.zeros((len(found.starts), self.weights.shape[1]), np.float32)
        place = np.minimum(np.searchsorted(self.buckets, found.buckets), len(self.buckets) - 1)
        known = self.buckets[place] == found.buckets
        values = np.where(known, self.rarity[place], np.float32(0))  # (m,)
        norms = np.sqrt(np.add.reduceat(values * values, found.starts))
        sums = np.add.reduceat(values[:, None] * self.weights[place], found.starts)
        result: NDArray[np.float32] = (sums / np.maximum(norms, 1e-9)[:, None]).astype(np.float32)
        return result
