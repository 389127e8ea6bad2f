"""The report page shows every claim with its source and every picture with words."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from coaching.metrics import measure
from coaching.page import render_html
from coaching.pictures import draw_emotion_curve
from coaching.report import build_report
from coaching.testing import CALL, SIGNALS, TURNS, replies, report, signal
from domain.conversation import Transcript, Turn
from domain.signals import Analysis, Severity, SignalKind
from domain.sources import Source, SourceKind, cite, content_hash
from domain.suggestions import AI_LABEL, Claim, Envelope


def test_alerts_come_before_everything_else() -> None:
    page = render_html(report())
    assert page.index("先看合规") < page.index("一分钟看懂")
    assert report().alerts[0].severity is Severity.REWRITE


def test_a_turn_with_an_alert_is_not_praised() -> None:
    assert report().strengths == ()


def test_each_claim_shows_its_mark_and_its_quote_with_the_source() -> None:
    page = render_html(report(replies=replies()))
    assert "再谈单价。<sup>[1]</sup>" in page
    assert "“先看三年总成本，再谈单价。”" in page
    assert "case:C-1:talk_track · v1" in page


def test_what_people_said_cannot_become_markup() -> None:
    page = render_html(report())
    assert "<b>！</b>" not in page
    assert "&lt;b&gt;！" in page


def test_the_page_loads_nothing_from_elsewhere() -> None:
    page = render_html(report(replies=replies()))
    assert not re.search(r"""(?:src|href)=["'](?!#)""", page)
    assert "url(" not in page
    assert "<script" not in page


def test_the_page_is_labelled_as_made_by_ai_with_all_seven_fields() -> None:
    page = render_html(report(replies=replies()))
    assert AI_LABEL in page
    for name in ("Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID"):
        assert f"&#34;{name}&#34;" in page


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_picture_has_words(lang: str) -> None:
    page = render_html(report(), lang=lang)
    pictures = re.findall(r"<svg[^>]*>", page)
    assert len(pictures) > 3
    assert all('role="img"' in picture and "aria-label=" in picture for picture in pictures)


def test_without_emotion_cues_no_curve_is_drawn() -> None:
    assert draw_emotion_curve(CALL, SIGNALS, title="", names={"rep": "", "customer": ""}) is None


def test_an_empty_conversation_still_makes_a_page() -> None:
    empty = Transcript(id="e", turns=())
    analysis = Analysis(conversation_id="e", signals=(), metrics=measure(empty))
    assert "无法计算" in render_html(build_report(empty, analysis))


def test_a_rule_is_told_once_with_every_place_where_it_was_broken() -> None:
    again = signal(SignalKind.RISK, "绝对化用语", TURNS[1], "您放心", severity="rewrite", rule="r1", message="没有依据")
    page = render_html(report((*SIGNALS, again)))
    assert page.count('<div class="alert') == 1
    assert "“全国第一”" in page
    assert "“您放心”" in page


def test_what_was_lost_is_told_with_its_moment_and_what_to_do() -> None:
    made = report()
    assert made.losses
    assert all(loss.advice and loss.moments[0].turn_id in {"t001", "t002"} for loss in made.losses)
    assert [loss.cost for loss in made.losses] == sorted((loss.cost for loss in made.losses), reverse=True)
    assert made.losses[0].advice in render_html(made)


def test_every_figure_shows_what_it_is_divided_by_and_where_its_range_is_from() -> None:
    page = render_html(report())
    assert page.count("分母：") == page.count("来源：") == len(report().analysis.metrics)


def test_a_picture_says_what_it_shows() -> None:
    page = render_html(report())
    assert "第 1 分销售 8%、客户 7%" in page
    assert "客户诉求 1 处，首次在 0:00" in page


def test_the_english_page_has_no_chinese_but_what_people_and_rules_said() -> None:
    page = render_html(report(signals=(SIGNALS[0],)), lang="en")
    shown = re.sub(r"<[^>]*>", " ", page[page.index("<body>") :])
    for words in (AI_LABEL, "恒远", *(turn.text.replace("<", "&lt;").replace(">", "&gt;") for turn in TURNS), "太贵了"):
        shown = shown.replace(words, "")
    shown = re.sub(r"“[^”]*”", "", shown)
    assert re.findall(r"[一-鿿]+", shown) == []


def _timed(number: int, speaker: str, text: str) -> Turn:
    return Turn(id=f"t{number}", speaker=speaker, text=text, start_ms=number * 1_000, end_ms=number * 1_000 + 900)


def _tip(turn: Turn) -> Envelope:
    source = Source(
        source_id=f"turn:c:{turn.id}",
        version=1,
        kind=SourceKind.TURN,
        title="通话 客户 00:00",
        text=turn.text,
        content_hash=content_hash(turn.text),
    )
    envelope = replies()
    first = envelope.suggestions[0]
    quoting = Claim(text=turn.text, start=0, end=len(turn.text), citations=(cite(source, 0, len(turn.text)),))
    shift = len(turn.text)
    better = tuple(replace(one, start=one.start + shift, end=one.end + shift) for one in first.claims)
    told = replace(first, what=turn.text + first.what, claims=(quoting, *better))
    return replace(envelope, suggestions=(told,))


@pytest.mark.parametrize(
    ("answer", "act", "heading"),
    [
        ("我理解时间很紧，您最担心哪一步？", "共情", "您接得不错，还可以这样说："),
        ("我们功能很多。", "产品独白", "更好的说法："),
    ],
)
def test_a_tip_adds_to_a_good_answer_and_corrects_only_another(answer: str, act: str, heading: str) -> None:
    asked, answered = _timed(0, "customer", "三周能不能上线？"), _timed(1, "rep", answer)
    call = Transcript(id="c", turns=(asked, answered), duration_ms=3_000)
    said = signal(SignalKind.REP_ACT, act, answered, answer[:4])
    analysis = Analysis(conversation_id="c", signals=(said,), metrics=measure(call, (said,)))
    assert heading in render_html(build_report(call, analysis, tips=_tip(asked)))


def test_topics_are_what_the_customer_surely_spoke_of() -> None:
    turns = (
        _timed(0, "customer", "三周能上线吗"),
        _timed(1, "customer", "那就保修巡检吧"),
        _timed(2, "rep", "价格好说"),
    )
    guess = replace(signal(SignalKind.INTENT, "售后支持", turns[1], "保修"), score=0.22)
    found = (
        signal(SignalKind.INTENT, "交付周期", turns[0], "上线"),
        guess,
        signal(SignalKind.INTENT, "约定下一步", turns[1], "那就"),
        signal(SignalKind.INTENT, "询价", turns[2], "价格"),
    )
    call = Transcript(id="c", turns=turns, duration_ms=4_000)
    analysis = Analysis(conversation_id="c", signals=found, metrics=measure(call, found))
    assert build_report(call, analysis).summary.topics == ("交付周期",)


def test_hesitation_is_no_low_mood_and_a_level_curve_is_said_to_be_even() -> None:
    turn = _timed(0, "customer", "这个我没有细问，应该不包含。")
    hesitant = signal(SignalKind.EMOTION, "犹豫", turn, "应该不包含", valence=-0.35)
    call = Transcript(id="c", turns=(turn,), duration_ms=2_000)
    analysis = Analysis(conversation_id="c", signals=(hesitant,), metrics=measure(call, (hesitant,)))
    report = build_report(call, analysis)
    assert report.summary.worries == ()
    assert "客户一直比较平稳" in render_html(report)
