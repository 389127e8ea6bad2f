from __future__ import annotations

import asyncio

import pytest

from domain.errors import MissingError, NotFoundError
from store.answer_queue import AnswerQueue
from store.chat_answers import ChatPlace, Opening
from store.chat_people import CODE_LIFE, Binding
from store.inbox import ANSWER_MESSAGE, Arrival
from store.locks import Locks
from store.people import Rep
from store.queue import JobQueue
from store.sealing import Sealer
from store.testing import SteppingClock
from store.work import Store

KEY = Sealer(bytes(32))
MESSAGE = {"channel": "wecom_bot", "account_id": "bot1", "thread_key": "t1", "payload": {"text": "太贵了咋回"}}
PLACE = ChatPlace(channel="wecom_bot", account_id="bot1", user_id="zhang", conversation_id="zhang")


@pytest.fixture
def chats(any_store: Store) -> Store:
    return Store(any_store.engine, sealer=KEY, clock=any_store.clock)


class TestInbox:
    async def test_a_message_delivered_four_times_is_answered_once(self, chats: Store) -> None:
        jobs = []
        for _ in range(4):
            async with chats.begin("acme") as work:
                jobs.append(await work.inbox.receive(Arrival(**MESSAGE, dedupe_keys=["m1"])))
        assert jobs[0] is not None and jobs[1:] == [None] * 3
        async with chats.read("acme") as work:
            assert len(await work.jobs.page(limit=9)) == 1
            assert await work.inbox.get(jobs[0].payload["message_id"]) == {"text": "太贵了咋回"}

    @pytest.mark.parametrize("again", [["a", "x"], ["x", "b"], ["b", "a"]])
    async def test_any_key_seen_before_means_the_same_message(self, chats: Store, again: list[str]) -> None:
        async with chats.begin("acme") as work:
            assert await work.inbox.receive(Arrival(**MESSAGE, dedupe_keys=["a", "b"])) is not None
        async with chats.begin("acme") as work:
            assert await work.inbox.receive(Arrival(**MESSAGE, dedupe_keys=again)) is None
        async with chats.begin("acme") as work:
            assert await work.inbox.receive(Arrival(**MESSAGE, dedupe_keys=["x"])) is not None

    async def test_what_was_answered_is_forgotten_but_known(self, chats: Store) -> None:
        async with chats.begin("acme") as work:
            job = await work.inbox.receive(Arrival(**MESSAGE, dedupe_keys=["m1"]))
            assert job is not None
            await work.inbox.finish(job.payload["message_id"])
            assert await work.inbox.get(job.payload["message_id"]) is None
            assert await work.inbox.receive(Arrival(**MESSAGE, dedupe_keys=["m1"])) is None

    async def test_messages_lie_sealed(self, chats: Store) -> None:
        from sqlalchemy import text

        async with chats.begin("acme") as work:
            await work.inbox.receive(Arrival(**MESSAGE, dedupe_keys=["m1"]))
        async with chats.across_tenants(writes=False) as session:
            assert "太贵" not in str(await session.scalar(text("SELECT payload FROM inbox")))

    async def test_without_the_installations_key_nothing_is_taken(self, any_store: Store) -> None:
        with pytest.raises(MissingError):
            async with any_store.begin("acme") as work:
                await work.inbox.receive(Arrival(**MESSAGE, dedupe_keys=["m1"]))


