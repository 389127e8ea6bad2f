"""Training of the intent head on `corpora/intents`, utterances written for this project.

`python -m signals.train_intents ENCODER_FOLDER` rewrites `weights/intents.*`, the same numbers every time.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from language.encoder import OnnxEncoder
from signals.corpus import Row, corpus_folder, corpus_hash, read_rows
from signals.heads import Encode
from signals.intent_head import IntentWeights, ReadCustomer, featurize_turns, fused_features
from signals.intent_wording import LABELS
from signals.pipeline import TextEncoder
from signals.train import TAXONOMY, fit_halves, out_of_fold

_STRENGTH = 1.0
"""Of the fusion; 0.1 and 10 were a point of macro-F1 worse in cross-validation."""
_HARD = 2.5
"""What a hard negative weighs in the fusion; in cross-validation 0.84 of them are right for 0.80, macro-F1 the same."""
_MARKS = re.compile("[，。！？!?,~～…、]")


def fit_intents(rows: Sequence[Row], encode: Encode) -> IntentWeights:
    """Train the head: the halves on all rows, the fusion on what each row got from halves that never saw its family.

    Half of the rows with marks are read a second time without, as a recogniser writes them.
    """
    rows = [*rows, *unmarked(rows)]
    turns = [ReadCustomer.of(row.utterance) for row in rows]
    targets = np.array([[label in row.labels for label in LABELS] for row in rows])
    features = featurize_turns(turns, encode)
    logits = out_of_fold(features, targets, [row.family for row in rows])
    weights = np.array([_HARD if row.hard else 1.0 for row in rows])
    fusion, bias = _fuse(fused_features(logits, turns), targets, weights)
    halves = fit_halves(features, targets)
    return IntentWeights(
        **{field.name: getattr(halves, field.name) for field in fields(halves)},
        fusion=fusion.astype(np.float32),
        fusion_bias=bias.astype(np.float32),
    )


def unmarked(rows: Sequence[Row]) -> list[Row]:
    """Return every other row that has marks (by a hash of its text) without them."""
    return [
        replace(row, utterance=replace(row.utterance, text=_MARKS.sub("", row.utterance.text)))
        for row in rows
        if _MARKS.search(row.utterance.text) and hashlib.sha256(row.utterance.text.encode()).digest()[0] % 2 == 0
    ]


def _fuse(
    features: NDArray[np.float32], targets: NDArray[np.bool_], weights: NDArray[np.float64]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Fit the fusion; coefficients (F, L) and offsets (L,). No label is weighed, so that scores are probabilities."""
    from sklearn.linear_model import LogisticRegression

    models = [
        LogisticRegression(C=_STRENGTH, max_iter=500).fit(features[:, :, place], column, sample_weight=weights)
        for place, column in enumerate(targets.T)
    ]
    return np.stack([model.coef_[0] for model in models], axis=1), np.array([model.intercept_[0] for model in models])


def write_intents(folder: Path, weights: IntentWeights, *, encoder: str, corpus: str) -> None:
    """Write `intents.npz` and its manifest."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **{item.name: getattr(weights, item.name) for item in fields(weights)})
    digest = hashlib.sha256(stream.getvalue()).hexdigest()
    manifest = {
        "head": "intents",
        "version": f"{TAXONOMY}+{digest[:8]}",
        "taxonomy": TAXONOMY,
        "labels": [str(label) for label in LABELS],
        "encoder": encoder,
        "corpus": corpus,
        "trained_on": "utterances written for this project only",
        "weights": f"sha256:{digest}",
    }
    folder.mkdir(exist_ok=True)
    (folder / "intents.npz").write_bytes(stream.getvalue())
    (folder / "intents.json").write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def train_intents(encoder: TextEncoder, folder: Path) -> None:
    """Train from the corpus of this package and write into `folder`."""
    corpus = corpus_folder("intents")
    rows = read_rows(corpus, labels=tuple(map(str, LABELS)))
    weights = fit_intents(rows, lambda texts: encoder.encode(texts, prefix="query"))
    write_intents(folder, weights, encoder=encoder.fingerprint, corpus=corpus_hash(corpus))


if __name__ == "__main__":
    train_intents(OnnxEncoder(Path(sys.argv[1])), Path(__file__).parent / "weights")
