"""A manager's fifteen minutes: who needs help, who hesitates, and moments to hear, fairly shared."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coaching.attribution import compare
from coaching.digest import PLAN_MS, RepCalls, build_digest, plan_coaching
from coaching.team_page import render_team, team_document
from coaching.testing import SIGNALS, report
from domain.signals import SignalKind


def calls(rep_id: str, count: int, *, clean: bool = False) -> RepCalls:
    signals = tuple(one for one in SIGNALS if not clean or one.kind is not SignalKind.RISK)
    made = report(signals)
    reports = [replace(made, transcript=replace(made.transcript, id=f"{rep_id}-{at}")) for at in range(count)]
    return RepCalls(rep_id=rep_id, reports=tuple(reports))


def test_compliance_alerts_make_a_rep_urgent() -> None:
    digest = build_digest([calls("clean", 3, clean=True), calls("risky", 1)])
    assert digest.who_needs_help[0].rep_id == "risky"
    assert digest.plan[0].rep_id in {"risky", "clean"}
    assert next(item for item in digest.plan if item.rep_id == "risky").about == "绝对化用语"


@given(st.lists(st.integers(0, 6), max_size=8))
def test_the_plan_keeps_its_time_and_each_item_cites_a_moment(counts: list[int]) -> None:
    plan = plan_coaching([calls(f"r{at}", count) for at, count in enumerate(counts)])
    assert sum(item.minutes for item in plan) * 60_000 <= PLAN_MS + 1
    assert all(item.moment.turn_id and item.conversation_id.startswith(item.rep_id) for item in plan)
    assert len({(item.rep_id, item.about) for item in plan}) == len(plan)


def test_no_rep_has_a_second_item_before_every_rep_has_one() -> None:
    plan = plan_coaching([calls(f"r{at}", 4) for at in range(5)])
    assert len({item.rep_id for item in plan[:5]}) == 5


def test_below_three_calls_no_ability_is_judged() -> None:
    few, enough = build_digest([calls("a", 2, clean=True)]), build_digest([calls("a", 3, clean=True)])
    assert all(ability.level is None for ability in few.reps[0].abilities)
    assert any(ability.level is not None for ability in enough.reps[0].abilities)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_is_self_contained_and_every_picture_has_words(lang: str) -> None:
    page = render_team(build_digest([calls("a<b>", 4), calls("z", 1)]), names={"z": "张强"}, lang=lang)
    assert not re.search(r"""(?:src|href)=["'](?!#)""", page)
    assert "<b>&lt;" not in page.replace("a&lt;b&gt;", "")
    pictures = re.findall(r"<svg[^>]*>", page)
    assert pictures
    assert all("aria-label=" in picture for picture in pictures)
    assert "张强" in page


def test_the_document_has_the_plan_in_minutes() -> None:
    document = team_document(build_digest([calls("a", 4)]))
    assert 0 < document["plan"]["minutes"] <= 15
    assert document["who_needs_help"] == ["a"]
    assert document["reps"][0]["calls"] == 4


def test_a_team_with_calls_and_nothing_to_do_is_told_so() -> None:
    quiet = replace(report(()), alerts=(), losses=())
    assert render_team(build_digest([RepCalls(rep_id="a", reports=(quiet,))])).count("没有") >= 3


def test_without_a_conversation_nothing_is_counted() -> None:
    page = render_team(build_digest([RepCalls(rep_id="new", reports=())]))
    assert "这段时间没有分析过的对话" in page
    assert '<ul class="figures">' not in page


def test_a_comparison_that_was_asked_for_and_has_too_few_calls_says_so() -> None:
    team = [calls("a", 2), calls("b", 2)]
    assert "两边各要至少 5 通" in render_team(build_digest(team), differences=compare(team, ["a"]))
    assert "做法差异" not in render_team(build_digest(team))


def test_an_intent_that_is_only_guessed_accuses_no_customer() -> None:
    turn = report().transcript.turns[0]
    stalled = replace(SIGNALS[0], label="拖延(再考虑)", turn_id=turn.id)
    for score, hesitates in ((0.9, 1), (0.2, 0)):
        made = report((replace(stalled, score=score),))
        assert len(build_digest([RepCalls(rep_id="a", reports=(made,))]).who_hesitates) == hesitates
