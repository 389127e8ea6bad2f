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
from signals.intent_head import IntentWeights, ReadCustomer, decide, featurize_turns, fused_features, logit
from signals.intent_wording import LABELS
from signals.neighbours import NEAREST, Memory, Neighbours, memorize
from signals.pipeline import TextEncoder
from signals.train import FOLDS, TAXONOMY, fit_halves, fold_of, out_of_fold

_STRENGTH = 1.0
"""Of the fusion; 0.1 and 10 were a point of macro-F1 worse in cross-validation."""
_HARD = 4.0
"""What a hard negative weighs in the fusion; in cross-validation 0.87 of them are right for 0.85 at 2.5."""
_AXES, _EVENNESS = 128, 0.25
"""Of the memory."""
_MARKS = re.compile("[，。！？!?,~～…、]")


def fit_intents(rows: Sequence[Row], encode: Encode) -> IntentWeights:
    """Train the head: the models on all rows, the fusion on what each row got from models that never saw its family.

    Half of the rows with marks are read a second time without, as a recogniser writes them; only the first reading is
    remembered.
    """
    written = np.arange(len(rows) + len(unmarked(rows))) < len(rows)
    rows = [*rows, *unmarked(rows)]
    turns = [ReadCustomer.of(row.utterance) for row in rows]
    targets = np.array([[label in row.labels for label in LABELS] for row in rows])
    seen = featurize_turns(turns, encode)
    folds = np.array([fold_of(row.family) for row in rows])
    evidence = [out_of_fold(seen, targets, folds), recalled_out_of_fold(seen.own, targets, folds, written)]
    features = fused_features(np.concatenate(evidence, axis=1), turns)
    weights = np.array([_HARD if row.hard else 1.0 for row in rows])
    fusion, bias = _fuse(features, targets, weights)
    halves, memory = fit_halves(seen, targets), _remembered(seen.own[written], targets[written])
    return IntentWeights(
        **{field.name: getattr(halves, field.name) for field in fields(halves)},
        fusion=fusion.astype(np.float32),
        fusion_bias=bias.astype(np.float32),
        calibration=_calibrated(features, targets, weights, folds),
        centre=memory.centre,
        axes=memory.axes,
        places=memory.places,
        known=memory.labels,
    )


def recalled_out_of_fold(
    own: NDArray[np.float32], targets: NDArray[np.bool_], folds: NDArray[np.int64], written: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return what neighbours of other families say of each row, float32 (n, 2, L); only `written` rows are asked."""
    logits = np.zeros((len(own), len(NEAREST), targets.shape[1]), np.float32)
    for fold in range(FOLDS):
        out = folds == fold
        asked = written & ~out
        logits[out] = Neighbours(_remembered(own[asked], targets[asked])).logits(own[out])
    return logits


def _remembered(own: NDArray[np.float32], targets: NDArray[np.bool_]) -> Memory:
    return memorize(own, targets, axes=min(_AXES, own.shape[1]), evenness=_EVENNESS)


def _calibrated(
    features: NDArray[np.float32],
    targets: NDArray[np.bool_],
    weights: NDArray[np.float64],
    folds: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Fit slope and offset of sureness on what a fusion asserts of rows that it was not fitted on (Platt)."""
    from sklearn.linear_model import LogisticRegression

    odds, right = [], []
    for fold in range(FOLDS):
        out = folds == fold
        fusion, bias = _fuse(features[~out], targets[~out], weights[~out])
        scores = 1.0 / (1.0 + np.exp(-(np.einsum("nfl,fl->nl", features[out], fusion) + bias)))
        for row, wanted in zip(scores, targets[out], strict=True):
            odds += [logit(float(row[place])) for place in decide(row)]
            right += [bool(wanted[place]) for place in decide(row)]
    model = LogisticRegression(C=1e6).fit(np.array(odds)[:, None], right)
    return np.array([model.coef_[0, 0], model.intercept_[0]], np.float32)


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
