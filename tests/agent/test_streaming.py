"""Sentences leave one by one, each verified, before the last one is drafted; what no longer holds is taken back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent.chat_engine import ChatEndpoint, ChatEngine
from agent.coach import Coach
from agent.engines import Drafted, ExtractiveEngine, Hear, Heard
from agent.scripted_endpoint import Scene, ScriptedEndpoint, scripted_endpoint, sources_in
from agent.tasks import Task
from domain.cases import WarCase
from domain.conversation import Transcript, Turn
from domain.suggestions import Envelope, StartedOver, StreamEvent, VerifiedSentence
from retrieval import library
from retrieval.testing import SearchInMemory
from store.work import Store

QUESTION = "轴承厂11台老设备全部接完用了多少天？"
TRUE, INVENTED, LATER = "11台老设备用了13天全部接完。", "11台老设备用了31天全部接完。", "13天就全部接完了。"
TALK = Transcript(id="chat-1", turns=(Turn(id="m1", speaker="customer", text="四周上线有点长。"),))
MakeCoach = Callable[..., Coach]


def says(*texts: str) -> Callable[[dict[str, Any]], str]:
    def answer(body: dict[str, Any]) -> str:
        cited = [one["id"] for one in sources_in(body) if "13天" in one["text"]][:1]
        sentences = [{"text": text, "sources": cited} for text in texts]
        return json.dumps({"suggestions": [{"tactic": "回答", "sentences": sentences}]}, ensure_ascii=False)

    return answer


@pytest.fixture
def coach_with(store: Store, sample_cases: list[WarCase]) -> MakeCoach:
    def make(endpoint: ScriptedEndpoint, *, timeout_s: float = 20.0) -> Coach:
        place = ChatEndpoint(base_url=endpoint.base_url, model="scripted", timeout_s=timeout_s, retries=0)
        engine = ChatEngine(place, ExtractiveEngine(None))
        return Coach(store, SearchInMemory(sample_cases), engine=engine)

    return make


async def all_of(events: Any) -> list[StreamEvent]:
    return [event async for event in events]


def texts_of(events: list[StreamEvent]) -> list[str]:
    return [one.claim.text for one in events if isinstance(one, VerifiedSentence)]


async def test_the_first_sentence_leaves_before_the_last_is_drafted(coach_with: MakeCoach, tenant: str) -> None:
    with scripted_endpoint(Scene(says=says(TRUE, LATER), waits_at=LATER)) as endpoint:
        events = coach_with(endpoint).stream_ask(tenant, QUESTION)
        first = await anext(events)
        assert isinstance(first, VerifiedSentence)
        assert not endpoint.go_on.is_set()
        endpoint.go_on.set()
        rest = await all_of(events)
    assert first.claim.text == TRUE
    assert first.claim.citations[0].source_id == "case:C-0007:result"
    assert texts_of(rest) == [LATER]


async def test_streamed_sentences_stand_in_the_envelope_where_they_said(coach_with: MakeCoach, tenant: str) -> None:
    with scripted_endpoint(Scene(says=says(TRUE, LATER))) as endpoint:
        events = await all_of(coach_with(endpoint).stream_ask(tenant, QUESTION))
    envelope = events[-1]
    assert isinstance(envelope, Envelope)
    claims = {one.id: one.claims for one in envelope.suggestions}
    told = [one for one in events if isinstance(one, VerifiedSentence)]
    assert [one.claim for one in told] == list(claims["s1"])


async def test_an_invention_is_never_streamed(coach_with: MakeCoach, tenant: str) -> None:
    with scripted_endpoint(Scene(says=says(INVENTED, TRUE))) as endpoint:
        events = await all_of(coach_with(endpoint).stream_ask(tenant, QUESTION))
    assert texts_of(events) == [TRUE]
    assert [one.text for one in events[-1].dropped] == [INVENTED]


async def test_a_stream_that_breaks_keeps_what_was_said_and_says_so(coach_with: MakeCoach, tenant: str) -> None:
    whole = len(json.dumps({"suggestions": [{"tactic": "回答", "sentences": [{"text": TRUE}]}]}, ensure_ascii=False))
    with scripted_endpoint(Scene(says=says(TRUE, LATER), cut_after=whole + 30)) as endpoint:
        events = await all_of(coach_with(endpoint).stream_ask(tenant, QUESTION))
    assert texts_of(events) == [TRUE]
    assert events[-1].engine == "llm:scripted"
    assert any("没有写完" in note for note in events[-1].notes)


async def test_a_stream_that_breaks_before_a_sentence_falls_back(coach_with: MakeCoach, tenant: str) -> None:
    with scripted_endpoint(Scene(says=says(TRUE), cut_after=30)) as endpoint:
        events = await all_of(coach_with(endpoint).stream_ask(tenant, QUESTION))
    assert events[-1].engine == "extractive"
    assert any("13天" in text for text in texts_of(events))


async def test_the_composers_answer_comes_as_sentences_too(coach: Coach, tenant: str) -> None:
    events = await all_of(coach.stream_ask(tenant, QUESTION))
    envelope = events[-1]
    assert texts_of(events) == [claim.text for one in envelope.suggestions for claim in one.claims]


async def test_an_abstention_streams_as_its_envelope_alone(coach: Coach, tenant: str) -> None:
    events = await all_of(coach.stream_ask(tenant, "王主任的手机号是多少？"))
    assert [type(one) for one in events] == [Envelope]


class Interrupted:
    """The composer, while whose first drafts something happens."""

    def __init__(self, store: Store, happenings: Iterator[Callable[[Store], Any]]) -> None:
        self._store = store
        self._happenings = happenings
        self._composer = ExtractiveEngine(None)

    async def draft(self, task: Task, *, hear: Hear | None = None) -> Drafted:
        drafted = await self._composer.draft(task, hear=hear)
        if (happening := next(self._happenings, None)) is not None:
            await happening(self._store)
        return drafted


def customer_says(turn_id: str, text: str) -> Callable[[Store], Any]:
    async def append(store: Store) -> None:
        async with store.begin("default") as work:
            await work.conversations.append(TALK.id, [Turn(id=turn_id, speaker="customer", text=text)])

    return append


def interrupted(store: Store, cases: list[WarCase], *happenings: Callable[[Store], Any]) -> Coach:
    return Coach(store, SearchInMemory(cases), engine=Interrupted(store, iter(happenings)))


async def test_a_draft_is_redone_when_the_conversation_moved_on(
    store: Store, tenant: str, sample_cases: list[WarCase]
) -> None:
    coach = interrupted(store, sample_cases, customer_says("m2", "你们的数据放在公有云上吗，安全怎么保证？"))
    envelope = await coach.reply(tenant, "四周上线有点长。", conversation=TALK)
    decision = await coach.why(tenant, envelope.decision_id)
    assert any("新内容" in note for note in envelope.notes)
    assert decision.request == "你们的数据放在公有云上吗，安全怎么保证？"
    async with store.read(tenant) as work:
        assert len((await work.conversations.get(TALK.id)).turns) == 2
        assert len(await work.decisions.page(limit=9)) == 1


async def test_a_conversation_that_never_stands_still_is_redone_once_only(
    store: Store, tenant: str, sample_cases: list[WarCase]
) -> None:
    coach = interrupted(store, sample_cases, customer_says("m2", "太贵了。"), customer_says("m3", "再便宜点。"))
    envelope = await coach.reply(tenant, "四周上线有点长。", conversation=TALK)
    assert any("还在更新" in note for note in envelope.notes)


async def test_a_case_withdrawn_while_drafting_is_not_cited(
    store: Store, tenant: str, sample_cases: list[WarCase]
) -> None:
    async def retire(store: Store) -> None:
        async with store.begin("default") as work:
            await library.retire(work, ["C-0007"], by="testing")

    envelope = await interrupted(store, sample_cases, retire).ask(tenant, QUESTION)
    cited = [c.source_id for one in envelope.suggestions for claim in one.claims for c in claim.citations]
    assert not any(one.startswith("case:C-0007") for one in cited)


async def test_what_was_streamed_before_a_redo_is_taken_back(
    store: Store, tenant: str, sample_cases: list[WarCase]
) -> None:
    class Telling(Interrupted):
        async def draft(self, task: Task, *, hear: Hear | None = None) -> Drafted:
            drafted = await super().draft(task, hear=hear)
            for number, one in enumerate(drafted.draft.suggestions, start=1):
                for sentence in one.sentences:
                    await hear(Heard(number=number, tactic=one.tactic, sentence=sentence))
            return drafted

    engine = Telling(store, iter([customer_says("m2", "你们的数据放在公有云上吗？")]))
    events = await all_of(
        Coach(store, SearchInMemory(sample_cases), engine=engine).stream_reply(
            tenant, "四周上线有点长。", conversation=TALK
        )
    )
    at = next(place for place, one in enumerate(events) if isinstance(one, StartedOver))
    envelope = events[-1]
    assert texts_of(events[:at])
    assert texts_of(events[at:]) == [claim.text for one in envelope.suggestions for claim in one.claims]


async def test_words_that_nobody_noted_are_not_added_to_the_record(coach: Coach, store: Store, tenant: str) -> None:
    await coach.reply(tenant, "太贵了，能不能便宜点？", conversation=TALK)
    async with store.read(tenant) as work:
        assert (await work.conversations.get(TALK.id)).turns == TALK.turns


async def test_the_same_key_gets_the_same_decision(coach: Coach, store: Store, tenant: str) -> None:
    first = await coach.ask(tenant, QUESTION, key="job-1")
    again = await coach.ask(tenant, QUESTION, key="job-1")
    other = await coach.ask(tenant, QUESTION, key="job-2")
    assert again == first
    assert other.decision_id != first.decision_id


async def test_a_keyed_answer_whose_source_is_gone_is_made_anew(coach: Coach, store: Store, tenant: str) -> None:
    first = await coach.ask(tenant, QUESTION, key="job-1")
    async with store.begin(tenant) as work:
        await library.retire(work, ["C-0007"], by="testing")
    again = await coach.ask(tenant, QUESTION, key="job-1")
    assert again.decision_id != first.decision_id
    assert "13天" not in "".join(one.what for one in again.suggestions)


async def test_a_decision_knows_its_rep_and_conversation(coach: Coach, store: Store, tenant: str) -> None:
    await coach.reply(tenant, "四周上线有点长。", conversation=TALK, rep_id="r-7")
    async with store.read(tenant) as work:
        kept = (await work.decisions.page(limit=1, conversation_id=TALK.id))[0]
    assert (kept.rep_id, kept.conversation_id) == ("r-7", TALK.id)
