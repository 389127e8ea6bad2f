"""The trained head of rep acts: meaning, wording and rules of a turn, fused into one score an act. Numpy only.

Every act has three logistic models: over the turn's vector, over the turn's character n-grams, and over the n-grams of
its clauses (the best clause counts, exempt ones never). A last one fuses their logits with what the rules saw; it was
fitted on logits that each row got from models trained without its family. The turns before are left out: with them the
cross-validated macro-F1 was the same (0.850 and 0.850).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from domain.conversation import REP
from domain.errors import IntegrityError, MissingError
from domain.signals import RepAct
from language.sentences import Span
from signals.act_wording import ACTS, ActWording, clauses_of, read_wording, shape_of
from signals.grams import grams
from signals.pipeline import Reading
from signals.word_table import WordTable

NEVER = -6.0
"""The clause logit of an exempt clause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActWeights:
    """What is in `weights/rep_acts.npz`; L acts, F fused features (three logits, wording, shape).

    Attributes:
        dense, dense_bias: float16 (d, L), float32 (L,), over the turn's vector.
        turn_buckets, turn_rarity, turn_words, turn_bias: the n-gram model of turns (see `WordTable`).
        clause_buckets, clause_rarity, clause_words, clause_bias: the n-gram model of clauses.
        fusion, fusion_bias: float32 (F, L), float32 (L,).
        thresholds: float32 (L,), the score from which an act is asserted.
    """

    dense: NDArray[np.float16]
    dense_bias: NDArray[np.float32]
    turn_buckets: NDArray[np.int64]
    turn_rarity: NDArray[np.float16]
    turn_words: NDArray[np.float16]
    turn_bias: NDArray[np.float32]
    clause_buckets: NDArray[np.int64]
    clause_rarity: NDArray[np.float16]
    clause_words: NDArray[np.float16]
    clause_bias: NDArray[np.float32]
    fusion: NDArray[np.float32]
    fusion_bias: NDArray[np.float32]
    thresholds: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ReadTurn:
    """A turn with its clauses and, for each act, its wording."""

    text: str
    clauses: tuple[Span, ...]
    wordings: tuple[ActWording, ...]

    @staticmethod
    def of(text: str) -> ReadTurn:
        """Read a turn for all acts."""
        return ReadTurn(text, clauses_of(text), tuple(read_wording(text, act) for act in ACTS))

    def hints(self) -> NDArray[np.float32]:
        """Return what the rules and the shape add to the fusion, float32 (F - 3, L)."""
        shape = shape_of(self.text)
        return np.stack([np.concatenate([wording.features, shape]) for wording in self.wordings], axis=1)


@dataclass(frozen=True, slots=True)
class ActScores:
    """Scores of n turns, float32 (n, L), and of every turn's clauses, each float32 (clauses, L)."""

    acts: NDArray[np.float32]
    clauses: tuple[NDArray[np.float32], ...]


class ActHead:
    """The trained head. Pure: the same vectors and texts give the same scores.

    Attributes:
        version: Changes whenever the weights do.
        encoder: Fingerprint of the encoder it was trained on.
        thresholds: float32 (L,).
    """

    def __init__(self, weights: ActWeights, *, version: str, encoder: str) -> None:
        self.version = version
        self.encoder = encoder
        self.thresholds = weights.thresholds
        self._dense = weights.dense.astype(np.float32)
        self._dense_bias = weights.dense_bias
        self._turn_words = _table(weights.turn_buckets, weights.turn_rarity, weights.turn_words)
        self._turn_bias = weights.turn_bias
        self._clause_words = _table(weights.clause_buckets, weights.clause_rarity, weights.clause_words)
        self._clause_bias = weights.clause_bias
        self._fusion = weights.fusion
        self._fusion_bias = weights.fusion_bias

    def score(self, vectors: NDArray[np.float32], turns: Sequence[ReadTurn]) -> ActScores:
        """Score n turns with their vectors, float32 (n, d)."""
        if not turns:
            return ActScores(np.zeros((0, len(ACTS)), np.float32), ())
        dense = vectors @ self._dense + self._dense_bias  # (n, L)
        words = self._turn_words.sums(grams([turn.text for turn in turns])) + self._turn_bias
        clauses = clause_logits(turns, self._clause_words, self._clause_bias)
        best = np.stack([logits.max(axis=0) for logits in clauses])  # (n, L)
        features = fused_features(dense, words, best, turns)  # (n, F, L)
        logits = np.einsum("nfl,fl->nl", features, self._fusion) + self._fusion_bias
        return ActScores((1.0 / (1.0 + np.exp(-logits))).astype(np.float32), clauses)

    def score_turns(self, reading: Reading, places: Sequence[int], turns: Sequence[ReadTurn]) -> ActScores:
        """Score the turns at `places` of a reading from its shared vectors.

        Raises:
            IntegrityError: The reading's encoder is not the one this head was trained on.
            MissingError: The reading has no encoder.
        """
        if reading.encoder.fingerprint != self.encoder:
            raise IntegrityError("signals.other_encoder", head=self.version)
        return self.score(reading.vectors[list(places)], turns)


