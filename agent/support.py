"""How well quotes support a sentence, as one calibrated number.

Clause by clause: the share of the clause's character pairs (quantities as one token, whatever way they
are written) that the evidence has, and the closest evidence clause by meaning. A logistic model turns the
weakest and the mean clause into a probability; its weights and the threshold are data, fitted by
`eval.grounding` on labelled pairs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

import numpy as np
import structlog
from numpy.typing import NDArray

from agent.phrasing import stated
from agent.questions import same_meaning
from agent.vectors import Vectors
from agent.wording import same_form, without_ties
from language.quantities import Quantity, quantities
from language.sentences import clauses, sentences
from language.tagging import tagged

log = structlog.get_logger(__name__)

_CONTENT_TAGS = "nvaijlzx"
_PAIR = 2
_ACROSS_WORDS = 0.4
_FILLERS = frozenset(
    "的了是在有和与就也都还而及着把被给对从向到为以您你我们他它这那个吧呢吗啊呀嘛哦会要可能之其所时则该并由得才"
)
FEATURES = (
    "weakest_overlap",
    "mean_overlap",
    "weakest_meaning",
    "mean_meaning",
    "overlap_of_all",
    "nouns_missing",
    "words_missing",
    "weakest_characters",
    "mean_characters",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportModel:
    """Logistic weights over `FEATURES` and the threshold that was chosen with them.

    Attributes:
        encoder: Fingerprint of the encoder the meaning features came from; empty if fitted without one.
    """

    weights: tuple[float, ...]
    bias: float
    threshold: float
    encoder: str


class SupportScorer:
    """Scores sentences against their evidence.

    Args:
        vectors: Meaning; without it, or from another encoder than the shipped weights were fitted with, only the
            overlap counts, with its own weights.
        model: Weights; by default the shipped ones.

    Raises:
        ValueError: The given weights were fitted with another encoder.
    """

    def __init__(self, vectors: Vectors | None = None, *, model: SupportModel | None = None) -> None:
        if model is not None and model.encoder and (vectors is None or model.encoder != vectors.fingerprint):
            raise ValueError("these weights were fitted with another encoder")
        self._vectors = vectors if vectors is not None and (model or _fits(vectors)) else None
        self._model = model or shipped_model("overlap" if self._vectors is None else "overlap_and_meaning")

    @property
    def threshold(self) -> float:
        """Scores below it are not support."""
        return self._model.threshold

    def score(self, claim: str, quotes: Sequence[str], said_by_place: Sequence[str] = ()) -> float:
        """Return the probability in [0, 1] that the quotes together support the claim.

        Args:
            said_by_place: Words that citing these places already says (负责销售, 客户规模).
        """
        values = self.features(claim, quotes, said_by_place)
        total = self._model.bias + float(np.dot(values, np.asarray(self._model.weights)))
        return 1.0 / (1.0 + float(np.exp(-total)))

    def features(self, claim: str, quotes: Sequence[str], said_by_place: Sequence[str] = ()) -> NDArray[np.float64]:
        """Return the feature values, float64 (len(FEATURES),)."""
        claim, quotes = _compared(stated(claim)), [_compared(quote) for quote in quotes]
        pieces = [clause.text for clause in clauses(claim)] or [claim]
        known = frozenset().union(*(tokens(quote) for quote in quotes), *(tokens(word) for word in said_by_place))
        seen = frozenset().union(*(_characters(quote) for quote in (*quotes, *said_by_place)))
        covered = [_covered(piece, seen) for piece in pieces]
        overlaps = [_share(piece, known) for piece in pieces]
        lengths = np.array([len(piece) for piece in pieces], dtype=np.float64)
        meanings = self._meanings(pieces, overlaps, quotes)
        everything = _share("，".join(pieces), known)
        return np.array(
            [
                min(overlaps),
                float(np.average(overlaps, weights=lengths)),
                min(meanings),
                float(np.average(meanings, weights=lengths)),
                everything,
                *_missing(claim, [*quotes, *said_by_place]),
                min(covered),
                float(np.average(covered, weights=lengths)),
            ]
        )

    def _meanings(self, pieces: Sequence[str], overlaps: Sequence[float], quotes: Sequence[str]) -> list[float]:
        if self._vectors is None:
            return [0.0] * len(pieces)
        doubtful = [piece for piece, overlap in zip(pieces, overlaps, strict=True) if overlap < 1.0]
        if not doubtful:
            return [1.0] * len(pieces)
        evidence = [part for quote in quotes for part in _parts(quote)]
        similar = self._vectors.of(doubtful) @ self._vectors.of(evidence).T  # (doubtful, parts)
        best = dict(zip(doubtful, similar.max(axis=1).tolist(), strict=True))
        return [best.get(piece, 1.0) for piece in pieces]


def _fits(vectors: Vectors) -> bool:
    """Whether the shipped weights were fitted with these vectors; another encoder's cosines lie elsewhere."""
    wanted = shipped_model("overlap_and_meaning").encoder
    if vectors.fingerprint != wanted:
        log.warning("support.other_encoder", wanted=wanted, found=vectors.fingerprint)
    return vectors.fingerprint == wanted


