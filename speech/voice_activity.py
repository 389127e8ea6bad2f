"""Where somebody speaks: a neural detector over a stream, and the regions it hears.

The detector is the Silero model (MIT) that faster-whisper carries, run here with its state kept between
blocks, so that a recording of hours needs no more memory than a block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from speech.audio import RATE, Samples

FRAME = 512
FRAME_MS = FRAME * 1000 // RATE
_CONTEXT = 64
Levels = npt.NDArray[np.float32]


class VoiceDetector(Protocol):
    """One channel's detector; it remembers what it heard before."""

    def probabilities(self, samples: Samples) -> Levels:
        """Return P(speech) for each whole 32 ms frame so far unheard, float32 (frames,).

        Args:
            samples: float32 (n,) at 16 kHz; what does not fill a frame waits for the next call.
        """
        ...


class SileroVoice:
    """Silero VAD v6 over a stream of one channel."""

    def __init__(self) -> None:
        self._session = _silero_session()
        self._state = (np.zeros((1, 1, 128), np.float32), np.zeros((1, 1, 128), np.float32))
        self._context = np.zeros(_CONTEXT, np.float32)
        self._rest = np.zeros(0, np.float32)

    def probabilities(self, samples: Samples) -> Levels:
        """See `VoiceDetector.probabilities`."""
        heard = np.concatenate([self._rest, samples])
        frames = len(heard) // FRAME
        self._rest = heard[frames * FRAME :]
        if frames == 0:
            return np.zeros(0, np.float32)
        windows = heard[: frames * FRAME].reshape(frames, FRAME)
        contexts = np.vstack([self._context, windows[:-1, -_CONTEXT:]])
        inputs = {"input": np.hstack([contexts, windows]), "h": self._state[0], "c": self._state[1]}
        output, *state = self._session.run(None, inputs)
        self._state, self._context = (state[0], state[1]), windows[-1, -_CONTEXT:].copy()
        return np.asarray(output, np.float32).reshape(frames)


def _silero_session() -> Any:
    """The session is shared by all channels: it holds weights, no state."""
    from faster_whisper.vad import get_vad_model

    return get_vad_model().session


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A stretch of speech, in samples at 16 kHz, half open."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"a region must not be empty: {self.start}..{self.end}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionRules:
    """When speech begins and ends.

    Attributes:
        threshold: P(speech) that starts a region.
        release: P(speech) below which a pause begins.
        min_silence_ms: A pause this long ends the region.
        min_speech_ms: Shorter regions are clicks.
        padding_ms: Sound kept on both sides, for soft consonants.
        longest_s: A longer region is cut at its quietest moment.
    """

    threshold: float = 0.5
    release: float = 0.35
    min_silence_ms: int = 400
    min_speech_ms: int = 100
    padding_ms: int = 200
    longest_s: float = 27.0


def speech_regions(probabilities: Levels, *, rules: RegionRules, samples: int) -> list[Region]:
    """Turn P(speech) per frame into padded regions that neither touch nor overlap.

    Args:
        probabilities: float32 (frames,) at 32 ms.
        rules: When speech begins and ends.
        samples: Length of the recording; regions end there.
    """
    spans = [
        piece
        for span in _spoken_spans(probabilities, rules)
        for piece in _cut_long(probabilities, span, round(rules.longest_s * 1000 / FRAME_MS))
    ]
    return _padded(spans, rules.padding_ms * RATE // 1000, samples)


def _spoken_spans(probabilities: Levels, rules: RegionRules) -> list[tuple[int, int]]:
    """Frames of speech by hysteresis: on at `threshold`, off after a pause below `release`."""
    patience = max(1, rules.min_silence_ms // FRAME_MS)
    spans: list[tuple[int, int]] = []
    start = last = None
    for frame in np.flatnonzero(probabilities >= rules.release):
        if start is not None and last is not None and frame - last > patience:
            spans.append((start, last + 1))
            start = None
        if start is None and probabilities[frame] >= rules.threshold:
            start = int(frame)
        last = int(frame)
    if start is not None and last is not None:
        spans.append((start, last + 1))
    return [(a, b) for a, b in spans if (b - a) * FRAME_MS >= rules.min_speech_ms]


def _cut_long(probabilities: Levels, span: tuple[int, int], longest: int) -> list[tuple[int, int]]:
    """Cut a span at its least speech-like frame, away from its ends, until no part is too long."""
    start, end = span
    if end - start <= longest:
        return [span]
    margin = (end - start) // 4
    cut = start + margin + int(np.argmin(probabilities[start + margin : end - margin]))
    return _cut_long(probabilities, (start, cut), longest) + _cut_long(probabilities, (cut, end), longest)


def _padded(spans: Sequence[tuple[int, int]], padding: int, samples: int) -> list[Region]:
    """Pad both sides; two regions share the silence between them."""
    regions = []
    for index, (start, end) in enumerate(spans):
        before = 0 if index == 0 else spans[index - 1][1] * FRAME
        after = samples if index == len(spans) - 1 else spans[index + 1][0] * FRAME
        left = max(start * FRAME - padding, (before + start * FRAME) // 2)
        right = min(end * FRAME + padding, (end * FRAME + after + 1) // 2)
        if (right := min(right, samples)) > left:
            regions.append(Region(start=left, end=right))
    return regions
