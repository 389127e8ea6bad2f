"""Training of the rep act head on `corpora/rep_acts`, utterances written for this project.

`python -m signals.train_rep_acts ENCODER_FOLDER` rewrites `weights/rep_acts.*`, the same numbers every time.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from language.encoder import OnnxEncoder
from signals.act_corpus import ActRow, read_act_rows
from signals.act_head import ActWeights, ReadTurn, clause_logits, fused_features
from signals.act_wording import ACTS
from signals.corpus import corpus_folder, corpus_hash
from signals.grams import grams
from signals.heads import Encode
from signals.pipeline import TextEncoder
from signals.train import FOLDS, TAXONOMY, fold_of
from signals.word_table import WordTable
from signals.word_training import vocabulary, word_matrix

_DENSE_STRENGTH, _WORD_STRENGTH, _FUSION_STRENGTH = 30.0, 4.0, 1.0
_THRESHOLD = 0.45
"""One threshold for all acts. Choosing each act's own by its F1 was worse on families not seen: macro-F1 0.885 for
0.895, hard negatives 0.84 for 0.88."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Training rows as arrays: vectors float32 (n, d), targets (n, L), clause targets (clauses, L) and their turns."""

    turns: tuple[ReadTurn, ...]
    vectors: NDArray[np.float32]
    targets: NDArray[np.bool_]
    clause_targets: NDArray[np.bool_]
    clause_turns: NDArray[np.int64]

    def where(self, kept: NDArray[np.bool_]) -> _Known:
        turns = tuple(turn for turn, keep in zip(self.turns, kept, strict=True) if keep)
        inside = kept[self.clause_turns]
        places = np.cumsum(kept) - 1
        return _Known(
            turns,
            self.vectors[kept],
            self.targets[kept],
            self.clause_targets[inside],
            places[self.clause_turns[inside]],
        )


@dataclass(frozen=True, slots=True)
class _Models:
    """The three models before the fusion; logits of n turns are float32 (n, L)."""

    dense: NDArray[np.float64]
    dense_bias: NDArray[np.float32]
    turn: WordTable
    turn_bias: NDArray[np.float32]
    clause: WordTable
    clause_bias: NDArray[np.float32]

    def features(self, known: _Known) -> NDArray[np.float32]:
        """Return what the fusion sees of rows, float32 (n, F, L)."""
        dense = (known.vectors @ self.dense + self.dense_bias).astype(np.float32)
        words = self.turn.sums(grams([turn.text for turn in known.turns])) + self.turn_bias
        best = np.stack([one.max(axis=0) for one in clause_logits(known.turns, self.clause, self.clause_bias)])
        return fused_features(dense, words, best, known.turns)


def fit_acts(rows: Sequence[ActRow], encode: Encode) -> ActWeights:
    """Train the head.

    The models are fitted on all rows; the fusion on what each row got from models that never saw its family.
    """
    known = _known(rows, encode)
    folds = np.array([fold_of(row.family) for row in rows])
    features = out_of_fold(known, folds)
    fusion, bias = _fuse(features, known.targets)
    models = _fit_models(known)
    return ActWeights(
        dense=models.dense.astype(np.float16),
        dense_bias=models.dense_bias,
        turn_buckets=models.turn.buckets,
        turn_rarity=models.turn.rarity.astype(np.float16),
        turn_words=models.turn.weights.astype(np.float16),
        turn_bias=models.turn_bias,
        clause_buckets=models.clause.buckets,
        clause_rarity=models.clause.rarity.astype(np.float16),
        clause_words=models.clause.weights.astype(np.float16),
        clause_bias=models.clause_bias,
        fusion=fusion.astype(np.float32),
        fusion_bias=bias.astype(np.float32),
        thresholds=np.full(len(ACTS), _THRESHOLD, np.float32),
    )


