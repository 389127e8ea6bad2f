"""Whisper through openai-whisper (PyTorch): the reference implementation, of the `[torch]` extra."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from domain.errors import MissingError, ModelError
from speech.audio import Samples
from speech.recognizer import HeardWord, Hypothesis

_BEAM = 5


class OpenAiWhisperRecognizer:
    """Weights in openai-whisper's own format (`*.pt`); loaded at the first recognition.

    Args:
        weights: The checkpoint file. Nothing is ever downloaded.
        device: `cpu` or `cuda`.
    """

    def __init__(self, weights: Path, *, device: str = "cpu") -> None:
        self._weights, self._device = weights, device

    @property
    def name(self) -> str:
        """The file's name and the library."""
        return f"{self._weights.stem}@openai-whisper"

    def recognize(self, windows: Sequence[Samples], *, language: str | None, prompt: str) -> list[Hypothesis]:
        """See `Recognizer.recognize`."""
        found: list[Hypothesis] = []
        for window in windows:
            hypothesis = self._recognize(window, language, prompt)
            language = language or hypothesis.language
            found.append(hypothesis)
        return found

    def _recognize(self, window: Samples, language: str | None, prompt: str) -> Hypothesis:
        try:
            result = self._model.transcribe(
                window,
                language=language,
                initial_prompt=prompt or None,
                beam_size=_BEAM,
                temperature=0.0,
                condition_on_previous_text=False,
                word_timestamps=True,
                fp16=self._device == "cuda",
                verbose=None,
            )
        except (RuntimeError, ValueError) as error:
            raise ModelError("speech.recognizer_failed", model=self.name) from error
        hypothesis = _hypothesis(result)
        if not isfinite(hypothesis.average_log_probability):  # Damaged weights, or fp16 that overflowed.
            raise ModelError("speech.recognizer_failed", model=self.name)
        return hypothesis

    @cached_property
    def _model(self) -> Any:
        if not self._weights.is_file():
            raise MissingError("speech.weights_missing", path=self._weights.name)
        try:
            import whisper
        except ImportError as error:
            raise MissingError("speech.torch_missing") from error
        try:
            return whisper.load_model(str(self._weights), device=self._device)
        except (RuntimeError, ValueError, KeyError, EOFError) as error:
            raise ModelError("speech.recognizer_failed", model=self.name) from error


def _hypothesis(result: dict[str, Any]) -> Hypothesis:
    segments = result["segments"]
    words = tuple(
        HeardWord(
            text=word["word"],
            start_s=max(0.0, float(word["start"])),
            end_s=max(0.0, float(word["start"]), float(word["end"])),
            probability=float(np.clip(word["probability"], 0.0, 1.0)),
        )
        for segment in segments
        for word in segment.get("words", ())
    )
    return Hypothesis(
        words=words,
        language=result["language"],
        average_log_probability=min((float(segment["avg_logprob"]) for segment in segments), default=0.0),
        no_speech_probability=max((float(segment["no_speech_prob"]) for segment in segments), default=None),
    )
