"""Pitch and level of speech as tracks of 20 ms frames, from wide-band or telephone sound.

Pitch is the peak of the normalised autocorrelation (Boersma 1993), which hears the fundamental from its
harmonics even where a telephone line has cut it off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from speech.audio import RATE, Samples

HOP_MS = 20
_RATE = RATE // 2
_FRAME = 320
_HOP = _RATE * HOP_MS // 1000
_LOWEST_HZ, _HIGHEST_HZ = 70, 400
_VOICED = 0.45
_OCTAVE = 0.9
_SIZE = 1024
_QUIET = 1e-7
Track = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class PitchTrack:
    """Frames of 20 ms.

    Attributes:
        start_ms: Where the first frame begins in the recording.
        pitch_hz: float32 (frames,); 0 where nothing is voiced.
        power: Mean square, float32 (frames,).
    """

    start_ms: int
    pitch_hz: Track
    power: Track


def track_pitch(samples: Samples, *, start_ms: int) -> PitchTrack:
    """Track the pitch of one region.

    Args:
        samples: float32 (n,) at 16 kHz.
        start_ms: Where they begin in the recording.
    """
    halved = samples[: len(samples) // 2 * 2].reshape(-1, 2).mean(axis=1)
    if len(halved) < _FRAME:
        nothing = np.zeros(0, np.float32)
        return PitchTrack(start_ms=start_ms, pitch_hz=nothing, power=nothing)
    frames = np.lib.stride_tricks.sliding_window_view(halved, _FRAME)[::_HOP]  # (frames, 320)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    return PitchTrack(start_ms=start_ms, pitch_hz=_pitch(frames, power), power=power.astype(np.float32))


def _pitch(frames: npt.NDArray[np.float32], power: npt.NDArray[np.float64]) -> Track:
    window = np.hanning(_FRAME)
    correlation = _autocorrelation((frames - frames.mean(axis=1, keepdims=True)) * window)
    of_window = _autocorrelation(window[None, :])[0]
    scale = np.maximum(correlation[:, :1], 1e-12) / of_window[0]
    likeness = correlation / scale / np.maximum(of_window, 1e-6)  # (frames, lags), 1 at lag 0
    first, last = _RATE // _HIGHEST_HZ, _RATE // _LOWEST_HZ
    near = likeness[:, first : last + 1]
    best = near.max(axis=1)
    # The first lag that is nearly as good as the best one: multiples of the period are as good.
    lag = first + np.argmax(_is_peak(likeness, first, last) & (near >= _OCTAVE * best[:, None]), axis=1)
    voiced = (best > _VOICED) & (power > _QUIET)
    return np.where(voiced, _RATE / lag, 0.0).astype(np.float32)


def _autocorrelation(frames: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    spectrum = np.fft.rfft(frames, _SIZE, axis=1)
    result: npt.NDArray[np.float64] = np.fft.irfft(np.square(np.abs(spectrum)), _SIZE, axis=1)
    return result[:, :_FRAME]


def _is_peak(likeness: npt.NDArray[np.float64], first: int, last: int) -> npt.NDArray[np.bool_]:
    here = likeness[:, first : last + 1]
    peak: npt.NDArray[np.bool_] = (here >= likeness[:, first - 1 : last]) & (here >= likeness[:, first + 1 : last + 2])
    return peak
