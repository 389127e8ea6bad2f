"""Damaged and strange recordings through the whole transcriber: real decoding, real voice detection, scripted words.

Every one ends in an error that says what is wrong or in a transcript; none crashes, hangs or leaves anything open.
"""

from __future__ import annotations

import gc
import os
import random
import struct
import tempfile
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest

from domain.conversation import Transcript
from domain.errors import InputError
from speech.audio import RATE, AudioLimits, Samples, decode
from speech.progress import Progress, Stage
from speech.testing import LoudnessDetector, ScriptedRecognizer
from speech.transcriber import CallTranscriber, SpeechOptions

SPEECH = Path(__file__).parents[2] / "examples" / "calls" / "medical_delivery.ogg"
FORMATS = {
    "wav": ("wav", "pcm_s16le", 16000),
    "float.wav": ("wav", "pcm_f32le", 16000),
    "mulaw.wav": ("wav", "pcm_mulaw", 8000),
    "96k.wav": ("wav", "pcm_s24le", 96000),
    "mp3": ("mp3", "libmp3lame", 44100),
    "m4a": ("mp4", "aac", 44100),
    "aac": ("adts", "aac", 44100),
    "ogg": ("ogg", "libopus", 48000),
    "flac": ("flac", "flac", 16000),
    "96k.flac": ("flac", "flac", 96000),
    "amr": ("amr", "libopencore_amrnb", 8000),
    "mka": ("matroska", "libopus", 48000),
}
CUTS = (0, 3, 11, 30, 60, 200, 0.3, 0.6, 0.9)
MAGICS = (b"RIFF\xff\xff\xff\xffWAVE", b"OggS\0\2", b"fLaC\0\0\0\x22", b"ID3\4\0\0\0\0\0\0", b"#!AMR\n", b"\xff\xfb\x90\0",
          b"\xff\xf1\x50\x80", b"\0\0\0\x18ftypM4A ", b"\x1a\x45\xdf\xa3\x93", b"caff\0\1\0\0", b"FORM\0\0\1\0AIFF")  # fmt: skip


@cache
def spoken(seconds: float = 3.0) -> Samples:
    """A stretch of the sample call in which somebody speaks, float32 (n,) at 16 kHz."""
    blocks = decode(SPEECH, limits=AudioLimits())
    return next(blocks).mean(axis=0)[: round(seconds * RATE)]


