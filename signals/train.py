"""Training of the heads: `python -m signals.train` rewrites `weights/` from `corpora/`, the same bytes every time."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signals.corpus import Row, corpus_folder, corpus_hash, read_rows
from signals.grams import BITS
from signals.heads import Encode, Features, Head, HeadWeights, featurize
from signals.pipeline import TextEncoder

TAXONOMY = "2026.11"
"""Version of the label sets."""
FOLDS = 5
_DENSE_C, _SPARSE_C = 1.0, 4.0
_FEWEST_TEXTS = 2
"""An n-gram seen in fewer texts than this carries no weight."""
_THRESHOLDS = np.arange(0.15, 0.86, 0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSpec:
    """A head to train: its name, which is also its corpus folder, and its labels."""

    name: str
    labels: tuple[str, ...]


def fit(rows: Sequence[Row], labels: Sequence[str], encode: Encode) -> HeadWeights:
    """Train a head.

    Both halves are fitted on all rows; the fusion and the thresholds are fitted on logits that
    each row got from halves trained without its family.

    Args:
        rows: At least `FOLDS` families with each label.
        encode: The frozen encoder.
    """
    features = featurize([row.utterance for row in rows], encode)
    targets = np.array([[label in row.labels for label in labels] for row in rows])  # (n, L)
    dense_out, sparse_out = _out_of_fold(features, targets, [row.family for row in rows])
    fusion = _fuse(dense_out, sparse_out, targets)
    scores = _squash(fusion[0] * dense_out + fusion[1] * sparse_out + fusion[2])
    halves = _fit_halves(features, targets)
    return HeadWeights(
        dense=halves.dense.astype(np.float16),
        dense_bias=halves.dense_bias,
        buckets=halves.buckets,
        rarity=halves.rarity.astype(np.float16),
        sparse=halves.sparse.astype(np.float16),
        sparse_bias=halves.sparse_bias,
        fusion=fusion.astype(np.float32),
        thresholds=best_thresholds(scores, targets),
    )


@dataclass(frozen=True, slots=True)
class _Halves:
    dense: NDArray[np.float64]
    dense_bias: NDArray[np.float32]
    buckets: NDArray[np.int64]
    rarity: NDArray[np.float64]
    sparse: NDArray[np.float64]
    sparse_bias: NDArray[np.float32]


def _fit_halves(features: Features, targets: NDArray[np.bool_]) -> _Halves:
    mean, spread = features.dense.mean(axis=0), features.dense.std(axis=0) + 1e-4
    standard = (features.dense - mean) / spread / np.sqrt(features.dense.shape[1])
    dense, dense_bias = _logistic(standard, targets, _DENSE_C * 30)
    dense = dense / (spread * np.sqrt(features.dense.shape[1]))[:, None]
    buckets, rarity = _vocabulary(features)
    table = _word_matrix(features, buckets, rarity)
    sparse, sparse_bias = _logistic(table, targets, _SPARSE_C)
    return _Halves(
        dense, (dense_bias - mean @ dense).astype(np.float32), buckets, rarity, sparse, sparse_bias.astype(np.float32)
    )


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


def _out_of_fold(
    features: Features, targets: NDArray[np.bool_], families: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logits (n, L) of both halves, each row by halves that never saw its family."""
    dense, sparse = np.zeros(targets.shape), np.zeros(targets.shape)
    for fold in range(FOLDS):
        out = np.array([fold_of(family) == fold for family in families])
        halves = _fit_halves(_take(features, ~out), targets[~out])
        dense[out] = features.dense[out] @ halves.dense + halves.dense_bias
        table = _word_matrix(_take(features, out), halves.buckets, halves.rarity)
        sparse[out] = table @ halves.sparse + halves.sparse_bias
    return dense, sparse


def fold_of(family: str) -> int:
    """Return the cross-validation fold of a family; unrelated to the test split."""
    return int(hashlib.sha256(f"fold {family}".encode()).hexdigest(), 16) % FOLDS


def _take(features: Features, kept: NDArray[np.bool_]) -> Features:
    from signals.grams import Grams

    def pick(found: Grams) -> Grams:
        stays = kept[found.rows]
        lengths = np.bincount(found.rows, minlength=len(kept))[kept]
        return Grams(found.buckets[stays], np.concatenate([[0], np.cumsum(lengths)[:-1]]))

    return Features(features.dense[kept], pick(features.words), pick(features.context), features.need[kept])


def _fuse(dense: NDArray[Any], sparse: NDArray[Any], targets: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Platt scaling of the two logits together, float64 (3, L)."""
    from sklearn.linear_model import LogisticRegression

    columns = []
    for number, column in enumerate(targets.T):
        logits = np.stack([dense[:, number], sparse[:, number]], axis=1)
        model = LogisticRegression(C=10.0).fit(logits, column)
        columns.append([*model.coef_[0], model.intercept_[0]])
    return np.array(columns).T


def _squash(logit: NDArray[Any]) -> NDArray[Any]:
    result: NDArray[Any] = 1.0 / (1.0 + np.exp(-logit))
    return result


def best_thresholds(scores: NDArray[Any], targets: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return each label's threshold of the best F1, float32 (L,); the middle one of equals."""
    chosen = []
    for score, truth in zip(scores.T, targets.T, strict=True):
        values = []
        for threshold in _THRESHOLDS:
            asserted = score >= threshold
            values.append(2 * (asserted & truth).sum() / max(asserted.sum() + truth.sum(), 1))
        best = np.flatnonzero(np.isclose(values, max(values)))
        chosen.append(_THRESHOLDS[best[len(best) // 2]])
    return np.array(chosen, dtype=np.float32)


def to_head(weights: HeadWeights, *, labels: Sequence[str], encoder: str) -> Head:
    """Wrap freshly trained weights as the head that inference uses."""
    return Head(weights, labels=labels, version=_version(_arrays(weights)), encoder=encoder)


def write_head(folder: Path, spec: HeadSpec, weights: HeadWeights, *, encoder: str, corpus: str) -> None:
    """Write `<name>.npz` and its manifest."""
    stored = _arrays(weights)
    manifest = {
        "head": spec.name,
        "version": _version(stored),
        "taxonomy": TAXONOMY,
        "labels": list(spec.labels),
        "encoder": encoder,
        "corpus": corpus,
        "weights": f"sha256:{hashlib.sha256(stored).hexdigest()}",
    }
    folder.mkdir(exist_ok=True)
    (folder / f"{spec.name}.npz").write_bytes(stored)
    text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    (folder / f"{spec.name}.json").write_text(text, encoding="utf-8")


def _arrays(weights: HeadWeights) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **{item.name: getattr(weights, item.name) for item in fields(weights)})
    return stream.getvalue()


def _version(stored: bytes) -> str:
    return f"{TAXONOMY}+{hashlib.sha256(stored).hexdigest()[:8]}"


def train(spec: HeadSpec, encoder: TextEncoder, folder: Path) -> None:
    """Train one head from its corpus and write it."""
    corpus = corpus_folder(spec.name)
    rows = read_rows(corpus, labels=spec.labels)
    weights = fit(rows, spec.labels, lambda texts: encoder.encode(texts, prefix="query"))
    write_head(folder, spec, weights, encoder=encoder.fingerprint, corpus=corpus_hash(corpus))
