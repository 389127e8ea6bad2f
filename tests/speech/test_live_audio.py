"""Sound over a wire: pieces of any size, two codings, and the file that is kept of it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InputError
from speech.audio import RATE, AudioLimits, Samples, decode
from speech.live_audio import OpusStream, PcmStream, RecordingFile
from speech.testing import quiet, tone

STEREO = np.stack([tone(1.0), tone(1.0, hertz=230, level=0.1)])


def pcm(samples: Samples) -> bytes:
    return (samples.T * 32767).astype("<i2").tobytes()


def opus_packets(samples: Samples) -> list[bytes]:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "stereo", "s16"
    encoder.open()
    frame = av.AudioFrame.from_ndarray(
        (samples.T * 32767).astype(np.int16).reshape(1, -1), format="s16", layout="stereo"
    )
    frame.sample_rate = RATE
    resampler = av.AudioResampler(format="s16", layout="stereo", rate=48_000, frame_size=960)
    pieces = [*resampler.resample(frame), *resampler.resample(None)]
    return [bytes(packet) for piece in pieces for packet in encoder.encode(piece)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 4000), max_size=12))
def test_where_messages_end_does_not_matter(cuts: list[int]) -> None:
    content = pcm(STEREO[:, :1000])
    edges = [0, *sorted(cuts), len(content)]
    stream = PcmStream(rate=RATE, channels=2)

    heard = np.concatenate([stream.heard(content[a:b]) for a, b in pairwise(edges)], axis=1)

    assert np.array_equal(heard, PcmStream(rate=RATE, channels=2).heard(content))


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_every_rate_comes_out_at_16_khz_with_its_channels_apart(rate: int) -> None:
    time = np.arange(rate) / rate
    left = np.asarray(0.3 * np.sin(2 * np.pi * 440 * time), np.float32)
    stream = PcmStream(rate=rate, channels=2)

    heard = stream.heard(pcm(np.stack([left, left * 0])))

    assert heard.shape[0] == 2
    assert heard.shape[1] == pytest.approx(RATE, abs=RATE // 50)
    assert (np.abs(heard[0]).max() > 0.25, np.abs(heard[1]).max() < 0.01) == (True, True)


def test_opus_packets_are_heard() -> None:
    stream = OpusStream(channels=2)

    heard = np.concatenate([stream.heard(packet) for packet in opus_packets(STEREO)], axis=1)

    assert heard.shape[1] == pytest.approx(RATE, abs=RATE // 20)
    loud, soft = np.sqrt(np.mean(heard**2, axis=1))
    assert loud > 2 * soft > 0.01


def test_what_is_no_opus_is_refused() -> None:
    with pytest.raises(InputError) as refused:
        OpusStream(channels=2).heard(b"\xff" * 40)

    assert refused.value.code == "speech.bad_live_sound"


@pytest.mark.parametrize("step", [7, 160, 5000])
def test_the_file_holds_what_was_heard(step: int, tmp_path: Path) -> None:
    path = tmp_path / "call.flac"
    file = RecordingFile(path, channels=2)
    for at in range(0, STEREO.shape[1], step):
        file.write(STEREO[:, at : at + step])
    file.close()
    file.close()

    kept = np.concatenate(list(decode(path, limits=AudioLimits())), axis=1)

    assert file.samples == STEREO.shape[1]
    assert kept.shape == STEREO.shape
    assert np.abs(kept - STEREO).max() < 2e-4


def test_a_file_of_nothing_can_be_closed(tmp_path: Path) -> None:
    file = RecordingFile(tmp_path / "call.flac", channels=1)
    file.write(quiet(0.0)[None, :])
    file.close()

    assert file.samples == 0
