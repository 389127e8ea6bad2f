"""The seam to whoever tells the voices of a mixed channel apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.errors import MissingError
from speech.audio import Samples
from speech.timed_text import TimedText
from speech.voiceprints import Voiceprint


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenPart:
    """Consecutive text of one speaker: `rep`, `customer` or `speaker_n` where attribution is not certain."""

    speaker: str
    characters: TimedText


class Diarizer(Protocol):
    """Hears a mixed channel region by region, then attributes its text."""

    def voiceprint(self, pieces: Sequence[Samples]) -> Voiceprint:
        """Return what a voice is known by, from speech given for that purpose.

        Args:
            pieces: Regions of one person's speech alone, each float32 (n,) at 16 kHz.

        Raises:
            InputError: `speech.enrolment_too_short`.
            MissingError: This diarizer cannot tell voices apart.
        """
        ...

    def meet_rep(self, voice: Voiceprint) -> None:
        """Learn for this recording what the rep sounds like."""
        ...

    def hear(self, samples: Samples, *, start_ms: int) -> None:
        """Hear one region of speech, float32 (n,) at 16 kHz, which begins at `start_ms` of the recording."""
        ...

    def attribute(self, text: TimedText) -> Sequence[SpokenPart]:
        """Split a channel's text by speaker, in order, nothing lost."""
        ...


class OneVoice:
    """What the default installation does with a mix: it does not guess, everything is `speaker_0`."""

    def voiceprint(self, pieces: Sequence[Samples]) -> Voiceprint:
        """Say what is missing, because an enrolment that is silently ignored would look like one that failed."""
        raise MissingError("speech.torch_missing")

    def meet_rep(self, voice: Voiceprint) -> None:
        """Nothing changes: a voice kept from before must not fail the calls of an installation that lost `[torch]`."""

    def hear(self, samples: Samples, *, start_ms: int) -> None:
        """Nothing is learnt from the sound."""

    def attribute(self, text: TimedText) -> Sequence[SpokenPart]:
        """Return the text as one part."""
        return [SpokenPart(speaker="speaker_0", characters=text)]
