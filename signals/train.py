"""Training of the halves that heads share; each head has its own command (`python -m signals.train_intents` …)."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signals.grams import BITS, Grams
from signals.heads import Features, HalfWeights, Halves

TAXONOMY = "2026.11"
"""Version of the label sets."""
FOLDS = 5
_DENSE_STRENGTH, _SPARSE_STRENGTH = 30.0, 4.0
_RIGHT_WEIGHT = 2.0
"""What a row that has the label weighs beside one that has not."""
_DESCENT_STEPS = 80
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
    dense, dense_bias = fit_together((features.dense - mean) / spread, targets, _DENSE_STRENGTH)
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


def out_of_fold(features: Features, targets: NDArray[np.bool_], folds: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return both halves' logits, float32 (n, 2, L), each row by halves that never saw its fold, int64 (n,)."""
    logits = np.zeros((len(targets), 2, targets.shape[1]), np.float32)
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
        model = LogisticRegression(
            C=strength, solver="liblinear", class_weight={True: _RIGHT_WEIGHT, False: 1.0}, random_state=0
        )
        model.fit(matrix, column)
        columns.append(model.coef_[0])
        offsets.append(model.intercept_[0])
    return np.stack(columns, axis=1), np.array(offsets)


def fit_together(
    matrix: NDArray[np.float32], targets: NDArray[np.bool_], strength: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Fit the regressions of `_logistic` on a dense matrix (n, d), all labels in one descent: a tenth of the time."""
    from scipy.optimize import minimize

    shape = (matrix.shape[1] + 1, targets.shape[1])
    matrix = np.ascontiguousarray(matrix, np.float32)
    signs = np.where(targets, 1.0, -1.0).astype(np.float32)
    costs = np.where(targets, _RIGHT_WEIGHT, 1.0).astype(np.float32) * np.float32(strength)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(shape).astype(np.float32)
        margins = (matrix @ weights[:-1] + weights[-1]) * signs  # (n, L)
        pull = -(costs * signs) / (1.0 + np.exp(np.clip(margins, -60.0, 60.0)))
        total = float((costs * np.logaddexp(0.0, -margins)).sum(dtype=np.float64))
        slope = np.vstack([matrix.T @ pull + weights[:-1], pull.sum(axis=0)[None]])
        return total + 0.5 * float((weights[:-1] ** 2).sum(dtype=np.float64)), slope.ravel().astype(np.float64)

    options = {"maxiter": _DESCENT_STEPS, "ftol": 1e-7}
    found = minimize(loss, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B", options=options)
    weights = found.x.reshape(shape)
    return weights[:-1], weights[-1]


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
