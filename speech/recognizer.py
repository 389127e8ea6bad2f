"""The seam to speech recognisers: windows of sound in, words with times and probabilities out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from speech.audio import Samples


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardWord:
    """A word as the recogniser wrote it, spaces and marks included; times in seconds from the window's start."""

    text: str
    start_s: float
    end_s: float
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """What was recognised in one window.

    Attributes:
        words: In order; empty when nothing was heard.
        language: ISO 639-1 code it was decoded in.
        average_log_probability: Mean log-probability of the tokens, at most 0.
        no_speech_probability: The recogniser's own belief that nobody speaks, where it has one.
    """

    words: tuple[HeardWord, ...]
    language: str
    average_log_probability: float
    no_speech_probability: float | None = None

    @property
    def text(self) -> str:
        """The words joined as written."""
        return "".join(word.text for word in self.words)


class Recognizer(Protocol):
    """A speech recogniser. The same contract suite runs over every implementation."""

    @property
    def name(self) -> str:
        """Model and version, as the transcript names it."""
        ...

    def recognize(self, windows: Sequence[Samples], *, language: str | None, prompt: str) -> list[Hypothesis]:
        """Recognise windows, each by itself.

        Args:
            windows: float32 (n,) at 16 kHz, each at most 30 s.
            language: ISO 639-1 code; None lets the recogniser find out, once for all windows.
            prompt: Names and terms that may be said, as running text; may be empty.

        Returns:
            One hypothesis per window, in order.

        Raises:
            ModelError: The recogniser failed.
            MissingError: The model is not there.
        """
        ...
