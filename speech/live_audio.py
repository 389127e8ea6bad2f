"""Sound of a call as it comes over a wire: raw or Opus in pieces of any size, 16 kHz float32 out, and a file of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from domain.errors import InputError
from speech.audio import RATE, Samples

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

_LAYOUTS = {1: "mono", 2: "stereo"}


class SoundStream(Protocol):
    """Turns what one message carries into sound; remembers what was incomplete."""

    def heard(self, content: bytes) -> Samples:
        """Return the sound that is complete now, float32 (channels, n) at 16 kHz; n may be 0.

        Raises:
            InputError: `speech.bad_live_sound`.
        """
        ...


class PcmStream:
    """Raw 16-bit little-endian samples, channels interleaved; a message may end in the middle of a sample.

    Args:
        rate: Samples a second of each channel.
        channels: One or two.
    """

    def __init__(self, *, rate: int, channels: int) -> None:
        self._channels = channels
        self._rest = b""
        self._convert = _Resampling(channels, rate)
        self._rate = rate

    def heard(self, content: bytes) -> Samples:
        """See `SoundStream.heard`."""
        content = self._rest + content
        whole = len(content) // (2 * self._channels) * 2 * self._channels
        self._rest = content[whole:]
        if not whole:
            return np.zeros((self._channels, 0), np.float32)
        samples = np.frombuffer(content[:whole], "<i2")
        if self._rate == RATE:
            return np.ascontiguousarray(samples.reshape(-1, self._channels).T, np.float32) / np.float32(32768)
        return self._convert.convert(_frame(samples, self._channels, self._rate))


class OpusStream:
    """Opus, one packet a message, as WebRTC and SIP carry it.

    Args:
        channels: One or two.
    """

    def __init__(self, *, channels: int) -> None:
        import av

        self._channels = channels
        self._decoder = av.CodecContext.create("libopus", "r")
        self._decoder.sample_rate = 48_000
        self._decoder.layout = _LAYOUTS[channels]
        self._convert = _Resampling(channels, 48_000)

    def heard(self, content: bytes) -> Samples:
        """See `SoundStream.heard`."""
        import av

        if not content:
            return np.zeros((self._channels, 0), np.float32)
        try:
            frames = self._decoder.decode(av.Packet(content))
        except (av.error.FFmpegError, ValueError) as error:
            raise InputError("speech.bad_live_sound") from error
        pieces = [self._convert.convert(frame) for frame in frames]
        return np.concatenate([np.zeros((self._channels, 0), np.float32), *pieces], axis=1)


class RecordingFile:
    """A FLAC file that grows with the call; `close` makes it whole.

    Args:
        path: Where to.
        channels: One or two.
    """

    def __init__(self, path: Path, *, channels: int) -> None:
        import av

        self._channels = channels
        self._container = av.open(str(path), "w", format="flac")
        self._stream = self._container.add_stream("flac", rate=RATE)
        self._stream.layout = _LAYOUTS[channels]
        self._fifo = av.AudioFifo()
        self._is_open = True
        self.samples = 0

    def write(self, samples: Samples) -> None:
        """Append sound, float32 (channels, n) at 16 kHz."""
        if not samples.shape[1]:
            return
        whole = (np.clip(samples, -1, 1) * 32767).astype(np.int16)
        self._fifo.write(_frame(np.ascontiguousarray(whole.T).reshape(-1), self._channels, RATE))
        self.samples += samples.shape[1]
        for frame in self._ready(all_of_it=False):
            self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write what is left and the end; calling it again does nothing."""
        if not self._is_open:
            return
        self._is_open = False
        for frame in self._ready(all_of_it=True):
            self._container.mux(self._stream.encode(frame))
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def _ready(self, *, all_of_it: bool) -> Iterator[AudioFrame]:
        """Frames of the encoder's own length, which it wants of all but the last."""
        size = self._stream.codec_context.frame_size or 4096
        while self._fifo.samples >= size or (all_of_it and self._fifo.samples):
            frame = self._fifo.read(size, partial=all_of_it)
            if frame is None:
                return
            yield frame


class _Resampling:
    """Brings frames of one shape to 16 kHz, channels kept."""

    def __init__(self, channels: int, rate: int) -> None:
        import av

        self._channels = channels
        self._resampler = av.AudioResampler(format="flt", layout=_LAYOUTS[channels], rate=RATE)

    def convert(self, frame: AudioFrame) -> Samples:
        frame.pts = None
        pieces = [piece.to_ndarray().reshape(-1, self._channels).T for piece in self._resampler.resample(frame)]
        return np.concatenate([np.zeros((self._channels, 0), np.float32), *pieces], axis=1)


def _frame(interleaved: np.ndarray[tuple[int, ...], np.dtype[np.int16]], channels: int, rate: int) -> AudioFrame:
    import av

    frame = av.AudioFrame.from_ndarray(interleaved.reshape(1, -1), format="s16", layout=_LAYOUTS[channels])
    frame.sample_rate = rate
    return frame
