"""The first pass over a recording: how long it is, who speaks when, how loud, and whether channels are alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from speech.audio import RATE, Samples
from speech.voice_activity import FRAME, VoiceDetector

FLOOR_DB = -100.0
_LAG = RATE // 20
_STRIDE = 16
Curve = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What the first pass heard, in frames of 32 ms.

    Attributes:
        samples: Length at 16 kHz.
        voice: P(speech), float32 (channels, frames).
        level_db: RMS level in dB of full scale, float32 (channels, frames).
        likeness: Greatest normalised cross-correlation of the two channels within ±50 ms, float32 (frames,),
            in [0, 1]; 0 throughout for one channel.
        difference_db: Level of the channels' difference below their sum; −100 for identical channels.
    """

    samples: int
    voice: Curve
    level_db: Curve
    likeness: Curve
    difference_db: float

    @property
    def duration_ms(self) -> int:
        """Length of the recording in milliseconds."""
        return round(self.samples * 1000 / RATE)

    @property
    def channels(self) -> int:
        """Number of channels, one or two."""
        return int(self.voice.shape[0])


def listen(
    blocks: Iterator[Samples], *, detector: Callable[[], VoiceDetector], on_heard: Callable[[int], None]
) -> Hearing:
    """Hear a recording once, block by block.

    Args:
        blocks: float32 (channels, samples) at 16 kHz; at least one.
        detector: Makes a fresh voice detector for each channel.
        on_heard: Told the number of samples heard so far after each block.
    """
    ear: _Ear | None = None
    for block in blocks:
        ear = ear or _Ear([detector() for _ in block])
        ear.hear(block)
        on_heard(ear.samples)
    if ear is None:
        raise ValueError("a recording has at least one block")
    return ear.finish()


class _Ear:
    """Accumulates curves; holds only the samples that do not fill 16 frames yet."""

    def __init__(self, detectors: list[VoiceDetector]) -> None:
        self._detectors = detectors
        self._rest = np.zeros((len(detectors), 0), np.float32)
        self._voice: list[Curve] = []
        self._level: list[Curve] = []
        self._likeness: list[Curve] = []
        self._sum = self._difference = 0.0
        self.samples = 0

    def hear(self, block: Samples) -> None:
        self.samples += block.shape[1]
        self._measure(np.concatenate([self._rest, block], axis=1), whole=_STRIDE * FRAME)

    def finish(self) -> Hearing:
        short = -self._rest.shape[1] % FRAME
        self._measure(np.pad(self._rest, ((0, 0), (0, short))), whole=FRAME)
        ratio = self._difference / self._sum if self._sum > 0 else 0.0
        return Hearing(
            samples=self.samples,
            voice=np.concatenate(self._voice, axis=1),
            level_db=np.concatenate(self._level, axis=1),
            likeness=np.concatenate(self._likeness),
            difference_db=10 * float(np.log10(max(ratio, 1e-10))),
        )

    def _measure(self, heard: Samples, *, whole: int) -> None:
        usable = heard.shape[1] // whole * whole
        ready, self._rest = heard[:, :usable], heard[:, usable:]
        self._voice.append(np.vstack([d.probabilities(row) for d, row in zip(self._detectors, ready, strict=True)]))
        self._level.append(level_db(ready))
        self._likeness.append(_likeness(ready))
        if len(ready) == 2:
            self._difference += float(np.square(ready[0] - ready[1], dtype=np.float64).sum())
            self._sum += float(np.square(ready, dtype=np.float64).sum())


def level_db(samples: Samples) -> Curve:
    """RMS level of each whole frame in dB of full scale, float32 (channels, frames)."""
    frames = samples[:, : samples.shape[1] // FRAME * FRAME].reshape(len(samples), -1, FRAME)
    power = np.mean(np.square(frames, dtype=np.float64), axis=2)
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10))), dtype=np.float32)


def _likeness(samples: Samples) -> Curve:
    """Peak of the cross-correlation in steps of 16 frames (0.5 s), repeated for each frame of the step."""
    frames = samples.shape[1] // FRAME
    if len(samples) != 2 or frames == 0:
        return np.zeros(frames, np.float32)
    steps = [
        _peak_correlation(samples[:, at : at + _STRIDE * FRAME]) for at in range(0, samples.shape[1], _STRIDE * FRAME)
    ]
    return np.repeat(np.asarray(steps, np.float32), _STRIDE)[:frames]


def _peak_correlation(pair: Samples) -> float:
    energy = float(np.sqrt(np.prod(np.sum(np.square(pair, dtype=np.float64), axis=1))))
    if energy < 1e-6:
        return 0.0
    size = 2 * pair.shape[1]
    spectra = np.fft.rfft(pair, size, axis=1)
    correlation = np.fft.irfft(spectra[0] * np.conj(spectra[1]), size)
    near = np.concatenate([correlation[: _LAG + 1], correlation[-_LAG:]])
    return float(min(1.0, np.abs(near).max() / energy))