@dataclass(frozen=True, slots=True)
class RepTurns:
    """The rep's turns of a reading: their places, as read, and their scores."""

    places: tuple[int, ...]
    turns: tuple[ReadTurn, ...]
    scores: ActScores


_held: WeakKeyDictionary[Reading, dict[str, RepTurns]] = WeakKeyDictionary()


def rep_turns(reading: Reading, head: ActHead) -> RepTurns:
    """Return the rep's turns with their scores; computed once a reading and head, since several detectors ask.

    Raises:
        IntegrityError: The reading's encoder is not the one the head was trained on.
        MissingError: The reading has no encoder.
    """
    held = _held.setdefault(reading, {})
    if head.version not in held:
        spoken = enumerate(reading.turns)
        places = tuple(place for place, turn in spoken if turn.speaker == REP and turn.text.strip())
        turns = tuple(ReadTurn.of(reading.turns[place].text) for place in places)
        held[head.version] = RepTurns(places, turns, head.score_turns(reading, places, turns))
    return held[head.version]


def clause_logits(
    turns: Sequence[ReadTurn], words: WordTable, bias: NDArray[np.float32]
) -> tuple[NDArray[np.float32], ...]:
    """Return each turn's clause logits, float32 (clauses, L); an exempt clause has `NEVER` for its act."""
    sizes = [len(turn.clauses) for turn in turns]
    logits = words.sums(grams([clause.text for turn in turns for clause in turn.clauses])) + bias
    exempt = np.array(
        [[word.exempt[place] for word in turn.wordings] for turn in turns for place in range(len(turn.clauses))]
    )
    logits = np.where(exempt, np.float32(NEVER), logits)
    return tuple(np.split(logits, np.cumsum(sizes)[:-1]))


def fused_features(
    dense: NDArray[np.float32], words: NDArray[np.float32], best: NDArray[np.float32], turns: Sequence[ReadTurn]
) -> NDArray[np.float32]:
    """Return what the fusion sees, float32 (n, F, L): the three logits, then the rules' and the shape's hints."""
    logits = np.stack([dense, words, np.maximum(best, NEVER)], axis=1)  # (n, 3, L)
    hints = np.stack([turn.hints() for turn in turns])  # (n, F - 3, L)
    return np.concatenate([logits, hints], axis=1)


def _table(buckets: NDArray[np.int64], rarity: NDArray[np.float16], weights: NDArray[np.float16]) -> WordTable:
    return WordTable(buckets, rarity.astype(np.float32), weights.astype(np.float32))


@cache
def load_act_head() -> ActHead:
    """Load `weights/rep_acts.npz` with its manifest.

    Raises:
        MissingError: It is not there; `python -m signals.train_rep_acts` makes it.
        IntegrityError: The weights are not those of the manifest.
    """
    folder = files("signals") / "weights"
    manifest, arrays = folder / "rep_acts.json", folder / "rep_acts.npz"
    if not (manifest.is_file() and arrays.is_file()):
        raise MissingError("signals.no_head", head="rep_acts")
    about = json.loads(manifest.read_text(encoding="utf-8"))
    if about["weights"] != f"sha256:{hashlib.sha256(arrays.read_bytes()).hexdigest()}":
        raise IntegrityError("signals.other_weights", head="rep_acts")
    if tuple(about["labels"]) != tuple(map(str, RepAct)):
        raise IntegrityError("signals.other_weights", head="rep_acts")
    with arrays.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        weights = ActWeights(**{field.name: stored[field.name] for field in fields(ActWeights)})
    return ActHead(weights, version=about["version"], encoder=about["encoder"])
