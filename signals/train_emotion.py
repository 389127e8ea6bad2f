"""Training of the emotion head on `corpora/emotion`, utterances written for this project and nothing else.

`python -m signals.train_emotion ENCODER_FOLDER` rewrites `weights/emotion.*`, the same numbers every time.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.signals import Emotion
from language.encoder import OnnxEncoder
from signals.corpus import Row, corpus_folder, corpus_hash, read_rows
from signals.emotion_cues import cue_features
from signals.emotion_head import DIRECTIONS, EMOTIONS, EmotionHead, EmotionWeights, softmax
from signals.grams import grams
from signals.heads import Encode
from signals.pipeline import TextEncoder
from signals.train import FOLDS, TAXONOMY, fold_of
from signals.word_training import vocabulary, word_matrix

_STRENGTH = 1.0
_CUE_SCALE = 0.3
"""Cues count this much of a standardised direction of the encoder; measured by cross-validation on own rows."""
_TEMPERATURES = np.arange(0.3, 1.55, 0.05)
_DIRECTION = {
    Emotion.POSITIVE: 1,
    Emotion.SATISFIED: 1,
    Emotion.NEUTRAL: 0,
    Emotion.HESITANT: 0,
    Emotion.WORRIED: -1,
    Emotion.UNHAPPY: -1,
    Emotion.ANGRY: -1,
}


def direction_of(emotion: Emotion) -> int:
    """Return which way an emotion's valence points; hesitation is about zero."""
    return _DIRECTION[emotion]


@dataclass(frozen=True, slots=True)
class _Texts:
    """Training texts as arrays: vectors float32 (n, d), cues float32 (n, CUES), emotion and direction places (n,)."""

    texts: tuple[str, ...]
    vectors: NDArray[np.float32]
    cues: NDArray[np.float32]
    emotions: NDArray[np.int64]
    directions: NDArray[np.int64]

    def where(self, kept: NDArray[np.bool_]) -> _Texts:
        texts = tuple(text for text, keep in zip(self.texts, kept, strict=True) if keep)
        return _Texts(texts, self.vectors[kept], self.cues[kept], self.emotions[kept], self.directions[kept])


def fit_emotion(rows: Sequence[Row], encode: Encode) -> EmotionWeights:
    """Train the head; temperatures are fitted on rows whose family the model had not seen.

    Args:
        rows: One label each, at least `FOLDS` families with every emotion.
        encode: The frozen encoder.
    """
    labels = [Emotion(next(iter(row.labels))) for row in rows]
    texts = tuple(row.utterance.text for row in rows)
    known = _Texts(
        texts,
        encode(texts),
        cue_features(texts),
        np.array([EMOTIONS.index(label) for label in labels]),
        np.array([DIRECTIONS.index(direction_of(label)) for label in labels]),
    )
    temperatures = _temperatures(known, [row.family for row in rows])
    return _fit(known, temperatures)


def _fit(known: _Texts, temperatures: NDArray[np.float32]) -> EmotionWeights:
    from scipy.sparse import csr_matrix, hstack

    mean, spread = known.vectors.mean(axis=0), (known.vectors.std(axis=0) + 1e-4) * np.sqrt(known.vectors.shape[1])
    buckets, rarity = vocabulary(grams(known.texts))
    meaning = csr_matrix(np.hstack([(known.vectors - mean) / spread, known.cues * _CUE_SCALE]))
    matrix = hstack([meaning, word_matrix(known.texts, buckets, rarity)]).tocsr()
    columns, offsets = zip(
        *(_softmax_fit(matrix, places) for places in (known.emotions, known.directions)), strict=True
    )
    weights = np.vstack(columns).T  # (features, L)
    d, c = known.vectors.shape[1], known.cues.shape[1]
    dense = weights[:d] / spread[:, None]
    return EmotionWeights(
        dense=dense.astype(np.float16),
        cues=(weights[d : d + c] * _CUE_SCALE).astype(np.float32),
        buckets=buckets,
        rarity=rarity.astype(np.float16),
        sparse=weights[d + c :].astype(np.float16),
        bias=(np.concatenate(offsets) - mean @ dense).astype(np.float32),
        temperatures=temperatures,
    )


def _softmax_fit(matrix: Any, places: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """One multinomial regression with balanced classes; coefficients (classes, features), offsets (classes,)."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=1000, tol=1e-6).fit(matrix, places)
    return model.coef_, model.intercept_


def _temperatures(known: _Texts, families: Sequence[str]) -> NDArray[np.float32]:
    """Return the two temperatures of the least out-of-fold log loss, float32 (2,)."""
    folds = np.array([fold_of(family) for family in families])
    emotions, directions = (np.zeros((len(folds), size), np.float32) for size in (len(EMOTIONS), len(DIRECTIONS)))
    for fold in range(FOLDS):
        out = folds == fold
        head = EmotionHead(_fit(known.where(~out), np.ones(2, np.float32)), version="fold", encoder="")
        unseen = known.where(out)
        scores = head.score(unseen.vectors, unseen.texts)
        emotions[out], directions[out] = np.log(scores.emotions), np.log(scores.directions)
    best = [_best_temperature(emotions, known.emotions), _best_temperature(directions, known.directions)]
    return np.array(best, np.float32)


def _best_temperature(logs: NDArray[np.float32], places: NDArray[np.int64]) -> float:
    rows = np.arange(len(places))
    losses = [-np.log(softmax(logs / np.float32(t))[rows, places] + 1e-9).mean() for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def write_emotion(folder: Path, weights: EmotionWeights, *, encoder: str, corpus: str) -> None:
    """Write `emotion.npz` and its manifest."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **{item.name: getattr(weights, item.name) for item in fields(weights)})
    digest = hashlib.sha256(stream.getvalue()).hexdigest()
    manifest = {
        "head": "emotion",
        "version": f"{TAXONOMY}+{digest[:8]}",
        "taxonomy": TAXONOMY,
        "labels": [str(emotion) for emotion in EMOTIONS],
        "encoder": encoder,
        "corpus": corpus,
        "trained_on": "utterances written for this project only",
        "weights": f"sha256:{digest}",
    }
    folder.mkdir(exist_ok=True)
    (folder / "emotion.npz").write_bytes(stream.getvalue())
    (folder / "emotion.json").write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def train_emotion(encoder: TextEncoder, folder: Path) -> None:
    """Train from the corpus of this package and write into `folder`."""
    corpus = corpus_folder("emotion")
    rows = read_rows(corpus, labels=EMOTIONS)
    weights = fit_emotion(rows, lambda texts: encoder.encode(texts, prefix="query"))
    write_emotion(folder, weights, encoder=encoder.fingerprint, corpus=corpus_hash(corpus))


if __name__ == "__main__":
    train_emotion(OnnxEncoder(Path(sys.argv[1])), Path(__file__).parent / "weights")
