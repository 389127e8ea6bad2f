"""The seam of this room: a transcript is prepared once, every detector reads it, signals come out in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from domain.conversation import Transcript, Turn
from domain.errors import IntegrityError, MissingError
from domain.lexicon import Lexicon
from domain.signals import Intent, Signal, SignalKind
from signals.opinions import reconciled

CONTEXT_TURNS = 2
"""How many earlier turns a turn is read with."""


class TextEncoder(Protocol):
    """What the heads need of the sentence encoder (`language.encoder`)."""

    @property
    def fingerprint(self) -> str:
        """Identity of the weights; trained heads refuse another one."""
        ...

    def encode(self, texts: Sequence[str], *, prefix: Literal["query", "passage"]) -> NDArray[np.float32]:
        """Return L2-normalised vectors, float32 (n, d)."""
        ...


class Reading:
    """One transcript, prepared once for all detectors.

    Not frozen only because the vectors are computed when the first head asks for them; nothing
    else changes after construction.

    Attributes:
        transcript: What is read; `turns` is its turns.
        lexicon: The tenant's own names.
        held_on: The day of the conversation, which relative dates are resolved against.
    """

    def __init__(self, transcript: Transcript, *, lexicon: Lexicon = (), encoder: TextEncoder | None = None) -> None:
        self.transcript = transcript
        self.turns: tuple[Turn, ...] = transcript.turns
        self.lexicon = lexicon
        self.held_on: date | None = transcript.started_at.date() if transcript.started_at else None
        self._encoder = encoder

    def before(self, index: int) -> tuple[Turn, ...]:
        """Return the up to two turns before turn `index`, oldest first."""
        return self.turns[max(0, index - CONTEXT_TURNS) : index]

    @property
    def encoder(self) -> TextEncoder:
        """The encoder behind `vectors`.

        Raises:
            MissingError: The reading was made without one.
        """
        if self._encoder is None:
            raise MissingError("signals.no_encoder")
        return self._encoder

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """Vectors of all turn texts, float32 (turns, d), from one batched call shared by all heads.

        Raises:
            MissingError: The reading was made without an encoder.
        """
        return self.encoder.encode([turn.text for turn in self.turns], prefix="query")  # (turns, d)


class Detector(Protocol):
    """Finds signals of its own kinds. Pure: the same reading gives the same signals."""

    @property
    def name(self) -> str:
        """Stable name; becomes `Signal.extractor`."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever the output may."""
        ...

    def detect(self, reading: Reading) -> Iterable[Signal]:
        """Yield what is asserted of the conversation, in any order, ids unset."""
        ...


def observe(
    detector: Detector,
    turn: Turn,
    *,
    kind: SignalKind,
    label: str,
    score: float,
    start: int = 0,
    end: int | None = None,
    attributes: Mapping[str, object] | None = None,
) -> Signal:
    """Make a detector's signal on `turn.text[start:end]`; `SignalDetector` numbers it later."""
    stop = len(turn.text) if end is None else end
    return Signal(
        id="",
        kind=kind,
        label=str(label),
        score=score,
        turn_id=turn.id,
        start=start,
        end=stop,
        quote=turn.text[start:stop],
        extractor=detector.name,
        version=detector.version,
        attributes=dict(attributes or {}),
    )


class SignalDetector:
    """Runs detectors over a transcript and numbers what they find.

    Args:
        detectors: Run in this order; the order does not change the result.
        encoder: Needed as soon as one detector reads `Reading.vectors`.
    """

    def __init__(self, detectors: Iterable[Detector], *, encoder: TextEncoder | None = None) -> None:
        self._detectors = tuple(detectors)
        self._encoder = encoder

    @property
    def versions(self) -> dict[str, str]:
        """Detector name to version, for the record of an analysis."""
        return {detector.name: detector.version for detector in self._detectors}

    def detect(self, transcript: Transcript, *, lexicon: Lexicon = ()) -> tuple[Signal, ...]:
        """Return all signals, ids s001… ordered by turn, then span, then kind; time linear in turns.

        Raises:
            IntegrityError: A detector returned a span that is not in its turn.
            MissingError: A detector needs an encoder and there is none.
        """
        reading = Reading(transcript, lexicon=lexicon, encoder=self._encoder)
        places = {turn.id: place for place, turn in enumerate(reading.turns)}
        found = [signal for detector in self._detectors for signal in detector.detect(reading)]
        for signal in found:
            _check(signal, places, reading.turns)
        found = _settled(reconciled(found))
        found.sort(key=lambda s: (places[s.turn_id], s.start, s.end, s.kind, s.label, s.extractor))
        return tuple(replace(signal, id=f"s{number:03d}") for number, signal in enumerate(found, start=1))


def _settled(found: Iterable[Signal]) -> list[Signal]:
    """One intent of a label a turn, the surest; 其他 only where nobody found another."""
    intents: dict[tuple[str, str], Signal] = {}
    rest: list[Signal] = []
    for one in found:
        if one.kind is not SignalKind.INTENT:
            rest.append(one)
        elif (held := intents.get((one.turn_id, one.label))) is None or held.score < one.score:
            intents[one.turn_id, one.label] = one
    wanted = {one.turn_id for one in intents.values() if one.label != Intent.OTHER}
    return rest + [one for one in intents.values() if one.label != Intent.OTHER or one.turn_id not in wanted]


def _check(signal: Signal, places: Mapping[str, int], turns: Sequence[Turn]) -> None:
    place = places.get(signal.turn_id)
    if place is None or turns[place].text[signal.start : signal.end] != signal.quote:
        raise IntegrityError("signals.bad_span", detector=signal.extractor)
