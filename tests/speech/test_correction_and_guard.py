from __future__ import annotations

import numpy as np
import pytest

from language.script import apply_edits
from speech.correction import NameCorrector
from speech.ghosts import GhostRules, guard
from speech.punctuation import punctuated
from speech.recognition import Recognized
from speech.recognizer import Hypothesis
from speech.timed_text import plain, spread
from speech.trade_terms import trade_corrector
from speech.voice_activity import Region
from speech.windows import Window

NAMES = ("启明软件", "启明", "云舟科技", "数擎", "采集盒", "智领云", "瀚海系统", "陈经理")
VOICED = np.full(1000, 0.95, np.float32)
VOICELESS = np.full(1000, 0.2, np.float32)


def corrected(text: str, names: tuple[str, ...] = NAMES, *, probability: float = 0.6) -> str:
    return apply_edits(text, NameCorrector(names).edits(spread(text, 0, 5000, probability)))


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("我是其名乱剑的顾问", "我是启明软件的顾问"),
        ("云周科技也来找过我们", "云舟科技也来找过我们"),
        ("用加装采集合的方式", "用加装采集盒的方式"),
        ("我们用的是韩海系统", "我们用的是瀚海系统"),
        ("我们是志令运的", "我们是智领云的"),
    ],
)
def test_a_mangled_name_is_put_right(heard: str, meant: str) -> None:
    assert corrected(heard) == meant


@pytest.mark.parametrize(
    "text",
    [
        "云舟科技和启明软件都来过",
        "我们的情况已经说清楚了",
        "这个价格我可以去申请",
        "他在航海公司工作了十年",
        "期待明天的会议",
    ],
)
def test_what_is_right_or_means_something_else_stays(text: str) -> None:
    assert corrected(text, probability=0.95) == text


def test_a_name_is_not_put_together_across_a_mark() -> None:
    assert corrected("我们等了一个学期。明天再说", probability=0.9) == "我们等了一个学期。明天再说"


def test_without_names_nothing_changes() -> None:
    assert corrected("其名乱剑", ()) == "其名乱剑"


def test_trade_terms_are_used_only_where_a_sales_call_goes_on() -> None:
    sales = "报价单和合同都好了，交付周期是六周，接口、报表、售后、预算审批、验收和培训都包含，实施后上线。"

    assert trade_corrector(["今天天气很好，我们去公园看花，孩子们都很高兴。"]) is None
    assert trade_corrector([sales]) is not None


def test_a_term_does_not_overwrite_a_name_of_the_lexicon() -> None:
    sales = "报价单和合同都好了，交付周期是六周，接口、报表、售后、预算审批、验收和培训都包含，实施后上线。"
    terms = trade_corrector([sales])
    assert terms is not None
    text = spread("先把爆袖说清楚", 0, 3000, 0.3)

    assert terms.edits(text)
    assert terms.edits(text, keep=("爆袖",)) == []


def heard(*, log_probability: float = -0.3, no_speech: float = 0.01, language: str = "zh") -> Recognized:
    hypothesis = Hypothesis(
        words=(), language=language, average_log_probability=log_probability, no_speech_probability=no_speech
    )
    return Recognized(window=Window(channel=0, regions=(Region(start=0, end=160_000),)), hypothesis=hypothesis)


def guarded(
    text: str, probability: float, voice: np.ndarray = VOICED, prompt: str = "", **doubt: float
) -> tuple[str, list[str]]:
    result = guard(heard(**doubt), spread(text, 0, 5000, probability), prompt=prompt, voice=voice, rules=GhostRules())  # type: ignore[arg-type]
    return plain(result.text), [note.why for note in result.notes]


@pytest.mark.parametrize(
    "ghost", ["请不吝点赞订阅转发打赏支持明镜与点点栏目", "字幕由Amara.org社区提供", "谢谢观看", "Thanks for watching"]
)
def test_a_known_ghost_is_removed_where_whisper_is_unsure(ghost: str) -> None:
    assert guarded(ghost, 0.4) == ("", ["known_ghost"])


def test_a_known_ghost_is_removed_where_nobody_speaks_however_sure_whisper_is() -> None:
    assert guarded("谢谢观看", 0.95, VOICELESS) == ("", ["known_ghost"])


def test_the_same_words_stay_where_they_were_clearly_said() -> None:
    assert guarded("谢谢观看我们的演示", 0.95) == ("谢谢观看我们的演示", [])


def test_a_loop_keeps_its_first_round() -> None:
    assert guarded("我们再看看" * 6, 0.8) == ("我们再看看", ["loop"])


def test_saying_yes_several_times_is_no_loop() -> None:
    assert guarded("对对对对，可以可以可以", 0.9)[0] == "对对对对，可以可以可以"


def test_an_echo_of_the_prompt_is_removed_only_where_it_is_improbable() -> None:
    prompt = "启明软件、云舟科技、等级评审。"

    assert guarded("启明软件云舟科技", 0.2, prompt=prompt) == ("", ["prompt_echo"])
    assert guarded("启明软件云舟科技", 0.8, prompt=prompt)[1] == []


def test_a_window_without_speech_is_dropped_whole_and_noted() -> None:
    assert guarded("你好", 0.5, log_probability=-1.4, no_speech=0.9) == ("", ["no_speech"])


def test_hangul_in_a_chinese_call_is_removed_and_the_rest_stays() -> None:
    assert guarded("价格太贵了，일단 고，我们再谈", 0.7) == ("价格太贵了，我们再谈", ["foreign_script"])


@pytest.mark.parametrize(
    ("heard_text", "read"),
    [
        ("收到了,说实话", "收到了，说实话。"),
        ("陈经理 您好", "陈经理，您好。"),
        ("交付周期要多久。", "交付周期要多久？"),
        ("这个案例有资料吗", "这个案例有资料吗？"),
        ("我不知道要多久。", "我不知道要多久。"),
        ("版本是V2.0", "版本是V2.0。"),
    ],
)
def test_marks_are_written_as_chinese_readers_expect(heard_text: str, read: str) -> None:
    assert plain(punctuated(spread(heard_text, 0, 3000, 0.9))) == read


def test_a_pause_becomes_a_comma() -> None:
    text = spread("我先确认排期", 0, 1500, 0.9) + spread("明天发给您", 2000, 3000, 0.9)

    assert plain(punctuated(text)) == "我先确认排期，明天发给您。"
