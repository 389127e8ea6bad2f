from __future__ import annotations

import random
import struct
from pathlib import Path

import av
import numpy as np
import pytest

from domain.errors import InputError
from speech.audio import RATE, AudioLimits, Samples, decode, length_hint
from speech.containers import is_cut_short, sniff
from speech.testing import quiet, tone, write_wav

ENCODERS = {
    "wav": ("wav", "pcm_s16le", 16000),
    "mp3": ("mp3", "libmp3lame", 44100),
    "m4a": ("mp4", "aac", 44100),
    "aac": ("adts", "aac", 44100),
    "ogg": ("ogg", "libopus", 48000),
    "flac": ("flac", "flac", 16000),
    "amr": ("amr", "libopencore_amrnb", 8000),
    "mulaw.wav": ("wav", "pcm_mulaw", 8000),
    "48k.wav": ("wav", "pcm_s16le", 48000),
    "96k.flac": ("flac", "flac", 96000),
}


def encoded(path: Path, name: str, samples: Samples) -> Path:
    container_format, codec, rate = ENCODERS[name]
    with av.open(str(path), "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray((samples * 32767).astype(np.int16)[None, :], format="s16", layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(format=stream.format.name, layout="mono", rate=rate, frame_size=stream.frame_size)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def whole(path: Path, limits: AudioLimits | None = None) -> Samples:
    return np.concatenate(list(decode(path, limits=limits or AudioLimits())), axis=1)


@pytest.mark.parametrize("name", ENCODERS)
def test_every_format_decodes_to_its_length_and_loudness(name: str, tmp_path: Path) -> None:
    path = encoded(tmp_path / f"call.{name}", name, tone(2.0))

    heard = whole(path)

    assert heard.shape[0] == 1
    assert heard.shape[1] / RATE == pytest.approx(2.0, abs=0.15)
    assert float(np.sqrt(np.mean(heard**2))) == pytest.approx(float(np.sqrt(np.mean(tone(2.0) ** 2))), rel=0.25)


def test_a_wrong_extension_does_not_matter(tmp_path: Path) -> None:
    path = encoded(tmp_path / "call.mp3", "flac", tone(1.0))

    assert sniff(path) == "flac"
    assert whole(path).shape[1] == pytest.approx(RATE, abs=RATE // 20)


def test_stereo_keeps_its_channels_apart(tmp_path: Path) -> None:
    heard = whole(write_wav(tmp_path / "call.wav", tone(1.0), quiet(1.0)))

    assert heard.shape[0] == 2
    assert np.abs(heard[0]).max() > 0.1
    assert np.abs(heard[1]).max() == 0


def test_twelve_channels_are_mixed_to_one(tmp_path: Path) -> None:
    assert whole(write_wav(tmp_path / "call.wav", *[tone(0.5)] * 12)).shape[0] == 1


def test_not_a_number_becomes_silence(tmp_path: Path) -> None:
    samples = np.full(RATE, np.nan, "<f4")
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + samples.nbytes,
        b"WAVE",
        b"fmt ",
        16,
        3,
        1,
        RATE,
        RATE * 4,
        4,
        32,
        b"data",
        samples.nbytes,
    )
    path = tmp_path / "nan.wav"
    path.write_bytes(header + samples.tobytes())

    assert not whole(path).any()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "speech.empty_file"),
        (b"just some text, no sound at all" * 9, "speech.unknown_format"),
        (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "speech.unknown_format"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "speech.unknown_format"),
        (b"fLaC" + b"\0" * 40, "speech.no_audio|speech.damaged"),
    ],
)
def test_what_is_no_recording_is_refused_with_its_reason(content: bytes, code: str, tmp_path: Path) -> None:
    path = tmp_path / "call.ogg"
    path.write_bytes(content)

    with pytest.raises(InputError) as refused:
        whole(path)

    assert refused.value.code in code.split("|")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.wav", tmp_path):
        with pytest.raises(InputError) as refused:
            whole(path)
        assert refused.value.code == "speech.not_found"


def test_a_recording_over_the_limits_is_refused(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "call.wav", tone(3.0))

    with pytest.raises(InputError) as too_long:
        whole(path, AudioLimits(max_duration_s=2.0))
    with pytest.raises(InputError) as too_large:
        whole(path, AudioLimits(max_bytes=1000))

    assert (too_long.value.code, too_large.value.code) == ("speech.too_long", "speech.too_large")


@pytest.mark.parametrize("name", ["ogg", "wav"])
def test_a_recording_without_its_end_is_refused_unless_accepted(name: str, tmp_path: Path) -> None:
    path = encoded(tmp_path / f"call.{name}", name, tone(4.0))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])

    assert is_cut_short(path, name)
    with pytest.raises(InputError) as refused:
        whole(path)
    assert refused.value.code == "speech.truncated"
    assert whole(path, AudioLimits(accept_truncated=True)).shape[1] > RATE


def test_a_whole_file_is_not_called_cut(tmp_path: Path) -> None:
    for name in ("ogg", "wav"):
        assert not is_cut_short(encoded(tmp_path / f"call.{name}", name, tone(1.0)), name)


def test_a_stream_without_a_stated_length_counts_as_whole(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "pipe.wav", tone(1.0))
    content = bytearray(path.read_bytes())
    content[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(content)

    assert not is_cut_short(path, "wav")
    assert whole(path).shape[1] == pytest.approx(RATE, abs=100)


def test_blocks_stay_short_however_long_the_recording(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "long.wav", quiet(60.0))

    blocks = [block.shape[1] for block in decode(path, limits=AudioLimits())]

    assert sum(blocks) == 60 * RATE
    assert max(blocks) <= 10 * RATE


def test_the_claimed_length_is_known_before_decoding(tmp_path: Path) -> None:
    assert length_hint(write_wav(tmp_path / "call.wav", tone(2.0))) == 2 * RATE


def damaged(seed: int, originals: list[bytes]) -> bytes:
    random_source = random.Random(seed)
    content = bytearray(random_source.choice(originals))
    match seed % 5:
        case 0:
            del content[random_source.randrange(len(content)) :]
        case 1:
            for _ in range(random_source.randrange(1, 40)):
                content[random_source.randrange(len(content))] = random_source.randrange(256)
        case 2:
            for _ in range(random_source.randrange(1, 20)):
                content[random_source.randrange(min(80, len(content)))] = random_source.randrange(256)
        case 3:
            start = random_source.randrange(len(content))
            content[start : start + random_source.randrange(1, 2000)] = random_source.randbytes(
                random_source.randrange(1, 2000)
            )
        case 4:
            content = bytearray(content[:12] + random_source.randbytes(random_source.randrange(0, 3000)))
    return bytes(content)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("originals")
    return [encoded(folder / f"call.{name}", name, tone(1.0)).read_bytes() for name in ENCODERS]


@pytest.mark.parametrize("block", range(10))
def test_damaged_files_are_refused_or_decoded_and_never_crash(
    block: int, originals: list[bytes], tmp_path: Path
) -> None:
    path = tmp_path / "call.bin"
    for seed in range(block * 25, block * 25 + 25):
        path.write_bytes(damaged(seed, originals))
        try:
            heard = whole(path, AudioLimits(max_duration_s=600))
        except InputError as refused:
            assert refused.line("zh")
        else:
            assert np.isfinite(heard).all()
            assert np.abs(heard).max() <= 1
