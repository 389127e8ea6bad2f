"""What the speech settings choose, without any weights; nothing heavy is imported by choosing."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from domain.errors import InputError
from speech.endpoint_recognizer import EndpointRecognizer
from speech.faster_whisper_recognizer import FasterWhisperRecognizer
from speech.openai_whisper_recognizer import OpenAiWhisperRecognizer
from speech.testing import LoudnessDetector, ScriptedRecognizer, quiet, tone, write_wav
from speech.transcriber import CallTranscriber
from speech.voices import OneVoice
from zhanqing import bootstrap
from zhanqing.settings import Settings, SpeechSettings, read_settings

CALL = (
    np.concatenate([quiet(0.5), tone(3.0), quiet(6.5)]),
    np.concatenate([quiet(5.0), tone(3.0), quiet(2.0)]),
)


def parts(home: Path, **speech: object) -> bootstrap.Parts:
    return bootstrap.build(Settings(home=home, speech=SpeechSettings.model_validate(speech)))


def test_each_kind_of_recognizer_is_a_setting(tmp_path: Path) -> None:
    here = parts(tmp_path, model=str(tmp_path / "weights")).recognizer
    torch = parts(tmp_path, recognizer="openai-whisper", model=str(tmp_path / "small.pt")).recognizer
    away = parts(tmp_path, recognizer="endpoint", base_url="http://localhost/v1", model="whisper-1").recognizer

    assert isinstance(here, FasterWhisperRecognizer)
    assert isinstance(torch, OpenAiWhisperRecognizer)
    assert isinstance(away, EndpointRecognizer)
    assert (here.name, torch.name, away.name.split("@")[0]) == ("weights@int8", "small@openai-whisper", "whisper-1")


def test_an_endpoint_without_an_address_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHANQING_SPEECH__RECOGNIZER", "endpoint")

    with pytest.raises(InputError) as refused:
        read_settings()

    assert "base_url" in str(refused.value)


def test_script_numbers_and_roles_reach_the_transcript(tmp_path: Path) -> None:
    chosen = SpeechSettings(script="tw", normalize_numbers=True, roles=("customer", "rep"))
    transcriber = CallTranscriber(
        ScriptedRecognizer(["价格是三千元", "这个软件很贵"]),
        detector=LoudnessDetector,
        options=bootstrap.speech_options(chosen),
    )

    first, second = transcriber.transcribe(write_wav(tmp_path / "call.wav", *CALL)).turns

    assert (first.speaker, second.speaker) == ("customer", "rep")
    assert "價格" in first.text and "這個" in second.text
    assert first.normalized_text is not None and "3000" in first.normalized_text


def test_roles_of_the_call_go_before_the_usual_ones(tmp_path: Path) -> None:
    options = bootstrap.speech_options(SpeechSettings(roles=("customer", "rep")))
    transcriber = CallTranscriber(ScriptedRecognizer(["您好", "你说"]), detector=LoudnessDetector, options=options)

    turns = transcriber.transcribe(write_wav(tmp_path / "call.wav", *CALL), roles=("rep", "customer")).turns

    assert [turn.speaker for turn in turns] == ["rep", "customer"]


def test_a_recording_without_its_end_is_taken_where_the_setting_says_so(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "call.wav", *CALL)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])

    def transcribe(chosen: SpeechSettings) -> object:
        return CallTranscriber(
            ScriptedRecognizer(["您好"]), detector=LoudnessDetector, options=bootstrap.speech_options(chosen)
        ).transcribe(path)

    assert transcribe(SpeechSettings(accept_truncated=True))
    with pytest.raises(InputError):
        transcribe(SpeechSettings())


def test_voices_of_a_mix_are_told_apart_only_where_the_extra_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "find_spec", lambda name: ModuleSpec(name, None))
    with_torch = bootstrap.make_diarizer()
    monkeypatch.setattr(bootstrap, "find_spec", lambda name: None)
    without = bootstrap.make_diarizer()

    assert type(with_torch()).__name__ == "VoiceDiarizer"
    assert with_torch() is not with_torch()
    assert without is OneVoice


def test_choosing_the_diarizer_imports_no_torch() -> None:
    code = "import sys; from zhanqing.bootstrap import make_diarizer; make_diarizer()(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
