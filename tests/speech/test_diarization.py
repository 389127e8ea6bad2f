"""Voices of a mix told apart and named: by what they say, or by an enrolled voice. Tones stand for voices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from domain.conversation import Transcript
from domain.errors import InputError, MissingError
from speech.attribution import named_speakers
from speech.audio import RATE, Samples
from speech.diarization import VoiceDiarizer
from speech.telephone_band import TELEPHONE_SHARE, by_telephone, power_in_band
from speech.testing import LoudnessDetector, ScriptedRecognizer, quiet, tone, write_wav
from speech.transcriber import CallTranscriber
from speech.voice_encoder import Vectors
from speech.voiceprints import Voiceprint
from speech.voices import OneVoice, SpokenPart

LOW, HIGH = 420.0, 820.0
UNRELATED = ("今天天气晴朗", "股市小幅上涨", "运动会开幕了", "图书馆关门了")


class PitchEncoder:
    """Hears a voice as where the energy of its spectrum lies."""

    def encode(self, slices: Samples) -> Vectors:
        spectra = np.abs(np.fft.rfft(slices, axis=1))[:, : 2000 * slices.shape[1] // RATE]
        bands = np.stack([part.sum(axis=1) for part in np.array_split(spectra, 32, axis=1)], axis=1)
        bands = bands - bands.mean(axis=1, keepdims=True)
        return np.asarray(bands / np.maximum(np.linalg.norm(bands, axis=1, keepdims=True), 1e-9), np.float32)


def voice(hertz: float, seconds: float) -> Samples:
    return np.asarray(0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE), np.float32)


def mixed(path: Path) -> Path:
    """Low, high, low, high: three seconds each with a pause of a second."""
    parts = [part for hertz in (LOW, HIGH, LOW, HIGH) for part in (voice(hertz, 3.0), quiet(1.0))]
    return write_wav(path / "mix.wav", np.concatenate(parts))


def transcriber(texts: Sequence[str]) -> CallTranscriber:
    return CallTranscriber(
        ScriptedRecognizer(["，".join(texts)]),
        detector=LoudnessDetector,
        diarizer=lambda: VoiceDiarizer(PitchEncoder()),
    )


def speakers(transcript: Transcript) -> list[str]:
    return [turn.speaker for turn in transcript.turns]


def test_voices_are_told_apart_and_nobody_is_named_without_evidence(tmp_path: Path) -> None:
    assert speakers(transcriber(UNRELATED).transcribe(mixed(tmp_path))) == [
        "speaker_0",
        "speaker_1",
        "speaker_0",
        "speaker_1",
    ]


@pytest.mark.parametrize(
    ("hertz", "named"), [(LOW, ["rep", "customer", "rep", "customer"]), (HIGH, ["customer", "rep", "customer", "rep"])]
)
def test_an_enrolled_voice_is_the_rep_whoever_speaks_first(hertz: float, named: list[str], tmp_path: Path) -> None:
    clip = write_wav(tmp_path / "rep.wav", voice(hertz, 8.0))

    assert speakers(transcriber(UNRELATED).transcribe(mixed(tmp_path), rep_voice=clip)) == named


def test_an_enrolled_voice_that_is_not_in_the_call_names_nobody(tmp_path: Path) -> None:
    clip = write_wav(tmp_path / "rep.wav", voice(1600.0, 8.0))

    found = speakers(transcriber(UNRELATED).transcribe(mixed(tmp_path), rep_voice=clip))

    assert found == ["speaker_0", "speaker_1", "speaker_0", "speaker_1"]


def test_an_enrolment_is_forgotten_with_its_recording(tmp_path: Path) -> None:
    clip = write_wav(tmp_path / "rep.wav", voice(LOW, 8.0))
    one = transcriber(UNRELATED)
    one.transcribe(mixed(tmp_path), rep_voice=clip)

    again = CallTranscriber(
        ScriptedRecognizer(["，".join(UNRELATED)]), detector=LoudnessDetector, diarizer=one._diarizer
    ).transcribe(mixed(tmp_path))

    assert set(speakers(again)) == {"speaker_0", "speaker_1"}


def test_too_little_speech_to_know_a_voice_by_is_said_so(tmp_path: Path) -> None:
    clip = write_wav(tmp_path / "rep.wav", np.concatenate([voice(LOW, 2.0), quiet(20.0)]))

    with pytest.raises(InputError) as refused:
        transcriber(UNRELATED).transcribe(mixed(tmp_path), rep_voice=clip)

    assert refused.value.code == "speech.enrolment_too_short"


def test_an_enrolment_that_nobody_can_use_is_not_ignored(tmp_path: Path) -> None:
    clip = write_wav(tmp_path / "rep.wav", voice(LOW, 8.0))
    default = CallTranscriber(ScriptedRecognizer(["您好"]), detector=LoudnessDetector, diarizer=OneVoice)

    with pytest.raises(MissingError) as missing:
        default.transcribe(mixed(tmp_path), rep_voice=clip)

    assert "zhanqing[torch]" in missing.value.line("zh")


def test_where_channels_tell_who_speaks_the_clip_is_not_read(tmp_path: Path) -> None:
    call = write_wav(
        tmp_path / "call.wav",
        np.concatenate([tone(2.0), quiet(4.0)]),
        np.concatenate([quiet(3.0), tone(2.0), quiet(1.0)]),
    )
    transcript = CallTranscriber(ScriptedRecognizer(["您好", "你说"]), detector=LoudnessDetector).transcribe(
        call, rep_voice=tmp_path / "nowhere.wav"
    )

    assert speakers(transcript) == ["rep", "customer"]


def test_a_clip_in_wide_band_is_compared_as_the_telephone_would_carry_it() -> None:
    rumble = np.random.default_rng(0).standard_normal(8 * RATE).astype(np.float32)
    low = np.fft.irfft(np.fft.rfft(rumble) * (np.fft.rfftfreq(len(rumble), 1 / RATE) < 150), len(rumble))
    clip = voice(LOW, 8.0) + np.asarray(2.0 * low / np.abs(low).max(), np.float32)

    heard = by_telephone(clip)

    assert power_in_band(clip)[0] < TELEPHONE_SHARE * power_in_band(clip)[1]
    assert power_in_band(heard)[0] > TELEPHONE_SHARE * power_in_band(heard)[1]
    assert np.abs(heard - voice(LOW, 8.0)).max() < 0.01


def test_a_known_voice_goes_before_what_is_said() -> None:
    said = {0: "我是启明软件的顾问，我给您介绍一下我们的方案", 1: "你们太贵了，我们预算不够"}

    assert named_speakers(said)[0] == "rep"
    assert named_speakers(said, rep=1) == {1: "rep", 0: "customer"}


def test_with_three_voices_only_the_known_one_is_named_without_evidence() -> None:
    assert named_speakers({0: "今天天气晴朗", 1: "股市小幅上涨", 2: "运动会开幕了"}, rep=2) == {2: "rep"}


def test_no_character_is_lost_when_speakers_are_told_apart(tmp_path: Path) -> None:
    parts: list[SpokenPart] = []

    class Noting(VoiceDiarizer):
        def attribute(self, text):  # type: ignore[no-untyped-def]  # only passes on
            found = super().attribute(text)
            parts.extend(found)
            assert sum((part.characters for part in found), ()) == text
            return found

    CallTranscriber(
        ScriptedRecognizer(["，".join(UNRELATED)]),
        detector=LoudnessDetector,
        diarizer=lambda: Noting(PitchEncoder()),
    ).transcribe(mixed(tmp_path))

    assert len(parts) == 4


def test_a_voice_on_file_names_the_rep_as_the_clip_itself_does(tmp_path: Path) -> None:
    clip = write_wav(tmp_path / "rep.wav", voice(HIGH, 8.0))
    kept = Voiceprint.load(transcriber(UNRELATED).voiceprint(clip).dump())
    clip.unlink()

    found = speakers(transcriber(UNRELATED).transcribe(mixed(tmp_path), rep_voice=kept))

    assert found == ["customer", "rep", "customer", "rep"]


def test_a_voice_on_file_does_not_fail_a_call_where_voices_cannot_be_told_apart(tmp_path: Path) -> None:
    clip = write_wav(tmp_path / "rep.wav", voice(LOW, 8.0))
    kept = transcriber(UNRELATED).voiceprint(clip)
    default = CallTranscriber(ScriptedRecognizer(["，".join(UNRELATED)]), detector=LoudnessDetector, diarizer=OneVoice)

    assert set(speakers(default.transcribe(mixed(tmp_path), rep_voice=kept))) == {"speaker_0"}


def test_something_else_is_not_taken_for_a_voiceprint() -> None:
    with pytest.raises(ValueError, match="not a voiceprint"):
        Voiceprint.load('{"kind": "other"}')
