"""Messages that come together: kept, answered and looked at as if each had come alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from domain.conversation import Transcript, Turn
from domain.errors import NotFoundError, TakenError
from domain.signals import Analysis
from store.additions import Added, Addition
from store.jobs import JobStatus
from store.queue import JobQueue
from store.testing import Databases, SteppingClock
from store.turn_intake import DIGEST_CONVERSATION, TurnIntake, look_again
from store.work import Store, Work


def said(number: int, *, talk: str = "talk-1", text: str = "太贵了") -> Addition:
    return Addition(conversation_id=talk, turns=[Turn(id=f"m{number}", speaker="customer", text=text)])


class Door:
    """The intake of a store, counting its transactions."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.transactions = 0
        self.intake = TurnIntake(self._begin)

    @asynccontextmanager
    async def _begin(self, tenant: str) -> AsyncIterator[Work]:
        self.transactions += 1
        async with self._store.begin(tenant) as work:
            yield work

    async def all_of(self, *additions: Addition) -> list[object]:
        asked = (self.intake.add("acme", each) for each in additions)
        return await asyncio.gather(*asked, return_exceptions=True)


@pytest.fixture
async def door(any_store: Store) -> Door:
    async with any_store.begin("acme") as work:
        for talk in ("talk-1", "talk-2"):
            await work.conversations.put(Transcript(id=talk, turns=()))
    return Door(any_store)


async def test_messages_that_come_together_share_a_transaction_and_keep_their_order(
    door: Door, any_store: Store
) -> None:
    answers = await door.all_of(*(said(number, talk=f"talk-{1 + number % 2}") for number in range(20)))
    assert answers == [Added(changed=[f"m{number}"], revision=2 + number // 2) for number in range(20)]
    assert door.transactions <= 2
    async with any_store.read("acme") as work:
        transcript = await work.conversations.get("talk-1")
        sources = await work.sources.under("turn:talk-2:")
    assert transcript is not None
    assert [turn.id for turn in transcript.turns] == [f"m{number}" for number in range(0, 20, 2)]
    assert len(sources) == 10


async def test_one_message_delivered_many_times_at_once_is_kept_once(door: Door, any_store: Store) -> None:
    answers = await door.all_of(*(said(1) for _ in range(6)))
    assert answers == [Added(changed=["m1"], revision=2), *[Added(changed=[], revision=2)] * 5]
    async with any_store.read("acme") as work:
        assert [source.version for source in await work.sources.under("turn:talk-1:")] == [1]


async def test_what_one_gets_wrong_fails_alone(door: Door) -> None:
    twins = [Turn(id="t 1", speaker="rep", text="好"), Turn(id="t_1", speaker="rep", text="好")]
    wrong = Addition(conversation_id="talk-1", turns=twins)
    answers = await door.all_of(said(1), wrong, said(2), said(3, talk="none"))
    assert [type(each) for each in answers] == [Added, TakenError, Added, NotFoundError]


async def test_a_message_and_its_recall_at_once_leave_nothing(door: Door, any_store: Store) -> None:
    await door.all_of(said(1), Addition(conversation_id="talk-1", recalled=["m1"]))
    async with any_store.read("acme") as work:
        transcript = await work.conversations.get("talk-1")
        source = await work.sources.get("turn:talk-1:m1")
    assert transcript is not None and transcript.turns == ()
    assert source is not None and source.text == ""


async def test_what_was_found_in_a_conversation_goes_when_it_changes(door: Door, any_store: Store) -> None:
    async with any_store.begin("acme") as work:
        for talk in ("talk-1", "talk-2"):
            await work.signals.put(talk, Analysis(conversation_id=talk, signals=(), metrics=()))
    await door.all_of(said(1))
    async with any_store.read("acme") as work:
        assert [await work.signals.get(talk) is None for talk in ("talk-1", "talk-2")] == [True, False]


async def test_a_burst_is_looked_at_by_one_job_and_what_comes_during_the_look_by_another(
    door: Door, any_store: Store
) -> None:
    await door.all_of(*(said(number) for number in range(5)))
    await door.all_of(said(5))
    async with any_store.begin("acme") as work:
        (job,) = await work.jobs.page(limit=9)
        assert (job.kind, job.payload) == (DIGEST_CONVERSATION, {"conversation_id": "talk-1"})
    clock = any_store.clock
    clock.pass_s(4)  # type: ignore[attr-defined]  # the tests' own clock
    queue = JobQueue(any_store)
    first = await queue.claim("w", lease_s=60, kinds=[DIGEST_CONVERSATION])
    assert first is not None
    await door.all_of(said(6))
    clock.pass_s(4)  # type: ignore[attr-defined]  # the tests' own clock
    assert await queue.claim("w", lease_s=60, kinds=[DIGEST_CONVERSATION]) is None
    async with any_store.begin("acme") as work:
        statuses = [each.status for each in await work.jobs.page(limit=9)]
        assert statuses == [JobStatus.QUEUED, JobStatus.RUNNING]
        await work.leases.finish(first.lease)
    second = await queue.claim("w", lease_s=60, kinds=[DIGEST_CONVERSATION])
    assert second is not None and second.job.job_id != first.job.job_id


@pytest.mark.postgres
async def test_a_job_cannot_begin_before_the_message_it_is_to_see_is_kept(
    postgres_databases: Databases, clock: SteppingClock
) -> None:
    """On SQLite there is one writer at a time anyway."""
    async with postgres_databases.fresh() as engine:
        store = Store(engine, clock=clock)
        async with store.begin("acme") as work:
            await work.conversations.put(Transcript(id="talk-1", turns=()))
        await Door(store).all_of(said(1))
        clock.pass_s(4)
        queue = JobQueue(store)
        async with store.begin("acme") as work:
            await work.conversations.add([said(2)])
            await look_again(work, ["talk-1"])
            assert await queue.claim("w", lease_s=60, kinds=[DIGEST_CONVERSATION]) is None
        assert await queue.claim("w", lease_s=60, kinds=[DIGEST_CONVERSATION]) is not None
