"""A drill is marked as AI, reacts to what the rep does, and always ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coaching.drills import MOST_REP_TURNS, Drill, open_drill, persona_from_call, persona_from_case, play, reworded
from domain.cases import Outcome, WarCase
from domain.conversation import Transcript, Turn
from domain.signals import Signal, SignalKind

CASE = WarCase(
    id="C-1",
    title="赶评审",
    outcome=Outcome.WON,
    customer_question="三周能不能上线？",
    blocker="接口要信息科排期。客户怕赶不上评审。",
    talk_track="先上三个模块。",
    result="第20天上线。",
    background="医院有{2100}台设备。",
)


def begin() -> Drill:
    return open_drill("d1", persona_from_case(CASE))


def test_it_opens_with_the_ai_notice_and_the_customers_own_question() -> None:
    assert begin().turns[0].text.startswith("【AI 陪练】")
    assert begin().turns[0].text.endswith(CASE.customer_question)


def test_disparaging_a_rival_is_not_rewarded() -> None:
    bad, good = play(begin(), "他们快倒闭了", acts={"贬低竞品"}), play(begin(), "同类医院19天上线", acts={"案例引用"})
    assert bad.mood < 0
    assert bad.worry == 0
    assert good.worry == 1


def test_a_question_is_answered_from_the_case_even_with_braces_in_it() -> None:
    lines = {play(drill, "您现在有多少设备？", acts={"开放式提问"}).turns[-1].text for drill in (begin(),)}
    assert any(CASE.background in line or CASE.blocker in line for line in lines)


def test_the_exit_word_ends_it() -> None:
    assert play(begin(), " 结束 ", acts=()).is_over


def test_what_is_scored_is_what_was_said_in_role() -> None:
    over = play(play(begin(), "您现在怎么排期？", acts={"开放式提问"}), "结束", acts=())
    said = [turn.text for turn in over.transcript.turns]
    assert said[0] == CASE.customer_question
    assert said[1] == "您现在怎么排期？"
    assert not any("AI 陪练" in text or text == "结束" for text in said)
    assert over.was_played
    assert not play(begin(), "结束", acts=()).was_played


def test_a_customer_who_is_offended_twice_leaves() -> None:
    over = play(play(begin(), "他们快倒闭了", acts={"贬低竞品"}), "给您回扣", acts={"违规利益(回扣)"})
    assert over.is_over
    assert "没法再谈" in over.turns[-1].text


def test_a_voice_may_word_an_answer_but_not_drop_the_question() -> None:
    moved = play(begin(), "同类医院19天上线", acts={"案例引用"})
    said = reworded(moved, "听起来不错。").turns[-1].text
    assert said == f"听起来不错。\n{moved.open_worry}"


def test_nothing_can_be_said_after_the_end() -> None:
    over = play(begin(), "结束", acts=())
    with pytest.raises(ValueError, match="over"):
        play(over, "再来", acts=())


ACTS = st.sets(st.sampled_from(["贬低竞品", "承诺", "案例引用", "共情", "开放式提问", "产品独白"]))


@given(st.lists(ACTS, min_size=MOST_REP_TURNS, max_size=MOST_REP_TURNS))
def test_it_ends_within_its_length_whatever_the_rep_does(acts: list[set[str]]) -> None:
    drill = begin()
    for labels in acts:
        if not drill.is_over:
            drill = play(drill, "嗯", acts=labels)
    assert drill.is_over
    assert len({turn.id for turn in drill.turns}) == len(drill.turns)


def test_a_lost_moment_becomes_a_practice_customer() -> None:
    turn = Turn(id="t1", speaker="customer", text="再考虑考虑吧")
    signal = Signal(
        id="s1",
        kind=SignalKind.INTENT,
        label="拖延(再考虑)",
        score=0.9,
        turn_id="t1",
        start=0,
        end=6,
        quote="再考虑考虑吧",
        extractor="x",
        version="1",
    )
    call = Transcript(id="c", turns=(turn,))
    persona = persona_from_call(call, (signal,))
    assert persona is not None
    assert persona.worries == ("再考虑考虑吧",)
    assert persona.origin == "turn:c:t1"
    assert persona_from_call(call, ()) is None


def test_a_drill_can_begin_with_any_turn_of_the_customer() -> None:
    call = Transcript(id="c", turns=(Turn(id="t1", speaker="customer", text="接口开放吗"),))
    persona = persona_from_call(call, (), turn_id="t1")
    assert persona is not None
    assert persona.worries == ("接口开放吗",)
    assert persona_from_call(call, (), turn_id="t9") is None
