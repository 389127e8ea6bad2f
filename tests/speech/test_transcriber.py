from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from domain.conversation import Transcript
from domain.errors import InputError
from domain.lexicon import LexiconEntry
from speech.audio import Samples
from speech.checkpoints import FileCheckpoint
from speech.progress import Progress, Stage
from speech.spoken_pii import spoken_pii
from speech.testing import LoudnessDetector, MemoryCheckpoint, ScriptedRecognizer, quiet, tone, write_wav
from speech.transcriber import CallTranscriber, SpeechOptions

REP = np.concatenate([quiet(0.5), tone(3.0, hertz=120), quiet(6.5)])
CUSTOMER = np.concatenate([quiet(5.0), tone(3.0, hertz=230), quiet(2.0)])


def transcriber(*texts: str, **options: object) -> CallTranscriber:
    return CallTranscriber(
        ScriptedRecognizer(texts),
        detector=LoudnessDetector,
        options=SpeechOptions(**options),  # type: ignore[arg-type]
    )


def lines(transcript: Transcript) -> list[tuple[str, str]]:
    return [(turn.speaker, turn.text) for turn in transcript.turns]


def call(path: Path, *channels: Samples) -> Path:
    return write_wav(path / "call.wav", *channels)


def test_the_left_channel_is_the_rep_and_the_right_one_the_customer(tmp_path: Path) -> None:
    transcript = transcriber("您好", "你说吧").transcribe(call(tmp_path, REP, CUSTOMER))

    assert lines(transcript) == [("rep", "您好。"), ("customer", "你说吧。")]
    assert [turn.channel for turn in transcript.turns] == [0, 1]


def test_roles_follow_the_setting(tmp_path: Path) -> None:
    transcript = transcriber("您好", "你说吧").transcribe(call(tmp_path, REP, CUSTOMER), roles=("customer", "rep"))

    assert [turn.speaker for turn in transcript.turns] == ["customer", "rep"]


def test_turns_are_where_they_were_said(tmp_path: Path) -> None:
    first, second = transcriber("您好", "你说吧").transcribe(call(tmp_path, REP, CUSTOMER)).turns

    assert first.start_ms == pytest.approx(500, abs=250)
    assert first.end_ms == pytest.approx(3500, abs=350)
    assert second.start_ms == pytest.approx(5000, abs=250)


def test_mono_is_attributed_to_nobody(tmp_path: Path) -> None:
    transcript = transcriber("您好你说吧").transcribe(call(tmp_path, REP + CUSTOMER))

    assert {turn.speaker for turn in transcript.turns} == {"speaker_0"}


@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_two_channels_with_the_same_sound_are_a_mix(gain: float, tmp_path: Path) -> None:
    mixed = REP + CUSTOMER

    transcript = transcriber("您好你说吧").transcribe(call(tmp_path, mixed, np.float32(gain) * mixed))

    assert {turn.speaker for turn in transcript.turns} == {"speaker_0"}


def test_a_dead_channel_does_not_make_the_other_one_the_rep(tmp_path: Path) -> None:
    transcript = transcriber("您好你说吧").transcribe(call(tmp_path, REP + CUSTOMER, quiet(10.0)))

    assert {turn.speaker for turn in transcript.turns} == {"speaker_0"}


def test_cross_talk_is_given_to_the_louder_channel_once(tmp_path: Path) -> None:
    recognizer = ScriptedRecognizer(["您好", "你说吧", "回声", "回声"])
    bleeding = REP + np.float32(0.1) * CUSTOMER

    transcript = CallTranscriber(recognizer, detector=LoudnessDetector).transcribe(call(tmp_path, bleeding, CUSTOMER))

    assert lines(transcript) == [("rep", "您好。"), ("customer", "你说吧。")]
    assert recognizer.windows == 2


def test_silence_is_an_empty_transcript(tmp_path: Path) -> None:
    transcript = transcriber("谁在说话").transcribe(call(tmp_path, quiet(5.0)))

    assert transcript.turns == ()
    assert transcript.duration_ms == 5000


def test_one_sample_is_an_empty_transcript(tmp_path: Path) -> None:
    assert transcriber("谁").transcribe(call(tmp_path, quiet(1 / 16000))).turns == ()


def test_the_lexicon_is_heard_and_the_original_is_kept(tmp_path: Path) -> None:
    recognizer = ScriptedRecognizer(["我是其名乱剑的顾问"], probability=0.6)
    lexicon = (LexiconEntry(name="启明软件", aliases=("启明",)),)

    turn = (
        CallTranscriber(recognizer, detector=LoudnessDetector).transcribe(call(tmp_path, REP), lexicon=lexicon).turns[0]
    )

    assert "启明软件" in recognizer.prompts[0]
    assert turn.text == "我是启明软件的顾问。"
    assert turn.original_text == "我是其名乱剑的顾问。"


