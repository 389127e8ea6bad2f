"""Fakes for tests of this room and of whoever transcribes: no weights, no network, the same every time."""

from __future__ import annotations

import wave
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from speech.audio import RATE, Samples
from speech.recognizer import HeardWord, Hypothesis
from speech.voice_activity import FRAME, Levels


class ScriptedRecognizer:
    """Answers windows with given texts in order, characters spread evenly over the sound; then with silence."""

    name = "scripted"

    def __init__(self, texts: Iterable[str], *, probability: float = 0.9) -> None:
        self._texts = iter(texts)
        self._probability = probability
        self.windows = 0
        self.prompts: list[str] = []

    def recognize(self, windows: Sequence[Samples], *, language: str | None, prompt: str) -> list[Hypothesis]:
        """See `Recognizer.recognize`."""
        self.windows += len(windows)
        self.prompts.append(prompt)
        return [self._hypothesis(next(self._texts, ""), len(window) / RATE) for window in windows]

    def _hypothesis(self, text: str, length_s: float) -> Hypothesis:
        step = length_s / max(1, len(text))
        words = tuple(
            HeardWord(text=character, start_s=at * step, end_s=(at + 1) * step, probability=self._probability)
            for at, character in enumerate(text)
        )
        return Hypothesis(words=words, language="zh", average_log_probability=-0.2, no_speech_probability=0.01)


class LoudnessDetector:
    """Takes everything louder than −40 dB for speech."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.float32)

    def probabilities(self, samples: Samples) -> Levels:
        """See `VoiceDetector.probabilities`."""
        heard = np.concatenate([self._rest, samples])
        whole = len(heard) // FRAME * FRAME
        self._rest = heard[whole:]
        power = np.mean(np.square(heard[:whole].reshape(-1, FRAME)), axis=1)
        return np.where(power > 1e-4, 0.95, 0.02).astype(np.float32)


class MemoryCheckpoint:
    """Keeps finished windows in memory; can be told to fail after some, as a killed process would."""

    def __init__(self, *, fail_after: int | None = None) -> None:
        self.kept: dict[str, str] = {}
        self._fail_after = fail_after

    def finished(self) -> Mapping[str, str]:
        """See `Checkpoint.finished`."""
        return dict(self.kept)

    def finish(self, key: str, value: str) -> None:
        """See `Checkpoint.finish`."""
        if self._fail_after is not None and len(self.kept) >= self._fail_after:
            raise KeyboardInterrupt
        self.kept[key] = value


def tone(seconds: float, *, hertz: float = 150.0, level: float = 0.3) -> Samples:
    """A voiced-sounding tone with harmonics, float32 (n,) at 16 kHz."""
    time = np.arange(round(seconds * RATE)) / RATE
    harmonics = sum(np.sin(2 * np.pi * hertz * order * time) / order for order in range(1, 9))
    return np.asarray(level * harmonics / 2, np.float32)


def quiet(seconds: float) -> Samples:
    """Digital silence, float32 (n,) at 16 kHz."""
    return np.zeros(round(seconds * RATE), np.float32)


def write_wav(path: Path, *channels: Samples, rate: int = RATE) -> Path:
    """Write channels of one length as 16-bit WAV and return the path."""
    frames = (np.clip(np.stack(channels, axis=1), -1, 1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(frames.tobytes())
    return path
