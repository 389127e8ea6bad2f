"""The trained head of customer intents: meaning, wording, likeness and rules of a turn, fused into one score a label.

A turn is read without the clauses that only put a topic aside (`signals.set_aside`). Every label, 其他 among them, has
two logistic models (`signals.heads`) and the labels of the nearest known utterances (`signals.neighbours`); a last
model fuses their logits with what the rules saw. It was fitted on logits that each row got from models trained without
its family, and so was the curve that turns the score of an asserted intent into how often it is right. Numpy only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from domain.errors import IntegrityError, MissingError
from signals.heads import Encode, Features, HalfWeights, Halves, Utterance, encode_from, featurize, utterance_at
from signals.intent_wording import LABELS, IntentWording, read_wording, shape_of
from signals.neighbours import Memory, Neighbours
from signals.pipeline import Reading
from signals.set_aside import focus_of

LEAST = 0.6
"""An intent is asserted from this score."""
_REST = 0.75
"""其他 stands alone where it is at least so likely against the likeliest intent. Both were chosen by grouped
cross-validation on training families: macro-F1 0.830 and 0.846 of hard negatives right, 0.832 and 0.837 at 0.55 and
0.85."""
_OTHER = len(LABELS) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentWeights(HalfWeights):
    """What is in `weights/intents.npz`; L labels, F fused features (four logits, wording, shape, what was put aside).

    Attributes:
        fusion, fusion_bias: float32 (F, L), float32 (L,).
        calibration: float32 (2,): slope and offset on the logit of an asserted intent's score.
        centre, axes, places, known: The memory of `signals.neighbours`.
    """

    fusion: NDArray[np.float32]
    fusion_bias: NDArray[np.float32]
    calibration: NDArray[np.float32]
    centre: NDArray[np.float32]
    axes: NDArray[np.float16]
    places: NDArray[np.int8]
    known: NDArray[np.bool_]

    @property
    def memory(self) -> Memory:
        """The known utterances."""
        return Memory(centre=self.centre, axes=self.axes, places=self.places, labels=self.known)


@dataclass(frozen=True, slots=True)
class ReadCustomer:
    """A customer's turn as the head reads it.

    Attributes:
        said: The turn without what was put aside, with the turns before.
        wording: The rules' view of it.
        aside: float32 (2,): something was put aside, everything was.
    """

    said: Utterance
    wording: IntentWording
    aside: NDArray[np.float32]

    @staticmethod
    def of(said: Utterance) -> ReadCustomer:
        """Read a turn."""
        focus = focus_of(said.text)
        kept = replace(said, text=focus.text)
        aside = np.array([focus.is_cut, focus.is_all_aside], np.float32)
        return ReadCustomer(kept, read_wording(kept), aside)

    def hints(self) -> NDArray[np.float32]:
        """Return what rules and shape add to the fusion, float32 (F - 4, L)."""
        shape = np.concatenate([shape_of(self.said, self.wording.clauses), self.aside])
        return np.concatenate([self.wording.features, np.repeat(shape[:, None], len(LABELS), axis=1)])


class IntentHead:
    """The trained head. Pure: the same utterances give the same scores.

    Attributes:
        version: Changes whenever the weights do.
        encoder: Fingerprint of the encoder it was trained on.
    """

    def __init__(self, weights: IntentWeights, *, version: str, encoder: str) -> None:
        self.version = version
        self.encoder = encoder
        self.halves = Halves(weights)
        self._neighbours = Neighbours(weights.memory)
        self._fusion = weights.fusion
        self._fusion_bias = weights.fusion_bias
        self._calibration = weights.calibration

    def score(self, turns: Sequence[ReadCustomer], encode: Encode) -> NDArray[np.float32]:
        """Return scores that `decide` reads, float32 (n, L); `sureness` says what they are worth."""
        if not turns:
            return np.zeros((0, len(LABELS)), np.float32)
        seen = featurize_turns(turns, encode)
        evidence = np.concatenate([self.halves.logits(seen), self._neighbours.logits(seen.own)], axis=1)
        features = fused_features(evidence, turns)
        logits = np.einsum("nfl,fl->nl", features, self._fusion) + self._fusion_bias
        scores: NDArray[np.float32] = (1.0 / (1.0 + np.exp(-logits))).astype(np.float32)
        return scores

    def sureness(self, score: float) -> float:
        """Return how often an intent asserted at this score is right."""
        slope, offset = map(float, self._calibration)
        return float(1.0 / (1.0 + np.exp(-(slope * logit(score) + offset))))

    def score_turns(self, reading: Reading, turns: Sequence[ReadCustomer]) -> NDArray[np.float32]:
        """Score turns of a reading from its shared vectors.

        Raises:
            IntegrityError: The reading's encoder is not the one this head was trained on.
            MissingError: The reading has no encoder.
        """
        if reading.encoder.fingerprint != self.encoder:
            raise IntegrityError("signals.other_encoder", head="intents")
        return self.score(turns, encode_from(reading))


def read_customer(reading: Reading, place: int) -> ReadCustomer:
    """Read turn `place` of a reading."""
    return ReadCustomer.of(utterance_at(reading, place))


def featurize_turns(turns: Sequence[ReadCustomer], encode: Encode) -> Features:
    """Compute what the halves see of turns."""
    return featurize([turn.said for turn in turns], encode)


def fused_features(logits: NDArray[np.float32], turns: Sequence[ReadCustomer]) -> NDArray[np.float32]:
    """Return what the fusion sees, float32 (n, F, L): the models' logits (n, 4, L), then the hints."""
    return np.concatenate([logits, np.stack([turn.hints() for turn in turns])], axis=1)


def logit(score: float) -> float:
    """Return the log odds of a score, bounded."""
    bounded = min(max(score, 1e-6), 1.0 - 1e-6)
    return float(np.log(bounded / (1.0 - bounded)))


def decide(scores: NDArray[np.float32]) -> tuple[int, ...]:
    """Return the places of the labels that a turn's scores (L,) assert: 其他 alone, or at least one intent."""
    intents = scores[:_OTHER]
    likeliest = int(np.argmax(intents))
    if scores[_OTHER] > _REST * intents[likeliest]:
        return (_OTHER,)
    asserted = tuple(int(place) for place in np.flatnonzero(intents >= LEAST))
    return asserted or ((likeliest,) if intents[likeliest] >= scores[_OTHER] else (_OTHER,))


@cache
def load_intent_head() -> IntentHead:
    """Load `weights/intents.npz` with its manifest.

    Raises:
        MissingError: It is not there; `python -m signals.train_intents` makes it.
        IntegrityError: The weights are not those of the manifest.
    """
    folder = files("signals") / "weights"
    manifest, arrays = folder / "intents.json", folder / "intents.npz"
    if not (manifest.is_file() and arrays.is_file()):
        raise MissingError("signals.no_head", head="intents")
    about = json.loads(manifest.read_text(encoding="utf-8"))
    if about["weights"] != f"sha256:{hashlib.sha256(arrays.read_bytes()).hexdigest()}":
        raise IntegrityError("signals.other_weights", head="intents")
    if tuple(about["labels"]) != tuple(map(str, LABELS)):
        raise IntegrityError("signals.other_weights", head="intents")
    with arrays.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        weights = IntentWeights(**{field.name: stored[field.name] for field in fields(IntentWeights)})
    return IntentHead(weights, version=about["version"], encoder=about["encoder"])
