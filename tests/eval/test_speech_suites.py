"""The speech suites on small recordings made here, with a recogniser that is scripted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eval.speech_scores import CharacterErrors, error_difference
from eval.speech_sets import Utterance
from eval.speech_telephone import evenly, telephone_figures, write_telephone
from speech.audio import RATE, AudioLimits, Samples, decode
from speech.testing import LoudnessDetector, ScriptedRecognizer, tone, write_wav
from speech.transcriber import CallTranscriber


def sine(hertz: float, seconds: float = 1.0) -> Samples:
    return np.asarray(0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE), np.float32)


def loudness(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples[:, RATE // 4 : -RATE // 4] ** 2)))


@pytest.mark.parametrize(("hertz", "passes"), [(100, False), (1000, True), (3000, True), (5000, False)])
def test_the_telephone_lets_only_its_band_through(hertz: float, passes: bool, tmp_path: Path) -> None:
    source, target = write_wav(tmp_path / "wide.wav", sine(hertz)), tmp_path / "narrow.wav"

    write_telephone(source, target)

    heard = np.concatenate(list(decode(target, limits=AudioLimits())), axis=1)
    assert heard.shape[1] == pytest.approx(RATE, abs=RATE // 100)
    assert (loudness(heard) > 0.15) is passes


def test_the_telephone_keeps_channels_apart(tmp_path: Path) -> None:
    source, target = write_wav(tmp_path / "wide.wav", sine(1000), sine(1000) * 0), tmp_path / "narrow.wav"

    write_telephone(source, target)

    heard = np.concatenate(list(decode(target, limits=AudioLimits())), axis=1)
    assert (loudness(heard[:1]) > 0.15, loudness(heard[1:]) < 0.01) == (True, True)


def test_a_loss_is_the_growth_of_the_errors_over_the_references_length() -> None:
    before = [CharacterErrors(edits=1, length=10), CharacterErrors(edits=2, length=30)]
    after = [CharacterErrors(edits=3, length=10), CharacterErrors(edits=2, length=30)]

    assert error_difference("loss", before, after).value == pytest.approx(2 / 40)


def test_a_loss_between_different_rows_is_refused() -> None:
    with pytest.raises(ValueError):
        error_difference("loss", [CharacterErrors(edits=1, length=10)], [CharacterErrors(edits=1, length=9)])


def test_an_even_sample_reaches_over_all_rows() -> None:
    rows = [Utterance(id=str(number), audio=Path(), text="", group="") for number in range(100)]

    assert [row.id for row in evenly(rows, 4)] == ["0", "25", "50", "75"]


def test_the_telephone_suite_pairs_each_sentence_with_itself(tmp_path: Path) -> None:
    audio = write_wav(tmp_path / "a.wav", tone(2.0, hertz=400))
    sentence = Utterance(id="a", audio=audio, text="价格太贵了", group="sentences")
    transcriber = CallTranscriber(ScriptedRecognizer(["价格太贵了", "价格太跪了"]), detector=LoudnessDetector)

    figures = {figure.name: figure.value for figure in telephone_figures(transcriber, [], [sentence])}

    assert figures == {
        "read_speech.cer_wide_band": 0.0,
        "read_speech.cer_telephone": 0.2,
        "read_speech.telephone_loss": 0.2,
    }
