"""Training of the halves that heads share; each head has its own command (`python -m signals.train_intents` …)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signals.grams import BITS, Grams
from signals.heads import Features, HalfWeights, Halves

TAXONOMY = "2026.11"
"""Version of the label sets."""
FOLDS = 5
_DENSE_STRENGTH, _SPARSE_STRENGTH = 30.0, 4.0
_FEWEST_TEXTS = 2
"""An n-gram seen in fewer texts than this carries no weight."""


def fit_halves(features: Features, targets: NDArray[np.bool_]) -> HalfWeights:
    """Fit both halves.

    Args:
        features: Of n utterances.
        targets: bool (n, L).
    """
    size = np.sqrt(features.dense.shape[1])
    mean, spread = features.dense.mean(axis=0), (features.dense.std(axis=0) + 1e-4) * size
    dense, dense_bias = _logistic((features.dense - mean) / spread, targets, _DENSE_STRENGTH)
    dense = dense / spread[:, None]
    buckets, rarity = _vocabulary(features)
    sparse, sparse_bias = _logistic(_word_matrix(features, buckets, rarity), targets, _SPARSE_STRENGTH)
    return HalfWeights(
        dense=dense.astype(np.float16),
        dense_bias=(dense_bias - mean @ dense).astype(np.float32),
        buckets=buckets,
        rarity=rarity.astype(np.float16),
        sparse=sparse.astype(np.float16),
        sparse_bias=sparse_bias.astype(np.float32),
    )


def out_of_fold(features: Features, targets: NDArray[np.bool_], families: Sequence[str]) -> NDArray[np.float32]:
    """Return both halves' logits, float32 (n, 2, L), each row by halves that never saw its family."""
    logits = np.zeros((len(targets), 2, targets.shape[1]), np.float32)
    folds = np.array([fold_of(family) for family in families])
    for fold in range(FOLDS):
        out = folds == fold
        halves = Halves(fit_halves(_take(features, ~out), targets[~out]))
        logits[out] = halves.logits(_take(features, out))
    return logits


def fold_of(family: str) -> int:
    """Return the cross-validation fold of a family; unrelated to the test split."""
    return int(hashlib.sha256(f"fold {family}".encode()).hexdigest(), 16) % FOLDS


def _logistic(matrix: Any, targets: NDArray[np.bool_], strength: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """One-vs-rest logistic regressions; coefficients (features, L) and offsets (L,)."""
    from sklearn.linear_model import LogisticRegression

    columns, offsets = [], []
    for column in targets.T:
        model = LogisticRegression(C=strength, solver="liblinear", class_weight={True: 2.0, False: 1.0}, random_state=0)
        model.fit(matrix, column)
        columns.append(model.coef_[0])
        offsets.append(model.intercept_[0])
    return np.stack(columns, axis=1), np.array(offsets)


def _vocabulary(features: Features) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    used = np.concatenate([features.words.buckets, features.context.buckets])
    counts = np.bincount(used, minlength=1 << BITS)
    buckets = np.flatnonzero(counts >= _FEWEST_TEXTS)
    rarity = np.log((1 + len(features.need)) / (1 + counts[buckets])) + 1.0
    return buckets, rarity


def _word_matrix(features: Features, buckets: NDArray[np.int64], rarity: NDArray[np.float64]) -> Any:
    """The n-gram matrix (n, k) that makes the sparse half at training what `Head` computes later."""
    from scipy.sparse import csr_matrix

    n = len(features.need)
    total = csr_matrix((n, len(buckets)))
    for found, weight in ((features.words, np.ones(n)), (features.context, 2.0 * features.need)):
        column = np.searchsorted(buckets, found.buckets)
        known = column < len(buckets)
        known[known] = buckets[column[known]] == found.buckets[known]
        values, rows = rarity[column[known]], found.rows[known]
        norms = np.sqrt(np.bincount(rows, values**2, minlength=n))
        scaled = values / np.maximum(norms, 1e-9)[rows] * weight[rows]
        total = total + csr_matrix((scaled, (rows, column[known])), shape=total.shape)
    return total


def _take(features: Features, kept: NDArray[np.bool_]) -> Features:
    def pick(found: Grams) -> Grams:
        stays = kept[found.rows]
        lengths = np.bincount(found.rows, minlength=len(kept))[kept]
        return Grams(found.buckets[stays], np.concatenate([[0], np.cumsum(lengths)[:-1]]))

    return Features(features.dense[kept], pick(features.words), pick(features.context), features.need[kept])