def test_an_unchanged_turn_has_no_original(tmp_path: Path) -> None:
    assert transcriber("您好").transcribe(call(tmp_path, REP)).turns[0].original_text is None


def test_numbers_read_aloud_and_digits_on_request(tmp_path: Path) -> None:
    turn = transcriber("涨了30%到48万", normalize=True).transcribe(call(tmp_path, REP)).turns[0]

    assert turn.text == "涨了百分之三十到四十八万。"
    assert turn.normalized_text == "涨了30%到48万。"


def test_words_spell_the_text_and_lie_inside_the_turn(tmp_path: Path) -> None:
    for turn in transcriber("涨了30%，用CRM", "好的").transcribe(call(tmp_path, REP, CUSTOMER)).turns:
        assert "".join(word.text for word in turn.words) == turn.text.replace("，", "").replace("。", "")
        assert all(turn.start_ms <= word.start_ms <= word.end_ms <= turn.end_ms for word in turn.words)  # type: ignore[operator]


def test_each_turn_sounds_like_its_voice(tmp_path: Path) -> None:
    rep, customer = transcriber("您好", "你说吧").transcribe(call(tmp_path, REP, CUSTOMER)).turns

    assert rep.prosody and rep.prosody.pitch_hz == pytest.approx(120, abs=4)
    assert customer.prosody and customer.prosody.pitch_hz == pytest.approx(230, abs=6)


def test_what_the_guard_removes_stands_in_the_notes(tmp_path: Path) -> None:
    transcript = CallTranscriber(
        ScriptedRecognizer(["谢谢观看"], probability=0.3), detector=LoudnessDetector
    ).transcribe(call(tmp_path, REP))

    assert transcript.turns == ()
    assert [(note.why, note.text) for note in transcript.notes] == [("known_ghost", "谢谢观看")]


def test_the_same_recording_has_the_same_id(tmp_path: Path) -> None:
    path = call(tmp_path, REP)

    assert transcriber("您好").transcribe(path).id == transcriber("您好").transcribe(path).id


def test_more_roles_than_channels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        transcriber("您好").transcribe(call(tmp_path, REP, CUSTOMER), roles=("rep", "customer", "rep"))

    assert refused.value.code == "speech.bad_roles"


def test_progress_never_falls_and_ends_at_one(tmp_path: Path) -> None:
    steps: list[Progress] = []
    transcriber("您好", "你说吧").transcribe(call(tmp_path, REP, CUSTOMER), on_progress=steps.append)

    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert {step.stage for step in steps} == set(Stage)


def many_windows(path: Path) -> Path:
    return call(path, *[np.concatenate([part for _ in range(30) for part in (tone(9.0), quiet(1.0))])])


def test_a_killed_job_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = many_windows(tmp_path)
    texts = [f"第{number}段" for number in "一二三四五六七八九十甲乙丙丁戊己"]
    whole = transcriber(*texts).transcribe(path)
    checkpoint = MemoryCheckpoint(fail_after=8)
    with pytest.raises(KeyboardInterrupt):
        transcriber(*texts).transcribe(path, checkpoint=checkpoint)
    kept = MemoryCheckpoint()
    kept.kept = dict(checkpoint.kept)
    recognizer = ScriptedRecognizer(texts[8:])

    resumed = CallTranscriber(recognizer, detector=LoudnessDetector).transcribe(path, checkpoint=kept)

    assert lines(resumed) == lines(whole)
    assert len(checkpoint.kept) == 8
    assert recognizer.windows == len(kept.kept) - 8


def test_a_checkpoint_of_another_lexicon_is_not_used(tmp_path: Path) -> None:
    path, checkpoint = call(tmp_path, REP), MemoryCheckpoint()
    transcriber("旧的").transcribe(path, checkpoint=checkpoint)

    again = transcriber("新的").transcribe(path, lexicon=(LexiconEntry(name="启明软件"),), checkpoint=checkpoint)

    assert again.turns[0].text == "新的。"


def test_a_checkpoint_file_survives_a_line_cut_short(tmp_path: Path) -> None:
    checkpoint = FileCheckpoint(tmp_path / "windows.jsonl")
    checkpoint.finish("a", '{"x": 1}')
    with (tmp_path / "windows.jsonl").open("a") as file:
        file.write('["b", "{\\"x')
    checkpoint.finish("c", '{"x": 3}')

    assert checkpoint.finished() == {"a": '{"x": 1}', "c": '{"x": 3}'}


def test_spoken_personal_data_has_its_times(tmp_path: Path) -> None:
    transcript = transcriber("号码一三八零零一三八零零零").transcribe(call(tmp_path, REP))

    (found,) = spoken_pii(transcript)

    turn = transcript.turns[0]
    assert turn.text[found.start : found.end] == "一三八零零一三八零零零"
    assert found.start_ms == turn.words[2].start_ms
    assert found.end_ms == turn.words[-1].end_ms
