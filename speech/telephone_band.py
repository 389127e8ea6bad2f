"""The telephone's band: whether a sound is confined to it, and how another would sound in it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from speech.audio import RATE, Samples

BAND_HZ = (300.0, 3400.0)
TELEPHONE_SHARE = 0.99
"""Share of the power that lies between 200 and 3700 Hz above which a sound came by telephone; speech in a room has
its fundamental and its sibilants outside."""

_EDGES_HZ = (200.0, 3700.0)


def power_in_band(samples: Samples) -> npt.NDArray[np.float64]:
    """Return the power within the band, edges widened a little, and all of it, float64 (2,)."""
    power = np.square(np.abs(np.fft.rfft(samples)))
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    inside = (hertz >= _EDGES_HZ[0]) & (hertz <= _EDGES_HZ[1])
    return np.asarray([power[inside].sum(), power.sum()])


def by_telephone(samples: Samples) -> Samples:
    """Return a short sound as the telephone lets it through, float32 (n,) at 16 kHz."""
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    spectrum[(hertz < BAND_HZ[0]) | (hertz > BAND_HZ[1])] = 0
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)