@cache
def shipped_model(name: str) -> SupportModel:
    """Load the fitted weights `overlap` or `overlap_and_meaning`."""
    table: Mapping[str, Mapping[str, object]] = json.loads(
        (files("agent") / "support.json").read_text(encoding="utf-8")
    )
    row = table[name]
    weights = row["weights"]
    assert isinstance(weights, list)  # noqa: S101  # our own file
    return SupportModel(
        weights=tuple(float(weight) for weight in weights),
        bias=float(str(row["bias"])),
        threshold=float(str(row["threshold"])),
        encoder=str(row["encoder"]),
    )


@lru_cache(maxsize=16384)
def tokens(text: str) -> frozenset[str]:
    """Return character pairs of a text without fillers, and one token per quantity by its value."""
    found = quantities(text)
    plain = list(text.lower())
    for quantity in found:
        plain[quantity.start : quantity.end] = " " * (quantity.end - quantity.start)
    runs = re.findall(r"[a-z0-9]+|[一-鿿]+", "".join(" " if char in _FILLERS else char for char in plain))
    pairs = {pair for run in runs for pair in _pairs(run)}
    return frozenset(pairs | {_quantity_token(quantity) for quantity in found if not quantity.is_article})


def _missing(claim: str, evidence: Sequence[str]) -> tuple[float, float]:
    """Return how many nouns, and how many other words, of the claim the evidence says in no form; at most 3 each."""
    known = " ".join(evidence)
    words = [word for word in tagged(claim) if len(word.text) > 1 and word.tag[0] in _CONTENT_TAGS]
    strange = [word for word in words if not _said(word.text, known)]
    nouns = sum(word.tag[0] == "n" or not word.is_known for word in strange)
    return float(min(3, nouns)), float(min(3, len(strange) - nouns))


def _said(word: str, known: str) -> bool:
    """Whether the evidence has the word, one that means the same, all its characters close by, or its value."""
    if any(other in known for other in same_meaning(word)) or quantities(word):
        return True
    return len(word) > 2 and any(word[at : at + 2] in known for at in range(len(word) - 1))


def _compared(text: str) -> str:
    return without_ties(same_form(text))


@lru_cache(maxsize=16384)
def _characters(text: str) -> frozenset[str]:
    """Return the characters of a text that say something; numbers are compared elsewhere, by value."""
    plain = list(text.lower())
    for quantity in quantities(text):
        plain[quantity.start : quantity.end] = " " * (quantity.end - quantity.start)
    return frozenset(char for char in plain if char.isalnum() and char not in _FILLERS)


def _covered(text: str, seen: frozenset[str]) -> float:
    wanted = _characters(text)
    return len(wanted & seen) / len(wanted) if wanted else 1.0


def _pairs(run: str) -> set[str]:
    if run.isascii() or len(run) < 2:
        return {run}
    return {run[at : at + 2] for at in range(len(run) - 1)}


def _quantity_token(quantity: Quantity) -> str:
    if quantity.words:
        return "+".join(sorted(quantity.words))
    low, high = (None if end is None else end.normalize() for end in (quantity.low, quantity.high))
    return f"{quantity.dimension}:{low}:{high}:{quantity.unit}"


def _share(text: str, known: frozenset[str]) -> float:
    """Return the weighed share of a text's tokens that are known; pairs across two words weigh less."""
    wanted = tokens(text)
    inside = _pairs_inside_words(text)
    weights = {token: 1.0 if token in inside or len(token) != _PAIR else _ACROSS_WORDS for token in wanted}
    total = sum(weights.values())
    return sum(weight for token, weight in weights.items() if token in known) / total if total else 1.0


@lru_cache(maxsize=16384)
def _pairs_inside_words(text: str) -> frozenset[str]:
    lowered = [word.text.lower() for word in tagged(text)]
    return frozenset(word[at : at + _PAIR] for word in lowered for at in range(len(word) - 1))


@lru_cache(maxsize=4096)
def _parts(quote: str) -> tuple[str, ...]:
    whole = [sentence.text for sentence in sentences(quote)]
    pieces = [clause.text for sentence in whole for clause in clauses(sentence)]
    return tuple(dict.fromkeys([*whole, *pieces]))