class TestSeries:
    async def test_messages_of_a_thread_are_handed_out_one_after_another(self, chats: Store) -> None:
        async with chats.begin("acme") as work:
            first = await work.inbox.receive(Arrival(**MESSAGE, dedupe_keys=["m1"]))
            await work.inbox.receive(Arrival(**MESSAGE, dedupe_keys=["m2"]))
            other = await work.inbox.receive(Arrival(**{**MESSAGE, "thread_key": "t2"}, dedupe_keys=["m3"]))
        assert first is not None and other is not None
        queue = JobQueue(chats)
        one = await queue.claim("w1", lease_s=60, kinds=[ANSWER_MESSAGE])
        two = await queue.claim("w2", lease_s=60, kinds=[ANSWER_MESSAGE])
        assert one is not None and two is not None
        assert {one.job.job_id, two.job.job_id} == {first.job_id, other.job_id}
        assert await queue.claim("w3", lease_s=60, kinds=[ANSWER_MESSAGE]) is None

        async with chats.begin("acme") as work:
            await work.leases.retry_later(one.lease, "store.busy", delay_s=5)
        assert await queue.claim("w3", lease_s=60, kinds=[ANSWER_MESSAGE]) is None

    async def test_the_next_one_comes_once_the_first_has_ended(self, chats: Store) -> None:
        async with chats.begin("acme") as work:
            await work.inbox.receive(Arrival(**MESSAGE, dedupe_keys=["m1"]))
            second = await work.inbox.receive(Arrival(**MESSAGE, dedupe_keys=["m2"]))
        assert second is not None
        queue = JobQueue(chats)
        claim = await queue.claim("w1", lease_s=60, kinds=[ANSWER_MESSAGE])
        assert claim is not None
        async with chats.begin("acme") as work:
            await work.leases.fail(claim.lease, "store.busy")
        following = await queue.claim("w1", lease_s=60, kinds=[ANSWER_MESSAGE])
        assert following is not None and following.job.job_id == second.job_id


async def begin(chats: Store, name: str, order: str) -> None:
    async with chats.begin("acme") as work:
        at = chats.clock()
        await work.chat_answers.open_all(
            [Opening(answer_id=name, place=PLACE, order_key=order, asked_at=at, reply_to={"req_id": "R1"})]
        )


async def finish(chats: Store, name: str, said: str = "好的", decision: str | None = None) -> None:
    async with chats.begin("acme") as work:
        await work.chat_answers.write(name, text=said, state="finished", decision_id=decision)


class TestAnswers:
    async def test_each_version_is_shown_once_and_the_last_one_closes_it(self, chats: Store) -> None:
        queue = AnswerQueue(chats, KEY)
        await begin(chats, "a1", "1")
        thinking = await queue.take("wecom_bot", "bot1")
        assert thinking is not None and thinking.state == "thinking" and thinking.reply_to == {"req_id": "R1"}
        assert await queue.take("wecom_bot", "bot1") is None
        await queue.shown(thinking, {"frames": "1"})
        assert await queue.take("wecom_bot", "bot1") is None

        await finish(chats, "a1")
        final = await queue.take("wecom_bot", "bot1")
        assert final is not None and final.text == "好的" and final.notes == {"frames": "1"}
        await queue.shown(final, {})
        async with chats.read("acme") as work:
            closed = await work.chat_answers.get("a1")
        assert closed is not None and closed.reply_to == {} and closed.text == "好的"

    async def test_what_changed_while_it_was_shown_is_shown_again(self, chats: Store) -> None:
        queue = AnswerQueue(chats, KEY)
        await begin(chats, "a1", "1")
        early = await queue.take("wecom_bot", "bot1")
        assert early is not None
        await finish(chats, "a1")
        await queue.shown(early, {})
        late = await queue.take("wecom_bot", "bot1")
        assert late is not None and late.is_final

    async def test_answers_of_a_conversation_are_shown_in_order(self, chats: Store) -> None:
        queue = AnswerQueue(chats, KEY)
        await begin(chats, "a2", "2")
        await begin(chats, "a1", "1")
        await finish(chats, "a2")
        first = await queue.take("wecom_bot", "bot1")
        assert first is not None and first.answer_id == "a1"
        await queue.shown(first, {})
        assert await queue.take("wecom_bot", "bot1") is None
        await finish(chats, "a1")
        again = await queue.take("wecom_bot", "bot1")
        assert again is not None and again.answer_id == "a1"
        await queue.shown(again, {})
        last = await queue.take("wecom_bot", "bot1")
        assert last is not None and last.answer_id == "a2"

    async def test_a_courier_that_took_too_long_cannot_write(self, chats: Store, clock: SteppingClock) -> None:
        queue = AnswerQueue(chats, KEY, hold_s=5)
        await begin(chats, "a1", "1")
        await finish(chats, "a1")
        slow = await queue.take("wecom_bot", "bot1")
        clock.pass_s(30)
        quick = await queue.take("wecom_bot", "bot1")
        assert slow is not None and quick is not None
        await queue.failed(slow, "bots.x", notes={}, retry_in_s=None)
        await queue.shown(quick, {"sent": "1"})
        async with chats.read("acme") as work:
            kept = await work.chat_answers.get("a1")
        assert kept is not None and kept.notes == {"sent": "1"}

    async def test_a_failure_is_tried_again_later_and_then_no_more(self, chats: Store, clock: SteppingClock) -> None:
        queue = AnswerQueue(chats, KEY)
        await begin(chats, "a1", "1")
        await finish(chats, "a1")
        one = await queue.take("wecom_bot", "bot1")
        assert one is not None
        await queue.failed(one, "bots.busy", notes={"parts": "1"}, retry_in_s=10)
        assert await queue.take("wecom_bot", "bot1") is None
        clock.pass_s(20)
        two = await queue.take("wecom_bot", "bot1")
        assert two is not None and two.attempts == 1 and two.notes == {"parts": "1"}
        await queue.failed(two, "bots.refused", notes={}, retry_in_s=None)
        assert await queue.take("wecom_bot", "bot1") is None

    async def test_a_push_is_said_once(self, chats: Store) -> None:
        queue = AnswerQueue(chats, KEY)
        for _ in range(2):
            async with chats.begin("acme") as work:
                await work.chat_answers.push("report:call-1", PLACE, text="报告好了")
        push = await queue.take("wecom_bot", "bot1")
        assert push is not None and push.text == "报告好了" and push.reply_to == {}
        await queue.shown(push, {})
        async with chats.begin("acme") as work:
            await work.chat_answers.push("report:call-1", PLACE, text="又好了")
        assert await queue.take("wecom_bot", "bot1") is None

    async def test_words_are_forgotten_once_shown(self, chats: Store) -> None:
        queue = AnswerQueue(chats, KEY)
        await begin(chats, "a1", "1")
        await finish(chats, "a1", decision="dec_1")
        async with chats.begin("acme") as work:
            assert await work.chat_answers.forget() == 0
        held = await queue.take("wecom_bot", "bot1")
        assert held is not None
        await queue.shown(held, {})
        async with chats.begin("acme") as work:
            assert await work.chat_answers.forget() == 1
            assert await work.chat_answers.last_decision(PLACE) == "dec_1"


