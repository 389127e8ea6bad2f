"""Recordings as a stream of samples: 16 kHz float32 per channel, whatever the file was.

Nothing here holds more than a few seconds of sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from domain.errors import InputError
from speech.containers import is_cut_short, sniff

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

Samples = npt.NDArray[np.float32]
RATE = 16_000
_BLOCK_S = 8
_MOST_DAMAGE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioLimits:
    """What is accepted.

    Attributes:
        max_duration_s: Longest recording.
        max_bytes: Largest file.
        accept_truncated: Take a file whose end is missing; off, because half a call looks like a whole one.
    """

    max_duration_s: float = 3 * 3600.0
    max_bytes: int = 2 << 30
    accept_truncated: bool = False


def decode(path: Path, *, limits: AudioLimits) -> Iterator[Samples]:
    """Yield the recording in blocks of about 8 s.

    Yields:
        float32 (channels, samples) at 16 kHz within [-1, 1]; one or two channels (more are mixed to
        one), the same number in every block.

    Raises:
        InputError: `speech.not_found`, `speech.empty_file`, `speech.too_large`, `speech.unknown_format`,
            `speech.truncated`, `speech.no_audio`, `speech.damaged` or `speech.too_long`.
    """
    demuxer = _accept(path, limits)
    blocks = _in_blocks(_decoded(path, demuxer))
    heard = 0
    for block in blocks:
        heard += block.shape[1]
        if heard > limits.max_duration_s * RATE:
            raise InputError("speech.too_long", name=path.name, limit_min=round(limits.max_duration_s / 60))
        yield block
    if heard == 0:
        raise InputError("speech.no_audio", name=path.name)


def length_hint(path: Path) -> int | None:
    """Return the number of samples at 16 kHz that the container claims, for progress only; it may lie or be silent."""
    import av

    demuxer = sniff(path)
    if demuxer is None:
        return None
    try:
        with path.open("rb") as file, av.open(file, mode="r", format=demuxer, metadata_errors="ignore") as container:
            return container.duration * RATE // av.time_base if container.duration else None
    except (av.error.FFmpegError, ValueError, OSError):
        return None


def _accept(path: Path, limits: AudioLimits) -> str:
    """Check everything that can be checked without decoding; return the demuxer to use."""
    try:
        size = path.stat().st_size if path.is_file() else None
        demuxer = sniff(path) if size else None
    except (OSError, ValueError) as error:
        raise InputError("speech.not_found", name=path.name) from error
    if size is None:
        raise InputError("speech.not_found", name=path.name)
    if size == 0:
        raise InputError("speech.empty_file", name=path.name)
    if size > limits.max_bytes:
        raise InputError("speech.too_large", name=path.name, limit_mb=limits.max_bytes >> 20)
    if demuxer is None:
        raise InputError("speech.unknown_format", name=path.name)
    if not limits.accept_truncated and is_cut_short(path, demuxer):
        raise InputError("speech.truncated", name=path.name)
    return demuxer


def _decoded(path: Path, demuxer: str) -> Iterator[Samples]:
    import av

    # A file object instead of a name: FFmpeg can then follow no reference to anything else.
    with path.open("rb") as file:
        try:
            container = av.open(file, mode="r", format=demuxer, metadata_errors="ignore")
        except (av.error.FFmpegError, ValueError, OSError) as error:
            raise InputError("speech.damaged", name=path.name) from error
        with container:
            if not container.streams.audio:
                raise InputError("speech.no_audio", name=path.name)
            try:
                yield from _resampled(container, container.streams.audio[0], path.name)
            except (av.error.FFmpegError, ValueError, OverflowError) as error:
                # A rate or layout that nothing can be made of shows only when it is to be converted.
                raise InputError("speech.damaged", name=path.name) from error


def _resampled(container: InputContainer, stream: AudioStream, name: str) -> Iterator[Samples]:
    """Decode packet by packet; a bad packet is skipped, a file of mostly bad packets is refused."""
    import av

    resampler: _Resampler | None = None
    good, bad = 0, 0
    for packet in _packets(container, stream):
        try:
            frames = packet.decode()
        except (av.error.FFmpegError, ValueError, OverflowError):
            bad += 1
            continue
        good += bool(frames)
        for frame in frames:
            if resampler is None or not resampler.takes(frame):
                if resampler is not None:
                    yield from resampler.flush()
                resampler = _Resampler(frame, channels=resampler.channels if resampler else None)
            yield from resampler.feed(frame)
    if bad and bad / (good + bad) > _MOST_DAMAGE:
        raise InputError("speech.damaged", name=name)
    if resampler is not None:
        yield from resampler.flush()


class _Resampler:
    """Brings frames of one shape to 16 kHz; small frames are gathered first, which is three times faster."""

    def __init__(self, first: AudioFrame, *, channels: int | None) -> None:
        import av

        self._shape = _shape(first)
        self._fifo = av.AudioFifo()
        # Interleaved, because PyAV reads beyond its eight plane pointers where a planar frame has more channels.
        self._resampler = av.AudioResampler(format="flt", layout=first.layout, rate=RATE)
        self._enough = first.sample_rate // 2
        self.channels = channels or (2 if first.layout.nb_channels == 2 else 1)

    def takes(self, frame: AudioFrame) -> bool:
        return _shape(frame) == self._shape

    def feed(self, frame: AudioFrame) -> Iterator[Samples]:
        frame.pts = None  # broken time stamps must not invent or swallow sound
        self._fifo.write(frame)
        if self._fifo.samples >= self._enough:
            yield from self._convert(self._fifo.read())

    def flush(self) -> Iterator[Samples]:
        if self._fifo.samples:
            yield from self._convert(self._fifo.read())
        yield from self._convert(None)

    def _convert(self, frame: AudioFrame | None) -> Iterator[Samples]:
        for piece in self._resampler.resample(frame):
            yield _as_samples(piece, self.channels)


def _shape(frame: AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _packets(container: InputContainer, stream: AudioStream) -> Iterator[Any]:
    """Yield packets until the end, or until the container cannot be followed any further."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            yield next(packets)
        except (StopIteration, av.error.FFmpegError, ValueError):
            return


def _as_samples(frame: Any, channels: int) -> Samples:
    interleaved = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)  # (n, channels of the file)
    samples: Samples = np.ascontiguousarray(interleaved.T, dtype=np.float32)
    samples = np.clip(np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0), -1.0, 1.0)
    if samples.shape[0] == channels:
        return samples
    mixed = samples.mean(axis=0, keepdims=True, dtype=np.float32)
    return np.repeat(mixed, channels, axis=0)


def _in_blocks(pieces: Iterator[Samples]) -> Iterator[Samples]:
    held: list[Samples] = []
    length = 0
    for piece in pieces:
        held.append(piece)
        length += piece.shape[1]
        if length >= _BLOCK_S * RATE:
            yield np.concatenate(held, axis=1)
            held, length = [], 0
    if length:
        yield np.concatenate(held, axis=1)
