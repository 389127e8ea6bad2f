"""The speech suites on small recordings made here, with a recogniser that is scripted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from domain.conversation import Transcript, Turn
from eval.speech_cost import write_long
from eval.speech_heard import ScoredCall
from eval.speech_live import live_figures
from eval.speech_scores import CharacterErrors, Spoken, error_difference
from eval.speech_sets import Call, SpokenTurn, Utterance, enrolment_clips
from eval.speech_telephone import LINES, evenly, telephone_figures, write_telephone
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


@pytest.mark.parametrize(("line", "passes"), [("telephone", False), ("mulaw_8khz", True)])
def test_eight_thousand_samples_a_second_hold_more_than_an_old_line(line: str, passes: bool, tmp_path: Path) -> None:
    source, target = write_wav(tmp_path / "wide.wav", sine(3700)), tmp_path / "narrow.wav"

    write_telephone(source, target, band_hz=LINES[line])

    assert (loudness(np.concatenate(list(decode(target, limits=AudioLimits())), axis=1)) > 0.15) is passes


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


def test_the_long_call_of_the_cost_suite_has_exactly_its_length(tmp_path: Path) -> None:
    source = write_wav(tmp_path / "a.wav", tone(7.0), tone(7.0, hertz=230))

    write_long([Call(id="a", audio=source, turns=())], tmp_path / "long.wav", minutes=1)

    blocks = list(decode(tmp_path / "long.wav", limits=AudioLimits()))
    assert {len(block) for block in blocks} == {2}
    assert sum(block.shape[1] for block in blocks) == 60 * RATE


def test_live_figures_compare_both_with_the_reference_and_with_each_other() -> None:
    call = Call(
        id="a",
        audio=Path(),
        turns=(SpokenTurn(spoken=Spoken(speaker="rep", start_ms=0, end_ms=1000), text="价格太贵了"),),
    )
    batch = Turn(id="t001", speaker="rep", text="价格太跪了。")
    scored = ScoredCall(
        call=call,
        transcript=Transcript(id="a", turns=(batch,)),
        by_speaker=(CharacterErrors(edits=1, length=5), CharacterErrors(edits=0, length=0)),
        seconds=1.0,
    )

    figures = {
        figure.name: figure.value
        for figure in live_figures([scored], [[Turn(id="t1", speaker="rep", text="价格太贵了")]])
    }

    assert figures == {
        "batch.cer": 0.2,
        "live.cer": 0.0,
        "live.cer_above_batch": -0.2,
        "live.distance_from_batch_text": 0.2,
    }


def test_an_enrolment_clip_says_nothing_that_is_in_a_call(tmp_path: Path) -> None:
    calls, sentences = tmp_path / "stereo_calls_zh_derived", tmp_path / "aishell_zh_speech"
    calls.mkdir()
    sentences.mkdir()
    row = {"id": "c", "channels": {"0": "agent (S1)", "1": "customer (S2)"}, "turns": [{"src": "a1"}]}
    (calls / "visible.jsonl").write_text(json.dumps(row), encoding="utf-8")
    rows = [
        {"id": name, "speaker": speaker, "audio": name} for name, speaker in (("a1", "S1"), ("a2", "S1"), ("b1", "S2"))
    ]
    (sentences / "visible.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    clips = enrolment_clips(tmp_path, "visible")

    assert clips == {("c", "rep"): (sentences / "a2",), ("c", "customer"): (sentences / "b1",)}
