"""Names of the lexicon that the recogniser wrote with other characters are put right; precision comes first.

A stretch that sounds like a name becomes the name only if the name explains it better: a noisy-channel score
weighs how common the words as written are (a common phrase is left alone), how far the sounds are apart,
and how sure the recogniser was of the characters that would change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log

from language.script import Edit
from speech.near_names import NameIndex, NearName
from speech.phrases import log_probability
from speech.timed_text import TimedCharacter, TimedText, plain

_CONTEXT = 4
_LEAST_PROBABILITY = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionWeights:
    """Weights of the score, in nats.

    Attributes:
        name: Log-probability of a name as a word.
        shared: Whether that is the probability of all names together, shared evenly: in a long lexicon
            something always sounds alike, so each of its names asks for more evidence.
        words: Weight of the gain in log-probability of the words.
        sound: Cost of one wholly different syllable.
        doubt: Weight of the recogniser's own doubt about the characters that change.
        mark: Cost of a mark inside the stretch: names are said in one breath.
        threshold: What a correction must be worth.
    """

    name: float
    shared: bool
    words: float = 0.5
    sound: float = 10.0
    doubt: float = 1.0
    mark: float = 4.0
    threshold: float = 1.0


NAME_WEIGHTS = CorrectionWeights(name=-7.6, shared=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A stretch that may be a name, at offsets of the text with its marks, and what the change is worth."""

    start: int
    end: int
    near: NearName
    score: float


class NameCorrector:
    """Puts names right wherever they are said.

    Args:
        forms: The names in every form they are said in; a form that was said stays that form.
        weights: Chosen on real speech; `zhanqing eval hotwords` measures recovery and false changes.
    """

    def __init__(self, forms: Iterable[str], *, weights: CorrectionWeights = NAME_WEIGHTS) -> None:
        self._index = NameIndex(forms)
        self._weights = weights
        self._name = weights.name - (log(max(1, len(self._index.forms))) if weights.shared else 0.0)

    @property
    def forms(self) -> tuple[str, ...]:
        """The names that are looked for."""
        return self._index.forms

    def edits(self, text: TimedText, *, keep: Sequence[str] = ()) -> list[Edit]:
        """Return the changes that are worth it, in order and without overlaps.

        Args:
            text: As recognised.
            keep: Other names, which must not be touched where they are written.
        """
        taken: list[Candidate] = []
        for candidate in sorted(self.candidates(text, keep=keep), key=lambda candidate: -candidate.score):
            if candidate.score < self._weights.threshold:
                break
            if all(candidate.end <= other.start or other.end <= candidate.start for other in taken):
                taken.append(candidate)
        return [Edit(start=one.start, end=one.end, text=one.near.form) for one in sorted(taken, key=lambda c: c.start)]

    def candidates(self, text: TimedText, *, keep: Sequence[str] = ()) -> list[Candidate]:
        """Return every stretch that sounds like a name, scored; a stretch that touches a written name is none."""
        places = [index for index, character in enumerate(text) if not character.is_mark]
        spoken = [text[index] for index in places]
        said = plain(spoken)
        written = _written_names(said, (*self._index.forms, *keep))
        return [
            Candidate(
                start=places[near.start],
                end=places[near.end - 1] + 1,
                near=near,
                score=self._score(said, spoken, near)
                - self._weights.mark * (places[near.end - 1] - places[near.start] + 1 - (near.end - near.start)),
            )
            for near in self._index.near(said)
            if not any(start < near.end and near.start < end for start, end in written)
        ]

    def _score(self, said: str, spoken: Sequence[TimedCharacter], near: NearName) -> float:
        left = said[max(0, near.start - _CONTEXT) : near.start]
        right = said[near.end : near.end + _CONTEXT]
        as_written = log_probability(left + said[near.start : near.end] + right)
        as_name = log_probability(left) + self._name + log_probability(right)
        doubt = sum(-log(max(_LEAST_PROBABILITY, one.probability)) for one in _changed(spoken, near))
        return (
            self._weights.words * (as_name - as_written)
            - self._weights.sound * near.distance
            + self._weights.doubt * doubt
        )


def _changed(spoken: Sequence[TimedCharacter], near: NearName) -> list[TimedCharacter]:
    """The characters that would not stay; all of them where the lengths differ."""
    old = spoken[near.start : near.end]
    if len(old) != len(near.form):
        return list(old)
    return [character for character, wanted in zip(old, near.form, strict=True) if character.text != wanted]


def _written_names(said: str, forms: Sequence[str]) -> list[tuple[int, int]]:
    spans = []
    for form in forms:
        at = said.find(form)
        while at >= 0:
            spans.append((at, at + len(form)))
            at = said.find(form, at + 1)
    return spans