def encoded(folder: Path, name: str, samples: Samples) -> bytes:
    container_format, codec, rate = FORMATS[name]
    path = folder / f"original.{name}"
    with av.open(str(path), "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray((samples * 32767).astype(np.int16)[None, :], format="s16", layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(format=stream.format.name, layout="mono", rate=rate, frame_size=stream.frame_size)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path.read_bytes()


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    folder = tmp_path_factory.mktemp("originals")
    return {name: encoded(folder, name, spoken()) for name in FORMATS}


def wav(
    data: bytes = b"\0\0" * RATE,
    *,
    coding: int = 1,
    channels: int = 1,
    rate: int = RATE,
    align: int = 2,
    bits: int = 16,
    fmt_length: int = 16,
    data_length: int | None = None,
    riff_length: int | None = None,
) -> bytes:
    """A WAV file that may lie about anything."""
    length = len(data) if data_length is None else data_length
    whole = 36 + length if riff_length is None else riff_length
    fmt = struct.pack("<HHIIHH", coding, channels, rate, min(rate * align, 2**32 - 1), align, bits)
    head = b"RIFF" + struct.pack("<I", whole % 2**32) + b"WAVEfmt " + struct.pack("<I", fmt_length) + fmt
    return head + b"data" + struct.pack("<I", length) + data


LIES = {
    "no rate": wav(rate=0),
    "rate of one": wav(rate=1),
    "rate beyond reason": wav(rate=2**31 - 1),
    "rate of all ones": wav(rate=2**32 - 1),
    "no channels": wav(channels=0),
    "65535 channels": wav(channels=65535),
    "nine channels, aligned for one": wav(channels=9),
    "no alignment": wav(align=0),
    "alignment of 65535": wav(align=65535),
    "no bits": wav(bits=0),
    "three bits": wav(bits=3),
    "64 bits": wav(bits=64, align=8),
    "a coding nobody knows": wav(coding=0x7777),
    "claims to be mp3": wav(coding=0x55),
    "claims to be float": wav(coding=3, bits=32, align=4),
    "claims to be double": wav(coding=3, bits=64, align=8),
    "claims to be adpcm": wav(coding=2, bits=4, align=256),
    "claims to be extensible": wav(coding=0xFFFE),
    "fmt longer than the file": wav(fmt_length=2**31),
    "fmt of no length": wav(fmt_length=0),
    "data longer than the file": wav(data_length=10**9),
    "data of unknown length": wav(data_length=0xFFFFFFFF),
    "data of no length": wav(data_length=0),
    "riff of no length": wav(riff_length=0),
    "no data at all": wav(b"")[:-8],
    "data before fmt": b"RIFF\x24\0\0\0WAVEdata\x10\0\0\0" + bytes(16),
    "two fmt chunks": wav()[:36] + wav(rate=8000, channels=2, align=4)[12:],
    "half a sample": wav(b"\0"),
    "an odd number of bytes": wav(b"\0" * 32001),
}
STRANGE = {
    "one sample": wav(b"\1\0"),
    "two samples in stereo": wav(b"\1\0\2\0\3\0\4\0", channels=2, align=4),
    "not a number": wav(np.full(RATE, np.nan, "<f4").tobytes(), coding=3, bits=32, align=4),
    "infinite": wav(np.full(RATE, np.inf, "<f4").tobytes(), coding=3, bits=32, align=4),
    "far beyond full scale": wav(np.full(RATE, 1e30, "<f4").tobytes(), coding=3, bits=32, align=4),
    "subnormal": wav(np.full(RATE, 1e-42, "<f4").tobytes(), coding=3, bits=32, align=4),
    "96 kHz": wav(bytes(2 * 96000), rate=96000),
    "768 kHz": wav(bytes(2 * 76800), rate=768000),
    "twelve channels": wav(bytes(24 * RATE), channels=12, align=24),
    "constant": wav(b"\xff\x7f" * RATE),
    "white noise": wav(np.random.default_rng(0).integers(-3000, 3000, RATE, dtype="<i2").tobytes()),
}


def cut_short(originals: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for name, content in originals.items():
        for cut in CUTS:
            yield name, content[: round(cut * len(content)) if isinstance(cut, float) else cut]


def flipped(originals: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for seed, (name, content) in enumerate(list(originals.items()) * 5):
        chance = random.Random(seed)
        changed = bytearray(content)
        for _ in range(chance.randrange(1, 60)):
            changed[chance.randrange(len(changed) if seed % 2 else min(200, len(changed)))] = chance.randrange(256)
        yield name, bytes(changed)


def spliced(originals: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    names = list(originals)
    for seed, name in enumerate(names):
        chance = random.Random(seed)
        other = originals[names[seed - 1]]
        content = originals[name]
        at = chance.randrange(len(content))
        yield name, content[:at] + other[chance.randrange(len(other)) :]
        yield name, content + content
        yield name, content[:at] + chance.randbytes(5000) + content[at:]


def noise(originals: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for seed, magic in enumerate(MAGICS * 3):
        yield "bin", magic + random.Random(seed).randbytes(200 + 900 * seed)
    for seed in range(12):
        yield "wav", random.Random(100 + seed).randbytes(1 + seed * seed * 40)


def empty(originals: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for name in originals:
        yield name, b""


KINDS = {
    "cut short": cut_short,
    "flipped": flipped,
    "spliced": spliced,
    "noise": noise,
    "empty": empty,
    "lying": lambda originals: (("wav", content) for content in LIES.values()),
    "strange": lambda originals: (("wav", content) for content in STRANGE.values()),
}


def transcribe(path: Path) -> Transcript:
    """Real decoding and voice detection; every window of speech is heard as the same words."""
    options = SpeechOptions(limits=AudioLimits(max_duration_s=1200))
    return CallTranscriber(ScriptedRecognizer(["您好"] * 1000), options=options).transcribe(path)


def outcome(path: Path) -> Transcript | InputError:
    try:
        return transcribe(path)
    except InputError as refused:
        return refused.with_traceback(None)


def open_things() -> tuple[int, int]:
    gc.collect()
    return len(os.listdir("/proc/self/fd")), threading.active_count()  # noqa: PTH208


@pytest.fixture
def temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_there_are_more_than_two_hundred_damaged_files(originals: Mapping[str, bytes]) -> None:
    made = [content for make in KINDS.values() for _, content in make(originals)]

    assert len(set(made)) >= 200


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_recording_is_refused_or_heard_and_leaves_nothing_open(
    kind: str, originals: Mapping[str, bytes], tmp_path: Path, temporary_files: Path
) -> None:
    transcribe(_written(tmp_path, "wav", STRANGE["96 kHz"]))  # what is loaded once is loaded now
    before = open_things()

    for name, content in KINDS[kind](originals):
        found = outcome(_written(tmp_path, name, content))
        if isinstance(found, InputError):
            assert found.code.startswith("speech.")
            assert found.line("zh") != found.line("en")
        else:
            assert all(set(turn.text) <= set("您好，。") for turn in found.turns)
            assert found.duration_ms is not None and found.duration_ms >= 0

    assert open_things() == before
    assert list(temporary_files.iterdir()) == []


@pytest.mark.parametrize("case", STRANGE)
def test_what_is_strange_but_holds_no_speech_is_an_empty_transcript(case: str, tmp_path: Path) -> None:
    assert transcribe(_written(tmp_path, "wav", STRANGE[case])).turns == ()


@pytest.mark.parametrize("name", FORMATS)
def test_a_recording_under_a_wrong_name_is_heard_all_the_same(
    name: str, originals: Mapping[str, bytes], tmp_path: Path
) -> None:
    wrong = "mp3" if "wav" in name else "wav"

    assert [turn.text for turn in transcribe(_written(tmp_path, wrong, originals[name])).turns] == ["您好。"]


def test_nothing_but_a_name_is_not_found(tmp_path: Path) -> None:
    found = outcome(tmp_path / "nowhere.wav")

    assert isinstance(found, InputError) and found.code == "speech.not_found"


HOURS = 4


@pytest.fixture(scope="module")
def four_hours_of_silence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a hole instead of bytes."""
    path = tmp_path_factory.mktemp("long") / "silence.wav"
    length = HOURS * 3600 * 8000 * 2
    with path.open("wb") as file:
        file.write(wav(b"", rate=8000, data_length=length))
        file.truncate(44 + length)
    return path


def test_four_hours_of_silence_are_empty_and_progress_never_rests(four_hours_of_silence: Path) -> None:
    steps: list[Progress] = []
    options = SpeechOptions(limits=AudioLimits(max_duration_s=HOURS * 3600 + 60))
    transcriber = CallTranscriber(ScriptedRecognizer(["谁"]), detector=LoudnessDetector, options=options)

    transcript = transcriber.transcribe(four_hours_of_silence, on_progress=steps.append)

    assert transcript.turns == ()
    assert transcript.duration_ms == pytest.approx(HOURS * 3_600_000, abs=100)
    assert len([step for step in steps if step.stage is Stage.LISTENING]) >= HOURS * 3600 / 10
    assert [step.fraction for step in steps] == sorted(step.fraction for step in steps)


def test_four_hours_are_refused_where_three_are_the_limit(four_hours_of_silence: Path) -> None:
    transcriber = CallTranscriber(ScriptedRecognizer(["谁"]), detector=LoudnessDetector)

    with pytest.raises(InputError) as refused:
        transcriber.transcribe(four_hours_of_silence)

    assert refused.value.code == "speech.too_long"


def _written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / f"call.{name}"
    path.write_bytes(content)
    return path