def out_of_fold(known: _Known, folds: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the fusion's features (n, F, L), each row by models that never saw its family."""
    parts = {}
    for fold in range(FOLDS):
        out = folds == fold
        parts[fold] = _fit_models(known.where(~out)).features(known.where(out))
    features = np.zeros((len(folds), *parts[0].shape[1:]), np.float32)
    for fold, part in parts.items():
        features[folds == fold] = part
    return features


def _known(rows: Sequence[ActRow], encode: Encode) -> _Known:
    turns = tuple(ReadTurn.of(row.text) for row in rows)
    covered = [row.covers(clause) for row, turn in zip(rows, turns, strict=True) for clause in turn.clauses]
    return _Known(
        turns,
        encode([row.text for row in rows]),
        np.array([[act in row.acts for act in ACTS] for row in rows]),
        np.array([[act in acts for act in ACTS] for acts in covered]),
        np.repeat(np.arange(len(turns)), [len(turn.clauses) for turn in turns]),
    )


def _fit_models(known: _Known) -> _Models:
    mean, spread = known.vectors.mean(axis=0), (known.vectors.std(axis=0) + 1e-4) * np.sqrt(known.vectors.shape[1])
    dense, dense_bias = _logistic((known.vectors - mean) / spread, known.targets, _DENSE_STRENGTH)
    dense = dense / spread[:, None]
    turn, turn_bias = _fit_words([turn.text for turn in known.turns], known.targets)
    texts = [clause.text for turn in known.turns for clause in turn.clauses]
    clause, clause_bias = _fit_words(texts, known.clause_targets)
    return _Models(dense, (dense_bias - mean @ dense).astype(np.float32), turn, turn_bias, clause, clause_bias)


def _fit_words(texts: Sequence[str], targets: NDArray[np.bool_]) -> tuple[WordTable, NDArray[np.float32]]:
    buckets, rarity = vocabulary(grams(texts))
    weights, bias = _logistic(word_matrix(texts, buckets, rarity), targets, _WORD_STRENGTH)
    return WordTable(buckets, rarity.astype(np.float32), weights.astype(np.float32)), bias.astype(np.float32)


def _logistic(matrix: Any, targets: NDArray[np.bool_], strength: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """One-vs-rest logistic regressions; coefficients (features, L) and offsets (L,)."""
    from sklearn.linear_model import LogisticRegression

    make = partial(LogisticRegression, C=strength, solver="liblinear", class_weight={True: 2.0, False: 1.0})
    models = [make(random_state=0).fit(matrix, column) for column in targets.T]
    return np.stack([model.coef_[0] for model in models], axis=1), np.array([model.intercept_[0] for model in models])


def _fuse(features: NDArray[np.float32], targets: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Fit the fusion; coefficients (F, L) and offsets (L,). Unweighted, so that scores are probabilities."""
    from sklearn.linear_model import LogisticRegression

    models = [
        LogisticRegression(C=_FUSION_STRENGTH, max_iter=2000).fit(features[:, :, place], column)
        for place, column in enumerate(targets.T)
    ]
    return np.stack([model.coef_[0] for model in models], axis=1), np.array([model.intercept_[0] for model in models])


def write_acts(folder: Path, weights: ActWeights, *, encoder: str, corpus: str) -> None:
    """Write `rep_acts.npz` and its manifest."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **{item.name: getattr(weights, item.name) for item in fields(weights)})
    digest = hashlib.sha256(stream.getvalue()).hexdigest()
    manifest = {
        "head": "rep_acts",
        "version": f"{TAXONOMY}+{digest[:8]}",
        "taxonomy": TAXONOMY,
        "labels": [str(act) for act in ACTS],
        "encoder": encoder,
        "corpus": corpus,
        "trained_on": "utterances written for this project only",
        "weights": f"sha256:{digest}",
    }
    folder.mkdir(exist_ok=True)
    (folder / "rep_acts.npz").write_bytes(stream.getvalue())
    (folder / "rep_acts.json").write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def train_acts(encoder: TextEncoder, folder: Path) -> None:
    """Train from the corpus of this package and write into `folder`."""
    corpus = corpus_folder("rep_acts")
    weights = fit_acts(read_act_rows(corpus), lambda texts: encoder.encode(texts, prefix="query"))
    write_acts(folder, weights, encoder=encoder.fingerprint, corpus=corpus_hash(corpus))


if __name__ == "__main__":
    train_acts(OnnxEncoder(Path(sys.argv[1])), Path(__file__).parent / "weights")
