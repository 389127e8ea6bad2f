"""One emotion a turn: what the words say, moved a little by how they were said. A cue, never a fact about a person."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.conversation import Prosody
from domain.signals import Emotion, Signal, SignalKind
from signals.emotion_head import EMOTIONS, EmotionHead, load_emotion_head
from signals.pipeline import Reading, observe
from signals.rulebook import section

_BOOK = "emotion"
_TOWARDS = {
    -1: (Emotion.WORRIED, Emotion.UNHAPPY, Emotion.ANGRY),
    0: (Emotion.NEUTRAL, Emotion.HESITANT),
    1: (Emotion.POSITIVE, Emotion.SATISFIED),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Feeling:
    """An emotion with its valence in [-1, 1] and its confidence in [0, 1]."""

    emotion: Emotion
    valence: float
    confidence: float


class EmotionDetector:
    """Exactly one `emotion` signal a turn, over the whole turn; none at all where it is switched off.

    Args:
        enabled: The switch. Off, no turn is scored and no signal is made anywhere.
        head: The trained text head; the shipped one when absent.
    """

    name = "emotion"

    def __init__(self, *, enabled: bool = True, head: EmotionHead | None = None) -> None:
        self._enabled = enabled
        self._head = head

    @property
    def head(self) -> EmotionHead:
        """The text head, loaded when first asked for."""
        return self._head or load_emotion_head()

    @property
    def version(self) -> str:
        """The head's version; a switched off detector says so."""
        return self.head.version if self._enabled else "off"

    def detect(self, reading: Reading) -> Iterable[Signal]:
        """Read every turn of every speaker."""
        if not self._enabled or not reading.turns:
            return
        scores = self.head.score_turns(reading)
        for turn, emotions, directions in zip(reading.turns, scores.emotions, scores.directions, strict=True):
            feeling = decide(emotions, directions, prosody=turn.prosody)
            yield observe(
                self,
                turn,
                kind=SignalKind.EMOTION,
                label=feeling.emotion,
                score=feeling.confidence,
                attributes={"valence": feeling.valence},
            )


def decide(
    emotions: NDArray[np.float32], directions: NDArray[np.float32], *, prosody: Prosody | None = None
) -> Feeling:
    """Choose the emotion: the likeliest direction, then the likeliest emotion of that direction.

    Args:
        emotions: Probabilities over `EMOTIONS`, float32 (7,).
        directions: Probabilities over `DIRECTIONS`, float32 (3,).
        prosody: How the turn sounded, where there is audio.
    """
    shifts = prosody_shifts(prosody)
    shares = _shifted({emotion: float(share) for emotion, share in zip(EMOTIONS, emotions, strict=True)}, shifts)
    weights = {
        towards: float(directions[place]) * _lift(shares, emotions, group)
        for place, (towards, group) in enumerate(_TOWARDS.items())
    }
    towards = max(weights, key=lambda key: weights[key])
    group = {emotion: shares[emotion] for emotion in _TOWARDS[towards]}
    emotion = max(group, key=lambda key: group[key])
    confidence = weights[towards] / sum(weights.values()) * group[emotion] / max(sum(group.values()), 1e-9)
    return Feeling(emotion=emotion, valence=valence_of(emotion, shares), confidence=round(confidence, 4))


def valence_of(emotion: Emotion, shares: dict[Emotion, float]) -> float:
    """Return the expected valence of all emotions, held inside the range of the one that is shown."""
    expected = math.fsum(share * _range(other)[1] for other, share in shares.items()) / math.fsum(shares.values())
    low, _, high = _range(emotion)
    return round(min(max(expected, low), high), 3)


def prosody_shifts(prosody: Prosody | None) -> dict[Emotion, float]:
    """Return what prosody adds to each emotion's log-odds; nothing where there is none."""
    if prosody is None:
        return {}
    relative = [prosody.relative_pitch, prosody.relative_energy, prosody.relative_rate]
    heard = [value for value in relative if value is not None]
    limit = float(section(_BOOK, "prosody.limit"))
    arousal = min(max(math.fsum(heard) / len(heard), -limit), limit) if heard else 0.0
    shifts = {emotion: arousal * float(section(_BOOK, f"prosody.{emotion}")) for emotion in EMOTIONS}
    if (prosody.pause_ms or 0) >= section(_BOOK, "pause.from_ms"):
        shifts[Emotion.HESITANT] += float(section(_BOOK, f"pause.{Emotion.HESITANT}"))
    return shifts


def _shifted(shares: dict[Emotion, float], shifts: dict[Emotion, float]) -> dict[Emotion, float]:
    moved = {emotion: share * math.exp(shifts.get(emotion, 0.0)) for emotion, share in shares.items()}
    total = math.fsum(moved.values())
    return {emotion: share / total for emotion, share in moved.items()}


def _lift(shares: dict[Emotion, float], before: NDArray[np.float32], group: tuple[Emotion, ...]) -> float:
    """How much prosody raised a direction's emotions together; 1 without prosody."""
    share = math.fsum(float(before[EMOTIONS.index(emotion)]) for emotion in group)
    return math.fsum(shares[emotion] for emotion in group) / max(share, 1e-9)


def _range(emotion: Emotion) -> tuple[float, float, float]:
    low, usual, high = section(_BOOK, f"valence.{emotion}")
    return float(low), float(usual), float(high)
