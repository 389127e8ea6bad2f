"""A drill is kept between turns, read by detectors, scored by the rubric, and works without a language model."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agent.coach import Coach
from agent.drills import DrillCoach, DrillOrder
from coaching.drills import Drill
from domain.conversation import Transcript, Turn
from domain.errors import ConflictError, InputError, NotFoundError
from domain.signals import Analysis, Signal, SignalKind
from signals.pipeline import Reading, SignalDetector
from store.work import Store


class WordDetector:
    """Finds an act wherever its word stands in the rep's turn."""

    name, version = "words", "1"
    acts = (("案例", "案例引用"), ("理解", "共情"), ("倒闭", "贬低竞品"))

    def detect(self, reading: Reading) -> Sequence[Signal]:
        return [
            Signal(
                id=f"{turn.id}-{word}", kind=SignalKind.REP_ACT, label=act, score=0.9, turn_id=turn.id,
                start=turn.text.index(word), end=turn.text.index(word) + len(word), quote=word,
                extractor=self.name, version=self.version,
            )
            for turn in reading.transcript.turns
            if turn.speaker == "rep"
            for word, act in self.acts
            if word in turn.text
        ]  # fmt: skip


class Parrot:
    """A voice that says the plan twice."""

    async def speak(self, drill: Drill, planned: str) -> str:
        return f"{planned} {planned}"


@pytest.fixture
def detector() -> SignalDetector:
    return SignalDetector([WordDetector()])


@pytest.fixture
def drills(store: Store, coach: Coach, detector: SignalDetector) -> DrillCoach:
    return DrillCoach(store, detector, adviser=coach)


async def with_a_lost_call(store: Store, tenant: str) -> None:
    turn = Turn(id="t1", speaker="customer", text="再考虑考虑吧")
    signal = Signal(
        id="s1", kind=SignalKind.INTENT, label="拖延(再考虑)", score=0.9, turn_id="t1", start=0, end=6,
        quote="再考虑考虑吧", extractor="x", version="1",
    )  # fmt: skip
    async with store.begin(tenant) as work:
        await work.conversations.put(Transcript(id="call-1", turns=(turn,), rep_id="r1", account_id="A1"))
        await work.signals.put("call-1", Analysis(conversation_id="call-1", signals=(signal,), metrics=()))


class TestOpening:
    async def test_a_case_opens_with_its_own_question(self, drills: DrillCoach, tenant: str) -> None:
        step = await drills.open(tenant, DrillOrder(case_id="C-0011"))
        assert step.said.startswith("【AI 陪练】")
        assert step.drill.persona.origin == "case:C-0011:customer_question"

    async def test_a_rep_first_meets_their_own_lost_moment_then_cases(
        self, drills: DrillCoach, store: Store, tenant: str
    ) -> None:
        await with_a_lost_call(store, tenant)
        first = await drills.open(tenant, DrillOrder(rep_id="r1"))
        second = await drills.open(tenant, DrillOrder(rep_id="r1"))
        third = await drills.open(tenant, DrillOrder(rep_id="r1"))
        assert (first.conversation_id, first.drill.persona.worries) == ("call-1", ("再考虑考虑吧",))
        assert second.case_id != third.case_id

    @pytest.mark.parametrize(
        "order", [DrillOrder(case_id="none"), DrillOrder(conversation_id="none"), DrillOrder(conversation_id="")]
    )
    async def test_what_is_not_there_cannot_be_practised(
        self, drills: DrillCoach, tenant: str, order: DrillOrder
    ) -> None:
        with pytest.raises(NotFoundError):
            await drills.open(tenant, order)


class TestPlaying:
    async def test_a_restart_loses_no_drill(
        self, drills: DrillCoach, store: Store, detector: SignalDetector, tenant: str
    ) -> None:
        begun = await drills.open(tenant, DrillOrder(case_id="C-0011"))
        await drills.say(tenant, begun.drill.id, "我理解您的顾虑")
        step = await DrillCoach(store, detector).say(tenant, begun.drill.id, "讲一个案例")
        assert [turn.text for turn in step.drill.turns if turn.speaker == "rep"] == ["我理解您的顾虑", "讲一个案例"]
        assert step.drill.worry == 1

    async def test_the_end_brings_a_score_with_reasons_and_cited_better_words(
        self, drills: DrillCoach, tenant: str
    ) -> None:
        begun = await drills.open(tenant, DrillOrder(case_id="C-0011"))
        await drills.say(tenant, begun.drill.id, "他们快倒闭了")
        over = await drills.say(tenant, begun.drill.id, "结束")
        assert over.drill.is_over
        assert over.debrief is not None and over.debrief.scorecard is not None
        assert over.debrief.losses and all(loss.advice for loss in over.debrief.losses)
        assert over.better is not None
        assert all(claim.citations for one in over.better.suggestions for claim in one.claims)
        assert (await drills.at(tenant, begun.drill.id)) == over

    async def test_saying_nothing_but_the_exit_word_is_not_scored(self, drills: DrillCoach, tenant: str) -> None:
        begun = await drills.open(tenant, DrillOrder(case_id="C-0011"))
        assert (await drills.say(tenant, begun.drill.id, "退出")).debrief is None

    async def test_a_finished_drill_takes_no_more_turns(self, drills: DrillCoach, tenant: str) -> None:
        begun = await drills.open(tenant, DrillOrder(case_id="C-0011"))
        await drills.say(tenant, begun.drill.id, "结束")
        with pytest.raises(ConflictError):
            await drills.say(tenant, begun.drill.id, "再来")

    @pytest.mark.parametrize("text", ["", "  ", "长" * 2001])
    async def test_nothing_and_too_much_are_refused(self, drills: DrillCoach, tenant: str, text: str) -> None:
        begun = await drills.open(tenant, DrillOrder(case_id="C-0011"))
        with pytest.raises(InputError):
            await drills.say(tenant, begun.drill.id, text)

    async def test_the_practice_customers_words_never_become_sources(
        self, drills: DrillCoach, store: Store, tenant: str
    ) -> None:
        begun = await drills.open(tenant, DrillOrder(case_id="C-0011"))
        await drills.say(tenant, begun.drill.id, "结束")
        async with store.read(tenant) as work:
            assert await work.sources.under(f"turn:{begun.drill.id}") == []
            assert await work.conversations.get(begun.drill.id) is None

    async def test_a_voice_words_the_answers(self, store: Store, detector: SignalDetector, tenant: str) -> None:
        plain = DrillCoach(store, detector)
        spoken = DrillCoach(store, detector, voice=Parrot())
        first = await plain.open(tenant, DrillOrder(case_id="C-0011"))
        second = await spoken.open(tenant, DrillOrder(case_id="C-0011"))
        planned = (await plain.say(tenant, first.drill.id, "我理解您")).said
        assert (await spoken.say(tenant, second.drill.id, "我理解您")).said == f"{planned} {planned}"


async def test_an_erased_customer_takes_the_drills_along(drills: DrillCoach, store: Store, tenant: str) -> None:
    await with_a_lost_call(store, tenant)
    begun = await drills.open(tenant, DrillOrder(rep_id="r1"))
    async with store.begin(tenant) as work:
        await work.subjects.erase("A1", by="dpo")
    with pytest.raises(NotFoundError):
        await drills.say(tenant, begun.drill.id, "您好")