class TestPeople:
    async def test_a_code_binds_once_and_only_for_its_half_hour(self, chats: Store, clock: SteppingClock) -> None:
        async with chats.begin("acme") as work:
            await work.people.put_rep(Rep(rep_id="r1", name="张三"))
            code = await work.chat_people.invite("r1")
            late = await work.chat_people.invite("r1")
            rep = await work.chat_people.bind(code, platform="wecom", user_id="zhang")
            assert rep is not None and rep.name == "张三"
            assert await work.chat_people.bind(code, platform="wecom", user_id="li") is None
            assert await work.chat_people.of("wecom", "zhang") == Binding(
                platform="wecom", user_id="zhang", rep_id="r1"
            )
        clock.pass_s(CODE_LIFE.total_seconds() + 1)
        async with chats.begin("acme") as work:
            assert await work.chat_people.bind(late, platform="wecom", user_id="li") is None

    async def test_another_tenants_code_is_no_code(self, chats: Store) -> None:
        async with chats.begin("acme") as work:
            await work.people.put_rep(Rep(rep_id="r1", name="张三"))
            code = await work.chat_people.invite("r1")
        async with chats.begin("other") as work:
            assert await work.chat_people.bind(code, platform="wecom", user_id="zhang") is None

    async def test_nobody_is_invited_who_is_not_there(self, chats: Store) -> None:
        with pytest.raises(NotFoundError):
            async with chats.begin("acme") as work:
                await work.chat_people.invite("nobody")


class TestLocks:
    async def test_one_process_holds_it_until_it_lets_go_or_dies(self, any_store: Store, clock: SteppingClock) -> None:
        one, two = (Locks(any_store, owner=name, hold_s=30) for name in ("one", "two"))
        assert await one.take("bot") and await one.take("bot")
        assert not await two.take("bot")
        assert await two.take("another bot")
        await one.release("bot")
        assert await two.take("bot")
        clock.pass_s(31)
        assert await one.take("bot")
        await two.release("bot")
        assert not await two.take("bot")

    async def test_of_many_that_ask_at_once_one_gets_it(self, any_store: Store) -> None:
        asked = await asyncio.gather(*(Locks(any_store, owner=str(number)).take("bot") for number in range(8)))
        assert sum(asked) == 1
