from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from domain.lexicon import LexiconEntry
from speech.audio import RATE, Samples
from speech.live import LiveTranscriber, LiveTurn
from speech.recognizer import HeardWord, Hypothesis
from speech.testing import LoudnessDetector, ScriptedRecognizer, quiet, tone


def live(*texts: str, **options: object) -> LiveTranscriber:
    settings = {"partial_every_s": 0.0, "detector": LoudnessDetector, **options}
    return LiveTranscriber(ScriptedRecognizer(texts), **settings)  # type: ignore[arg-type]


def fed(transcriber: LiveTranscriber, *channels: np.ndarray, frame: int = 320) -> list[LiveTurn]:
    sound = np.stack(channels)
    steps = (sound[:, at : at + frame] for at in range(0, sound.shape[1], frame))
    return [turn for step in steps for turn in transcriber.feed(step)] + transcriber.finish()


REP = np.concatenate([quiet(0.5), tone(2.0), quiet(5.5)])
CUSTOMER = np.concatenate([quiet(4.0), tone(2.0), quiet(2.0)])


def test_each_channel_gives_its_final_turns_in_order() -> None:
    turns = fed(live("您好", "你说吧"), REP, CUSTOMER)

    assert [(one.turn.speaker, one.turn.text, one.is_final) for one in turns] == [
        ("rep", "您好。", True),
        ("customer", "你说吧。", True),
    ]


def test_times_are_those_of_the_call() -> None:
    first, second = fed(live("您好", "你说吧"), REP, CUSTOMER)

    assert first.turn.start_ms == pytest.approx(500, abs=250)
    assert second.turn.start_ms == pytest.approx(4000, abs=250)


def test_partial_turns_come_before_the_final_one_with_the_same_id() -> None:
    sound = np.concatenate([quiet(0.2), tone(5.0), quiet(2.0)])

    turns = fed(live("您", "您好", "您好啊", channels=1, partial_every_s=2.0), sound)

    assert [one.is_final for one in turns] == [False, False, True]
    assert len({one.turn.id for one in turns}) == 1


def test_what_is_open_at_the_end_is_not_lost() -> None:
    turns = fed(live("您好", channels=1), np.concatenate([quiet(0.2), tone(2.0)]))

    assert [one.turn.text for one in turns] == ["您好。"]


def test_silence_costs_nothing_and_says_nothing() -> None:
    recognizer = ScriptedRecognizer(["谁"])

    assert fed(LiveTranscriber(recognizer, channels=1, detector=LoudnessDetector), quiet(20.0)) == []
    assert recognizer.windows == 0


def test_names_are_put_right_as_they_are_said() -> None:
    turns = fed(
        live("我是其名乱剑的顾问", channels=1, lexicon=(LexiconEntry(name="启明软件"),)),
        np.concatenate([quiet(0.2), tone(3.0), quiet(1.5)]),
    )

    assert "启明软件" in turns[0].turn.text


def test_the_size_of_frames_does_not_change_the_final_text() -> None:
    small = fed(live("您好", "你说吧"), REP, CUSTOMER, frame=160)
    large = fed(live("您好", "你说吧"), REP, CUSTOMER, frame=4000)

    assert [one.turn.text for one in small] == [one.turn.text for one in large]


def test_a_live_call_has_a_role_for_each_channel() -> None:
    with pytest.raises(ValueError, match="role"):
        live(roles=("rep",))


class SecondsRecognizer(ScriptedRecognizer):
    """Hears one word in each second of a window, and remembers how long the windows were."""

    def __init__(self) -> None:
        super().__init__([])
        self.lengths_s: list[float] = []

    def recognize(self, windows: Sequence[Samples], *, language: str | None, prompt: str) -> list[Hypothesis]:
        self.lengths_s += [len(window) / RATE for window in windows]
        return [
            Hypothesis(
                words=tuple(
                    HeardWord(text=WORDS[at], start_s=at + 0.3, end_s=at + 0.6, probability=0.9)
                    for at in range(int(len(window) / RATE))
                ),
                language="zh",
                average_log_probability=-0.2,
            )
            for window in windows
        ]


WORDS = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏"
TWICE = np.concatenate([quiet(0.5), tone(3.0), quiet(2.0), tone(3.0), quiet(2.0)])


def test_a_turn_is_heard_with_what_came_before_it_and_repeats_none_of_it() -> None:
    recognizer = SecondsRecognizer()

    first, second = fed(LiveTranscriber(recognizer, channels=1, detector=LoudnessDetector, partial_every_s=0.0), TWICE)

    assert recognizer.lengths_s[1] > recognizer.lengths_s[0] + 3.0
    assert first.turn.text == "天地玄。"
    assert not set(first.turn.text[:-1]) & set(second.turn.text)
    assert second.turn.start_ms is not None and second.turn.start_ms >= 5000


def test_what_is_heard_at_once_is_never_longer_than_whisper_reads() -> None:
    recognizer = SecondsRecognizer()
    sound = np.concatenate([part for _ in range(20) for part in (tone(4.0), quiet(1.5))])

    fed(LiveTranscriber(recognizer, channels=1, detector=LoudnessDetector), sound, frame=RATE * 30)

    assert len(recognizer.lengths_s) >= 20
    assert max(recognizer.lengths_s) <= 28.5


def test_whoever_has_fallen_behind_gets_no_partial_turns() -> None:
    transcriber = live("您好啊", channels=1, partial_every_s=1.0)
    sound = np.concatenate([quiet(0.2), tone(5.0), quiet(2.0)])

    turns = [
        turn
        for at in range(0, len(sound), 1600)
        for turn in transcriber.feed(sound[None, at : at + 1600], with_partials=False)
    ]

    assert [one.is_final for one in turns] == [True]
