"""The bad pitch: everything wrong in it is found at its words, and nothing in its report praises it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from coaching.markdown import render_markdown
from coaching.report import Report
from domain.conversation import CUSTOMER, Transcript, Turn
from domain.signals import Severity, Signal, SignalKind
from wire.documents import read_lexicon
from zhanqing.bootstrap import Parts
from zhanqing.demo import import_samples
from zhanqing.settings import ModelsSettings, Settings

CALLS = Path(__file__).parents[2] / "examples" / "calls"
pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

# What is wrong, as kind, label and words that the span must share with the truth.
FAULTS = [
    ("rep_act", "产品独白", "我们有线索管理、商机管理、合同管理"),
    ("rep_act", "产品独白", "我们的报表中心有两百多张报表"),
    ("risk", "绝对化用语", "全国第一"),
    ("risk", "绝对化用语", "功能最全"),
    ("risk", "绝对化用语", "价格最低"),
    ("risk", "绝对化用语", "行业最好的产品"),
    ("risk", "贬低竞品", "瀚海系统不行"),
    ("risk", "贬低竞品", "他们快要倒闭了"),
    ("risk", "夸大承诺", "业绩保证翻一倍"),
    ("promise", "承诺", "我免费送您一年"),
    ("promise", "承诺", "免费给您做定制开发"),
    ("risk", "利益输送", "回扣方面我们也好商量"),
    ("risk", "索要敏感信息", "把身份证号和手机号发我"),
]
UNSOURCED = ["全国第一", "瀚海系统不行"]


def transcript() -> Transcript:
    truth = json.loads((CALLS / "bad_pitch.truth.json").read_text(encoding="utf-8"))
    turns = tuple(
        Turn(
            id=f"t{number:03d}",
            speaker=turn["speaker"],
            text=turn["text"],
            start_ms=round(1000 * turn["start"]),
            end_ms=round(1000 * turn["end"]),
        )
        for number, turn in enumerate(truth["turns"], start=1)
    )
    return Transcript(id="bad-pitch", turns=turns, duration_ms=round(1000 * truth["duration"]))


@pytest.fixture(scope="module")
def report(models_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Coach the stored transcript once, with the sample cases at hand."""
    home = tmp_path_factory.mktemp("bad-pitch")
    lexicon = read_lexicon(json.loads((CALLS / "bad_pitch.lexicon.json").read_text(encoding="utf-8")))

    async def coached() -> Report:
        async with Parts(Settings(home=home, models=ModelsSettings(cache=models_cache))).opened() as parts:
            await import_samples(parts, "default")
            return await parts.calls.digest_transcript("default", transcript(), lexicon=lexicon)

    return asyncio.run(coached())


def found(report: Report, kind: str, label: str, words: str) -> list[Signal]:
    """Return the signals of that label whose span lies on the words."""
    spoken = {turn.id: turn.text for turn in report.transcript.turns}
    return [
        one
        for one in report.analysis.signals
        if one.kind == kind
        and one.label == label
        and words in spoken[one.turn_id]
        and one.start < spoken[one.turn_id].index(words) + len(words)
        and one.end > spoken[one.turn_id].index(words)
    ]


@pytest.mark.parametrize(("kind", "label", "words"), FAULTS)
def test_each_fault_is_found_at_its_words(report: Report, kind: str, label: str, words: str) -> None:
    assert found(report, kind, label, words)


def test_every_span_round_trips(report: Report) -> None:
    spoken = {turn.id: turn.text for turn in report.transcript.turns}
    assert all(spoken[one.turn_id][one.start : one.end] == one.quote for one in report.analysis.signals)


@pytest.mark.parametrize("words", UNSOURCED)
def test_claims_without_a_source_are_breaks(report: Report, words: str) -> None:
    assert found(report, "logic_break", "无依据主张", words)


def test_kickback_and_private_data_must_stop_and_come_first(report: Report) -> None:
    assert [alert.severity for alert in report.alerts[:2]] == [Severity.BLOCK, Severity.BLOCK]
    assert {alert.label for alert in report.alerts[:2]} == {"利益输送", "索要敏感信息"}
    page = render_markdown(report)
    assert page.index("先看合规") < page.index("一分钟看懂")


def test_the_customers_anger_is_found_where_it_is(report: Report) -> None:
    said = {turn.id: turn for turn in report.transcript.turns}
    valences = {
        one.turn_id: float(str(one.attributes["valence"]))
        for one in report.analysis.signals
        if one.kind is SignalKind.EMOTION and said[one.turn_id].speaker == CUSTOMER
    }
    assert valences["t010"] < -0.4
    assert valences["t012"] < -0.4
    assert min(valences, key=lambda turn_id: valences[turn_id]) in {"t010", "t012"}
    assert {moment.turn_id for moment in report.summary.worries} >= {"t010", "t012"}


def test_nothing_praises_it(report: Report) -> None:
    assert report.strengths == ()
    assert report.scorecard is not None and report.scorecard.total is not None and report.scorecard.total < 25
    assert all(item.level is not None and item.level < 3 for item in report.scorecard.items)
    assert report.tips is not None
    bad = [turn.text for turn in report.transcript.turns if turn.speaker == "rep"]
    for tip in report.tips.suggestions:
        assert "做得好" not in tip.why
        better = [claim.text for claim in tip.claims if all(one.source_kind == "case" for one in claim.citations)]
        assert better
        assert not any(line in words for line in better for words in bad)


def test_whoever_asked_not_to_be_called_again_is_not_pitched(report: Report) -> None:
    assert report.stop_request is not None and report.stop_request.turn_id == "t012"
    assert report.replies is None


def test_three_to_five_things_to_do_better_each_with_its_moment(report: Report) -> None:
    from coaching.view import case_tips, rule_tips

    cases, rules = case_tips(report), rule_tips(report)
    assert 3 <= len(cases) + len(rules) <= 5
    assert all(tip.asked for tip in cases)
    assert all(loss.moments for loss in rules)
