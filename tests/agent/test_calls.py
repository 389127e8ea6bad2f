"""A call's advice is given once, belongs to its rep, and leaves what was noticed in the call alone."""

from __future__ import annotations

import pytest

from agent.calls import CallCoach
from agent.coach import Coach
from domain.conversation import Transcript, Turn
from signals.pipeline import SignalDetector
from store.work import Store

TALK = Transcript(
    id="call-9",
    rep_id="r-3",
    turns=(
        Turn(id="t001", speaker="rep", text="您这边时间上怎么安排？"),
        Turn(id="t002", speaker="customer", text="四周上线还是有点长，价格也太贵了。"),
        Turn(id="t003", speaker="rep", text="明天上午十点前我发给您一份排期图。"),
        Turn(id="t004", speaker="customer", text="好的，那先这样。"),
    ),
)


@pytest.fixture
def calls(store: Store, coach: Coach) -> CallCoach:
    def no_transcriber() -> None:
        raise AssertionError("nothing is to be heard")

    return CallCoach(store, coach, SignalDetector([]), transcriber=no_transcriber)


async def test_a_jobs_second_run_gives_no_second_advice(calls: CallCoach, store: Store, tenant: str) -> None:
    first = await calls.digest_transcript(tenant, TALK, key="job:1")
    again = await calls.digest_transcript(tenant, TALK, key="job:1")
    async with store.read(tenant) as work:
        kept = await work.decisions.page(limit=20)
    assert (again.brief, again.replies, again.tips) == (first.brief, first.replies, first.tips)
    assert len(kept) == 3
    assert {one.rep_id for one in kept} == {"r-3"}
    assert {one.conversation_id for one in kept} == {"call-9"}


async def test_advice_leaves_the_conversation_and_its_analysis_in_place(
    calls: CallCoach, store: Store, tenant: str
) -> None:
    await calls.digest_transcript(tenant, TALK)
    async with store.read(tenant) as work:
        assert await work.conversations.get("call-9") == TALK
        assert await work.signals.get("call-9") is not None
