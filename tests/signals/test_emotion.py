"""Emotion cues: one a turn, moved a little by how it was said, and gone everywhere when switched off."""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.conversation import Prosody, Transcript, Turn
from domain.errors import IntegrityError
from domain.signals import Emotion, Signal
from language.encoder import Encoder
from signals.corpus import corpus_folder, corpus_hash
from signals.emotion import EmotionDetector, decide, prosody_shifts
from signals.emotion_cues import count_words
from signals.emotion_head import DIRECTIONS, EMOTIONS, load_emotion_head
from signals.pipeline import SignalDetector
from zhanqing.bootstrap import build_detectors


def felt(encoder: Encoder, *texts: str, enabled: bool = True) -> tuple[Signal, ...]:
    turns = tuple(Turn(id=f"t{at}", speaker="customer", text=text) for at, text in enumerate(texts, start=1))
    return SignalDetector([EmotionDetector(enabled=enabled)], encoder=encoder).detect(Transcript(id="c", turns=turns))


@pytest.mark.model
@pytest.mark.parametrize(
    ("text", "direction"),
    [
        ("太好了，你们真是帮了我大忙，谢谢！", 1),
        ("服务挺好的，我很满意", 1),
        ("我们一共三个厂，都在苏州", 0),
        ("又坏了！打了五个电话都没人管，你们就是骗子！", -1),
        ("我真的很担心数据会泄露出去", -1),
    ],
)
def test_the_direction_of_plain_words_is_heard(encoder: Encoder, text: str, direction: int) -> None:
    (signal,) = felt(encoder, text)
    valence = float(str(signal.attributes["valence"]))
    assert (valence > 0.2) - (valence < -0.2) == direction


@pytest.mark.model
@settings(max_examples=25, deadline=None)
@given(st.lists(st.text("气死我了太好谢谢不满意嗯。！？😡😊…", min_size=1, max_size=20), min_size=1, max_size=5))
def test_every_turn_has_one_cue_over_its_whole_text(encoder: Encoder, texts: list[str]) -> None:
    found = felt(encoder, *texts)
    assert [(one.turn_id, one.quote) for one in found] == [(f"t{at}", text) for at, text in enumerate(texts, start=1)]
    assert all(-1 <= float(str(one.attributes["valence"])) <= 1 and 0 <= one.score <= 1 for one in found)


@pytest.mark.model
def test_switched_off_nothing_is_felt_and_the_version_says_so(encoder: Encoder) -> None:
    assert felt(encoder, "气死我了", enabled=False) == ()
    assert EmotionDetector(enabled=False).version == "off"
    assert "emotion" not in {detector.name for detector in build_detectors(emotion=False)}
    assert "emotion" in {detector.name for detector in build_detectors()}


@pytest.mark.model
def test_the_head_refuses_another_encoder(encoder: Encoder) -> None:
    class Other:
        fingerprint = "sha256:other"
        encode = encoder.encode

    transcript = Transcript(id="c", turns=(Turn(id="t1", speaker="customer", text="嗯"),))
    with pytest.raises(IntegrityError):
        SignalDetector([EmotionDetector()], encoder=Other()).detect(transcript)


def test_the_manifest_names_the_corpus_and_the_version_is_its_own() -> None:
    about = json.loads((files("signals") / "weights" / "emotion.json").read_text(encoding="utf-8"))
    assert about["corpus"] == corpus_hash(corpus_folder("emotion"))
    assert EmotionDetector().version == load_emotion_head().version == about["version"]


def shares(**by_name: float) -> np.ndarray:
    return np.array([by_name.get(emotion.name, 0.01) for emotion in EMOTIONS], np.float32)


def towards(**by_name: float) -> np.ndarray:
    names = {-1: "down", 0: "level", 1: "up"}
    return np.array([by_name.get(names[direction], 0.01) for direction in DIRECTIONS], np.float32)


def test_the_emotion_is_one_of_the_likeliest_direction() -> None:
    feeling = decide(shares(ANGRY=0.5, SATISFIED=0.4), towards(up=0.7, down=0.2))
    assert (feeling.emotion, feeling.valence > 0.2) == (Emotion.SATISFIED, True)


def test_a_raised_voice_turns_unhappy_into_angry_and_silence_of_prosody_changes_nothing() -> None:
    words = shares(UNHAPPY=0.5, ANGRY=0.4)
    loud = Prosody(relative_pitch=2.0, relative_energy=2.0, relative_rate=2.0)
    assert decide(words, towards(down=0.9)).emotion is Emotion.UNHAPPY
    assert decide(words, towards(down=0.9), prosody=loud).emotion is Emotion.ANGRY
    assert prosody_shifts(None) == {}


def test_a_long_pause_speaks_for_hesitation() -> None:
    assert prosody_shifts(Prosody(pause_ms=3000))[Emotion.HESITANT] > prosody_shifts(Prosody())[Emotion.HESITANT]


@pytest.mark.parametrize(("text", "balance"), [("很满意", 1), ("不满意", -1), ("太差了", -1), ("今天周三", 0)])
def test_words_are_counted_with_their_negation(text: str, balance: int) -> None:
    count = count_words(text)
    assert (count.positive > count.negative) - (count.positive < count.negative) == balance
