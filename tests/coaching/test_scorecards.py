"""Scores come from signals and metrics only, and show what moved them."""

from __future__ import annotations

import pytest

from coaching.metrics import measure
from coaching.radar import build_radar, plan_drills
from coaching.scorecards import Rubric, RubricItem, default_rubric, read_rubric, score
from domain.conversation import Transcript, Turn
from domain.signals import Signal, SignalKind

TURNS = (
    Turn(id="t001", speaker="customer", text="太贵了，再便宜点"),
    Turn(id="t002", speaker="rep", text="我理解您的顾虑，您最看重什么？"),
)
CALL = Transcript(id="c", turns=TURNS)


def signal(kind: SignalKind, label: str, turn: Turn, **attributes: object) -> Signal:
    return Signal(
        id=f"{kind}-{label}",
        kind=kind,
        label=label,
        score=0.9,
        turn_id=turn.id,
        start=0,
        end=len(turn.text),
        quote=turn.text,
        extractor="test",
        version="1",
        attributes=attributes,
    )


def levels(*signals: Signal) -> dict[str, float | None]:
    card = score(CALL, signals, measure(CALL, signals))
    return {item.name: item.level for item in card.items}


OBJECTION = signal(SignalKind.INTENT, "压价", TURNS[0])
EMPATHY = signal(SignalKind.REP_ACT, "共情", TURNS[1])
OPEN = signal(SignalKind.QUESTION, "开放式", TURNS[1])
KICKBACK = signal(SignalKind.RISK, "利益输送", TURNS[1], severity="block")


def test_the_default_rubric_covers_the_five_abilities() -> None:
    assert [item.name for item in default_rubric().items] == ["需求挖掘", "异议处理", "价值呈现", "推进", "合规"]


def test_without_an_objection_its_handling_is_not_scored() -> None:
    assert levels(OPEN)["异议处理"] is None
    assert levels(OPEN, OBJECTION)["异议处理"] is not None


@pytest.mark.parametrize("turns", [(), (TURNS[0],), (Turn(id="t001", speaker="speaker_1", text="您最看重什么？"),)])
def test_where_no_rep_was_heard_nothing_is_scored(turns: tuple[Turn, ...]) -> None:
    call = Transcript(id="c", turns=turns)
    card = score(call, (), measure(call, ()))
    assert card.total is None
    assert {item.undefined_because for item in card.items} == {"没有能确认是销售说的话"}


def test_empathy_raises_objection_handling() -> None:
    before, after = levels(OBJECTION)["异议处理"], levels(OBJECTION, EMPATHY)["异议处理"]
    assert before is not None
    assert after is not None
    assert after > before


def test_a_question_of_the_reps_own_is_no_question_of_the_customer_left_open() -> None:
    theirs = signal(SignalKind.LOGIC_BREAK, "未回答的问题", TURNS[0])
    own = signal(SignalKind.LOGIC_BREAK, "未回答的问题", TURNS[1])
    assert levels(OBJECTION, own)["异议处理"] == levels(OBJECTION)["异议处理"]
    assert levels(OBJECTION, theirs)["异议处理"] < levels(OBJECTION)["异议处理"]


def test_blocked_wording_lowers_compliance_and_is_its_evidence() -> None:
    card = score(CALL, (KICKBACK,), ())
    item = next(item for item in card.items if item.name == "合规")
    assert item.level == 3
    assert item.evidence[0].moments[0].turn_id == "t002"


def test_an_exempt_note_costs_nothing() -> None:
    assert levels(signal(SignalKind.RISK, "绝对化用语", TURNS[1], severity="note"))["合规"] == 5


def test_weights_that_do_not_sum_to_one_are_refused() -> None:
    item = RubricItem(name="x", weight=0.5, base=1, anchors=("",) * 5, rules=())
    with pytest.raises(ValueError, match="sum to 1"):
        Rubric(version="1", items=(item,))


def test_a_weak_ability_is_known_after_three_calls_with_what_cost_it() -> None:
    card = score(CALL, (KICKBACK, KICKBACK), ())
    assert next(a for a in build_radar([card] * 2) if a.name == "合规").level is None
    need = next(need for need in plan_drills([card] * 3, most=5) if need.ability == "合规")
    assert need.reasons == ("必须停用的说法",)


def test_a_custom_rubric_is_read_from_its_document() -> None:
    rubric = read_rubric(
        {
            "version": "v",
            "item": [
                {"name": "提问", "weight": 1.0, "base": 1, "anchors": list("abcde"),
                 "rules": [{"why": "w", "kind": "question", "points": 2.0}]},
            ],
        }
    )  # fmt: skip
    assert score(CALL, (OPEN,), (), rubric=rubric).total == 50
