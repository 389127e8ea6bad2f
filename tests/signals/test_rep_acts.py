"""Rep acts: what the shipped head says of a rep's turns, where, and what it leaves alone."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.conversation import Transcript, Turn
from domain.errors import IntegrityError
from domain.signals import RepAct, Signal
from language.encoder import Encoder
from language.sentences import Span
from signals.act_corpus import read_act_rows
from signals.act_head import ActHead, load_act_head
from signals.corpus import corpus_folder, corpus_hash
from signals.pipeline import SignalDetector
from signals.rep_acts import RepActDetector, settle
from signals.risks import RiskDetector


def heard(encoder: Encoder, *lines: str) -> tuple[Signal, ...]:
    turns = tuple(
        Turn(id=f"t{at}", speaker={"r": "rep", "c": "customer", "s": "speaker_0"}[line[0]], text=line[2:])
        for at, line in enumerate(lines, start=1)
    )
    return SignalDetector([RepActDetector()], encoder=encoder).detect(Transcript(id="c", turns=turns))


def acts(signals: tuple[Signal, ...]) -> set[str]:
    return {signal.label for signal in signals}


@pytest.mark.model
@pytest.mark.parametrize(
    ("text", "act"),
    [
        ("您目前在客户跟进方面遇到的最大挑战是什么？", RepAct.OPEN_QUESTION),
        ("您这边现在有没有在用类似的系统？", RepAct.CLOSED_QUESTION),
        ("您的意思是月底前必须上线，我理解得对吗？", RepAct.RESTATE),
        ("这段时间您确实辛苦了，换谁都会着急", RepAct.EMPATHY),
        ("我承诺周五之前一定把方案发给您", RepAct.PROMISE),
        ("明天下午三点我去您公司当面演示", RepAct.NEXT_STEP),
        ("您放心，成了以后给您个人三个点的回扣", RepAct.KICKBACK),
        ("把您的身份证号和银行卡密码发我一下", RepAct.ASK_SENSITIVE),
    ],
)
def test_a_plain_act_is_heard(encoder: Encoder, text: str, act: RepAct) -> None:
    assert act in acts(heard(encoder, f"r:{text}"))


@pytest.mark.model
@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("我去问问技术再说，应该可以", RepAct.PROMISE),
        ("我们公司有规定，不能给任何回扣", RepAct.KICKBACK),
        ("请不要把密码告诉任何人", RepAct.ASK_SENSITIVE),
        ("我们不敢说是行业最好的", RepAct.ABSOLUTE),
        ("第一步先勘察，第二步出方案", RepAct.ABSOLUTE),
    ],
)
def test_a_hedge_or_an_exempt_use_is_not_the_act(encoder: Encoder, text: str, never: RepAct) -> None:
    assert never not in acts(heard(encoder, f"r:{text}"))


@pytest.mark.model
def test_only_the_reps_turns_have_acts(encoder: Encoder) -> None:
    assert heard(encoder, "c:您现在用的是什么系统？", "s:您现在用的是什么系统？", "r: ") == ()


@pytest.mark.model
def test_acts_stand_on_the_clauses_that_carry_them(encoder: Encoder) -> None:
    text = "好的，您现在一个月大概处理多少单？我明天上午十点把报价单发到您邮箱。"
    spans = {one.label: one.quote for one in heard(encoder, f"r:{text}")}
    assert "多少单" in spans[RepAct.OPEN_QUESTION]
    assert "报价单" not in spans[RepAct.OPEN_QUESTION]
    assert "明天上午十点" in spans[RepAct.NEXT_STEP]


@pytest.mark.model
@settings(max_examples=25, deadline=None)
@given(st.lists(st.text("我们保证最好的，。您吗？ \n明天发方案第一abc！", max_size=40), min_size=1, max_size=4))
def test_spans_round_trip_on_any_text(encoder: Encoder, texts: list[str]) -> None:
    for one in heard(encoder, *(f"r:{text}" for text in texts)):
        text = texts[int(one.turn_id[1:]) - 1]
        assert text[one.start : one.end] == one.quote != ""


@pytest.mark.model
def test_acts_and_risks_share_one_pass_of_the_head(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[int] = []
    score = ActHead.score
    monkeypatch.setattr(ActHead, "score", lambda self, *given: passes.append(1) or score(self, *given))
    turns = (Turn(id="t1", speaker="rep", text="我们的产品很好，您看呢？"),)
    SignalDetector([RepActDetector(), RiskDetector()], encoder=encoder).detect(Transcript(id="c", turns=turns))
    assert len(passes) == 1


@pytest.mark.model
def test_the_head_refuses_another_encoder(encoder: Encoder) -> None:
    class Other:
        fingerprint = "sha256:other"
        encode = encoder.encode

    transcript = Transcript(id="c", turns=(Turn(id="t1", speaker="rep", text="您好"),))
    with pytest.raises(IntegrityError):
        SignalDetector([RepActDetector()], encoder=Other()).detect(transcript)


def test_the_manifest_names_the_corpus_and_the_version_is_its_own() -> None:
    about = json.loads((files("signals") / "weights" / "rep_acts.json").read_text(encoding="utf-8"))
    assert about["corpus"] == corpus_hash(corpus_folder("rep_acts"))
    assert RepActDetector().version == load_act_head().version == about["version"]


def test_every_corpus_row_can_be_read_and_each_act_has_enough() -> None:
    rows = read_act_rows(corpus_folder("rep_acts"))
    assert all(sum(act in row.acts for row in rows) >= 100 for act in RepAct)


def span(start: int, end: int) -> Span:
    return Span(start=start, end=end, text="嗯" * (end - start))


def test_on_the_same_words_a_request_for_a_secret_is_no_question() -> None:
    spans = {RepAct.ASK_SENSITIVE: span(0, 8), RepAct.CLOSED_QUESTION: span(0, 8)}
    assert settle(spans, dict.fromkeys(spans, 0.9)) == (RepAct.ASK_SENSITIVE,)


def test_one_question_is_open_or_closed_and_two_may_be_both() -> None:
    scores = {RepAct.OPEN_QUESTION: 0.9, RepAct.CLOSED_QUESTION: 0.6}
    same = {act: span(0, 8) for act in scores}
    apart = {RepAct.OPEN_QUESTION: span(0, 8), RepAct.CLOSED_QUESTION: span(9, 20)}
    assert settle(same, scores) == (RepAct.OPEN_QUESTION,)
    assert set(settle(apart, scores)) == set(scores)
