"""Credit is given for what was done in the talk, not for what was announced."""

from __future__ import annotations

from dataclasses import replace

import pytest

from coaching.credit import credited
from coaching.scorecards import score
from coaching.testing import signal
from domain.conversation import Transcript, Turn
from domain.signals import SignalKind


def _is_credited(text: str, *, promised: str = "") -> bool:
    turn = Turn(id="t1", speaker="rep", text=text)
    cited = signal(SignalKind.REP_ACT, "案例引用", turn, text[-8:])
    due = [signal(SignalKind.PROMISE, "承诺", turn, promised)] if promised else []
    return cited in credited([*due, cited], {"t1": turn})


@pytest.mark.parametrize(
    ("text", "promised"),
    [
        ("我会准备两家同级别医院的案例，包括上线时间和停机时长的变化。", "我会准备两家同级别医院的案例"),
        ("明天上午我发排期图。两家医院案例和对比表，周五再通电话。", "明天上午我发排期图"),
        ("回头我把几个学校的案例发您看看", ""),
        ("案例我整理一份带给您", ""),
    ],
)
def test_a_case_that_is_only_promised_is_not_cited(text: str, promised: str) -> None:
    assert not _is_credited(text, promised=promised)


@pytest.mark.parametrize(
    ("text", "promised"),
    [
        ("去年我们给市一院做过，停机时间从两天降到四小时", ""),
        ("有一家同行上线了半年，退货少了三成，报告明天发您", "报告明天发您"),
        ("隔壁那家厂三周上线，您可以去看看", ""),
    ],
)
def test_a_case_that_is_told_counts_even_where_more_is_promised(text: str, promised: str) -> None:
    assert _is_credited(text, promised=promised)


def test_an_intent_that_is_only_guessed_counts_for_nothing() -> None:
    turn = Turn(id="t1", speaker="customer", text="七八十把吧")
    guessed = replace(signal(SignalKind.INTENT, "技术质疑", turn, turn.text), score=0.3)
    call = Transcript(id="c", turns=(turn, Turn(id="t2", speaker="rep", text="好的，明白。")))
    item = next(each for each in score(call, (guessed,), ()).items if each.name == "异议处理")
    assert item.undefined_because == "客户没有提出异议"
