"""The n-gram side of training: which n-grams carry weight, and the matrix of texts that `WordTable` computes later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signals.grams import BITS, Grams, grams

FEWEST_TEXTS = 4
"""An n-gram seen in fewer texts than this carries no weight."""


def vocabulary(found: Grams) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the buckets to keep, int64 (k,), with their inverse document frequency, float64 (k,)."""
    counts = np.bincount(found.buckets, minlength=1 << BITS)
    buckets = np.flatnonzero(counts >= FEWEST_TEXTS)
    return buckets, np.log((1 + len(found.starts)) / (1 + counts[buckets])) + 1.0


def word_matrix(texts: Sequence[str], buckets: NDArray[np.int64], rarity: NDArray[np.float64]) -> Any:
    """Return the sparse matrix (n, k) whose product with weights (k, L) is `WordTable.sums`."""
    from scipy.sparse import csr_matrix

    found = grams(texts)
    column = np.searchsorted(buckets, found.buckets)
    known = column < len(buckets)
    known[known] = buckets[column[known]] == found.buckets[known]
    values, rows = rarity[column[known]], found.rows[known]
    norms = np.sqrt(np.bincount(rows, values**2, minlength=len(texts)))
    scaled = values / np.maximum(norms, 1e-9)[rows]
    return csr_matrix((scaled, (rows, column[known])), shape=(len(texts), len(buckets)))
