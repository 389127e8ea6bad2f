"""What a voice sounds like as a vector: Resemblyzer's speaker encoder (GE2E), run from its weights alone.

Only the weights are taken out of the package: importing it would pull in a voice detector that no longer loads
on current Python, and its features are a plain mel spectrogram.

References:
    Wan et al., Generalized End-to-End Loss for Speaker Verification, ICASSP 2018; weights Apache-2.0.
"""

from __future__ import annotations

from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from domain.errors import MissingError
from speech.audio import RATE, Samples

SLICE_S = 1.6
HOP_S = 0.4
DIMENSION = 256
_MELS, _HIDDEN, _LAYERS = 40, 256, 3
_WINDOW, _STEP = RATE * 25 // 1000, RATE // 100
_SLICE_FRAMES = 160
_TARGET_DB = -30.0
Vectors = npt.NDArray[np.float32]


class VoiceEncoder(Protocol):
    """Turns stretches of one voice into vectors that are near for the same voice."""

    def encode(self, slices: npt.NDArray[np.float32]) -> Vectors:
        """Encode slices of 1.6 s, float32 (slices, 25600) at 16 kHz, to float32 (slices, 256) of unit length."""
        ...


class TorchVoiceEncoder:
    """The speaker encoder of the `[torch]` extra; loaded at the first use.

    Raises:
        MissingError: `speech.torch_missing`, at the first use, when the extra is not installed.
    """

    def encode(self, slices: npt.NDArray[np.float32]) -> Vectors:
        """See `VoiceEncoder.encode`."""
        torch, lstm, linear = self._network
        mels = np.stack([mel_spectrogram(_at_level(one))[:_SLICE_FRAMES] for one in slices])
        with torch.no_grad():
            _, (hidden, _) = lstm(torch.from_numpy(mels))
            raw = torch.relu(linear(hidden[-1])).numpy()
        return np.asarray(raw / np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1e-9), np.float32)

    @cached_property
    def _network(self) -> tuple[Any, Any, Any]:
        weights = _weights_file()
        try:
            import torch
        except ImportError as error:
            raise MissingError("speech.torch_missing") from error
        state = torch.load(weights, map_location="cpu", weights_only=True)["model_state"]
        lstm = torch.nn.LSTM(_MELS, _HIDDEN, _LAYERS, batch_first=True)
        linear = torch.nn.Linear(_HIDDEN, DIMENSION)
        for network, prefix in ((lstm, "lstm."), (linear, "linear.")):
            network.load_state_dict(
                {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
            )
        return torch, lstm.eval(), linear.eval()


def _weights_file() -> Path:
    """Where the package keeps its weights, found without importing it."""
    spec = find_spec("resemblyzer")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    path = Path(folders[0]) / "pretrained.pt" if folders else None
    if path is None or not path.is_file():
        raise MissingError("speech.torch_missing")
    return path


def _at_level(samples: Samples) -> Samples:
    """Raise soft sound to −30 dB, as the encoder's training data was; loud sound stays."""
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    gain_db = _TARGET_DB - 20 * np.log10(max(rms, 1e-6))
    return samples * np.float32(10 ** (max(0.0, gain_db) / 20))


def mel_spectrogram(samples: Samples) -> npt.NDArray[np.float32]:
    """Mel power spectrogram, float32 (frames, 40): 25 ms Hann windows every 10 ms, Slaney's scale and norm."""
    padded = np.pad(samples, _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_STEP]
    window = np.hanning(_WINDOW + 1)[:-1]
    power = np.square(np.abs(np.fft.rfft(frames * window, axis=1)))  # (frames, 201)
    return np.asarray(power @ _mel_filters().T, np.float32)


@cache
def _mel_filters() -> npt.NDArray[np.float64]:
    """Triangles on Slaney's mel scale with equal area, float64 (40, 201)."""
    bins = np.fft.rfftfreq(_WINDOW, 1 / RATE)
    edges = _to_hertz(np.linspace(0.0, _to_mel(RATE / 2), _MELS + 2))
    rising = (bins[None, :] - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins[None, :]) / np.diff(edges)[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    filters: npt.NDArray[np.float64] = triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return filters


_LINEAR_HZ, _BREAK_HZ = 200 / 3, 1000.0
_LOG_STEP = np.log(6.4) / 27


def _to_mel(hertz: float) -> float:
    if hertz < _BREAK_HZ:
        return hertz / _LINEAR_HZ
    return float(_BREAK_HZ / _LINEAR_HZ + np.log(hertz / _BREAK_HZ) / _LOG_STEP)


def _to_hertz(mels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    break_mel = _BREAK_HZ / _LINEAR_HZ
    log_part = _BREAK_HZ * np.exp(_LOG_STEP * (mels - break_mel))
    return np.where(mels >= break_mel, log_part, mels * _LINEAR_HZ)
