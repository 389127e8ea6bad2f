"""What every database must do for drills and comments."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.conversation import Transcript, Turn
from domain.errors import ConflictError, NotFoundError
from domain.signals import Moment
from store.work import Store

TALK = Transcript(id="c1", turns=(Turn(id="t1", speaker="customer", text="再考虑考虑"),), account_id="A1")
MOMENT = Moment(turn_id="t1", start_ms=100, end_ms=900, quote="再考虑")


async def begun(store: Store) -> str:
    async with store.begin("acme") as work:
        await work.conversations.put(TALK)
        drill_id = work.drills.new_id()
        await work.drills.add(drill_id, {"worry": 0}, rep_id="r1", conversation_id="c1")
    return drill_id


class TestDrills:
    async def test_a_turn_moves_it_on_and_another_process_finds_it_there(
        self, any_store: Store, tmp_path: Path
    ) -> None:
        drill_id = await begun(any_store)
        async with any_store.begin("acme") as work:
            await work.drills.move_on(drill_id, {"worry": 1}, after=1, is_over=True, debrief={"total": 60})
        async with Store(any_store.engine, blobs=tmp_path, clock=any_store.clock).read("acme") as work:
            found = await work.drills.existing(drill_id)
        assert (found.document, found.debrief, found.is_over, found.revision) == ({"worry": 1}, {"total": 60}, True, 2)

    async def test_two_turns_on_the_same_line_are_one_too_many(self, any_store: Store) -> None:
        drill_id = await begun(any_store)
        async with any_store.begin("acme") as work:
            await work.drills.move_on(drill_id, {"worry": 1}, after=1)
        with pytest.raises(ConflictError):
            async with any_store.begin("acme") as work:
                await work.drills.move_on(drill_id, {"worry": 2}, after=1)

    async def test_another_tenant_has_no_such_drill(self, any_store: Store) -> None:
        drill_id = await begun(any_store)
        async with any_store.begin("other") as work:
            with pytest.raises(NotFoundError):
                await work.drills.existing(drill_id)
            assert await work.drills.of_rep("r1") == []

    async def test_it_goes_with_the_words_it_was_made_of(self, any_store: Store) -> None:
        drill_id = await begun(any_store)
        async with any_store.begin("acme") as work:
            await work.comments.add("c1", MOMENT, by="m1", text="这里可以问一句")
            await work.subjects.erase("A1", by="dpo")
        async with any_store.read("acme") as work:
            assert await work.comments.of("c1") == []
            with pytest.raises(NotFoundError):
                await work.drills.existing(drill_id)


class TestComments:
    async def test_a_comment_keeps_its_moment_when_the_words_are_heard_again(self, any_store: Store) -> None:
        await begun(any_store)
        async with any_store.begin("acme") as work:
            added = await work.comments.add("c1", MOMENT, by="m1", text="这里可以问一句")
            await work.conversations.put(
                Transcript(id="c1", turns=(Turn(id="x9", speaker="customer", text="再考虑下"),))
            )
        async with any_store.read("acme") as work:
            assert await work.comments.of("c1") == [added]

    async def test_there_is_no_comment_on_what_is_not_there(self, any_store: Store) -> None:
        with pytest.raises(NotFoundError):
            async with any_store.begin("acme") as work:
                await work.comments.add("none", MOMENT, by="m1", text="好")
