"""Jobs are run, tried again, stopped and handed back; nothing is lost and no effect happens twice."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from domain.errors import InputError, ModelError
from domain.sources import SourceKind
from store.jobs import Job, JobStatus
from store.queue import JobQueue
from store.testing import SteppingClock
from store.work import Store, Work
from zhanqing.worker.broker import BrokerWorker, redis_broker, waker
from zhanqing.worker.inprocess import InProcessWorker
from zhanqing.worker.runs import Backoff, JobRun, JobRunner

Handle = Callable[[JobRun], Awaitable[None]]


async def add(store: Store, **options: object) -> str:
    async with store.begin("acme") as work:
        return (await work.jobs.add("note", {"text": "好"}, **options)).job_id


async def job(store: Store, job_id: str) -> Job:
    async with store.read("acme") as work:
        return await work.jobs.existing(job_id)


def a_runner(store: Store, handle: Handle, **options: object) -> JobRunner:
    return JobRunner(store, {"note": handle}, owner="w1", backoff=Backoff(spread=lambda: 1.0), watch_s=0.01, **options)


async def write_note(run: JobRun) -> None:
    async with run.finishing() as work:
        await work.sources.put(f"doc:{run.job.job_id}", kind=SourceKind.DOCUMENT, title="", text="好")


async def return_at_once(_run: JobRun) -> None:
    return


class TestRunner:
    async def test_effects_and_end_are_kept_together(self, store: Store) -> None:
        job_id = await add(store)
        assert await a_runner(store, write_note).run_next()
        assert (await job(store, job_id)).status is JobStatus.DONE
        async with store.read("acme") as work:
            assert await work.sources.get(f"doc:{job_id}") is not None

    async def test_a_handler_that_just_returns_is_done(self, store: Store) -> None:
        job_id = await add(store)
        assert await a_runner(store, return_at_once).run_next()
        assert (await job(store, job_id)).status is JobStatus.DONE
        assert not await a_runner(store, return_at_once).run_next()

    async def test_trouble_that_may_pass_is_tried_again_after_a_growing_wait(
        self, store: Store, clock: SteppingClock
    ) -> None:
        async def fail(_run: JobRun) -> None:
            raise ModelError("speech.unavailable")

        job_id = await add(store, max_attempts=3)
        runner = a_runner(store, fail)
        for wait_s in (2, 4):
            assert await runner.run_next()
            assert (await job(store, job_id)).status is JobStatus.QUEUED
            clock.pass_s(wait_s - 1)
            assert not await runner.run_next()
            clock.pass_s(1)
        assert await runner.run_next()
        ended = await job(store, job_id)
        assert (ended.status, ended.reason, ended.attempts) == (JobStatus.DEAD, "speech.unavailable", 3)

    async def test_bad_input_is_not_tried_again(self, store: Store) -> None:
        async def refuse(_run: JobRun) -> None:
            raise InputError("speech.not_audio")

        job_id = await add(store)
        await a_runner(store, refuse).run_next()
        ended = await job(store, job_id)
        assert (ended.status, ended.reason) == (JobStatus.FAILED, "speech.not_audio")

    async def test_a_bug_is_retried_and_its_words_stay_out_of_row_and_log(
        self, store: Store, capsys: pytest.CaptureFixture[str]
    ) -> None:
        async def break_down(_run: JobRun) -> None:
            raise KeyError("王总电话13800138000")

        job_id = await add(store)
        await a_runner(store, break_down).run_next()
        assert (await job(store, job_id)).reason == "zhanqing.internal"
        captured = capsys.readouterr()
        assert "job.broke" in captured.out + captured.err
        assert "13800138000" not in captured.out + captured.err

    async def test_what_belongs_to_a_failure_is_written_with_it(self, store: Store) -> None:
        async def refuse(_run: JobRun) -> None:
            raise InputError("speech.not_audio")

        async def tell(work: Work, failed: Job) -> None:
            await work.sources.put("doc:told", kind=SourceKind.DOCUMENT, title="", text=failed.reason or "")

        await add(store)
        await a_runner(store, refuse, on_failure=tell).run_next()
        async with store.read("acme") as work:
            told = await work.sources.get("doc:told")
        assert told is not None and told.text == "speech.not_audio"

    async def test_a_job_whose_workers_vanished_too_often_dies_without_another_run(
        self, store: Store, clock: SteppingClock
    ) -> None:
        ran: list[str] = []

        async def note(run: JobRun) -> None:
            ran.append(run.job.job_id)

        job_id = await add(store, max_attempts=1)
        await JobQueue(store).claim("vanished", lease_s=60, kinds=["note"])
        clock.pass_s(61)
        await a_runner(store, note).run_next()
        assert ((await job(store, job_id)).status, ran) == (JobStatus.DEAD, [])

    async def test_progress_is_written_down_from_a_thread(self, store: Store) -> None:
        seen = asyncio.Event()

        async def compute(run: JobRun) -> None:
            await asyncio.to_thread(run.report, 40, "transcribe")
            await seen.wait()

        job_id = await add(store)
        running = asyncio.create_task(a_runner(store, compute).run_next())
        await until(lambda: stage_is(store, job_id, "transcribe"))
        seen.set()
        await running
        assert (await job(store, job_id)).percent == 100

    async def test_a_cancelled_job_stops_at_its_next_step(self, store: Store) -> None:
        started = asyncio.Event()

        async def wait(_run: JobRun) -> None:
            started.set()
            await asyncio.Event().wait()

        job_id = await add(store)
        running = asyncio.create_task(a_runner(store, wait, lease_s=0.2).run_next())
        await started.wait()
        async with store.begin("acme") as work:
            await work.jobs.cancel(job_id)
        await running
        assert (await job(store, job_id)).status is JobStatus.CANCELLED

    async def test_a_run_that_lost_its_lease_keeps_nothing(self, store: Store, clock: SteppingClock) -> None:
        async def dawdle(run: JobRun) -> None:
            clock.pass_s(61)
            assert await JobQueue(store).claim("quick", lease_s=60, kinds=["note"]) is not None
            await write_note(run)

        job_id = await add(store)
        await a_runner(store, dawdle).run_next()
        async with store.read("acme") as work:
            assert await work.sources.get(f"doc:{job_id}") is None
        assert (await job(store, job_id)).status is JobStatus.RUNNING


class TestInProcessWorker:
    async def test_queued_jobs_are_done_and_new_ones_wake_it(self, store: Store) -> None:
        early = await add(store)
        async with working(InProcessWorker(store, a_runner(store, write_note), slots=2, poll_s=60)):
            await until(lambda: is_done(store, early))
            late = await add(store)
            await until(lambda: is_done(store, late))

    async def test_stopping_lets_a_running_job_finish(self, store: Store) -> None:
        started, go_on = asyncio.Event(), asyncio.Event()

        async def wait(run: JobRun) -> None:
            started.set()
            await go_on.wait()
            await write_note(run)

        job_id = await add(store)
        worker = InProcessWorker(store, a_runner(store, wait), grace_s=30)
        async with working(worker):
            await started.wait()
            worker.stop()
            go_on.set()
        assert (await job(store, job_id)).status is JobStatus.DONE

    async def test_what_does_not_finish_in_time_is_handed_back_untried(self, store: Store) -> None:
        started = asyncio.Event()

        async def wait(_run: JobRun) -> None:
            started.set()
            await asyncio.Event().wait()

        job_id = await add(store)
        worker = InProcessWorker(store, a_runner(store, wait), grace_s=0.01)
        async with working(worker):
            await started.wait()
        left = await job(store, job_id)
        assert (left.status, left.attempts) == (JobStatus.QUEUED, 0)

    async def test_jobs_of_a_vanished_worker_are_taken_over_at_the_start(
        self, store: Store, clock: SteppingClock
    ) -> None:
        job_id = await add(store)
        await JobQueue(store).claim("vanished", lease_s=60, kinds=["note"])
        clock.pass_s(61)
        async with working(InProcessWorker(store, a_runner(store, write_note), poll_s=60)):
            await until(lambda: is_done(store, job_id))


@pytest.mark.redis
class TestBrokerWorker:
    @pytest.fixture
    def url(self) -> str:
        import redis

        url = os.environ.get("ZHANQING_TEST_REDIS__URL", "redis://localhost:6379/15")
        try:
            redis.Redis.from_url(url).ping()
        except redis.exceptions.ConnectionError:
            if os.environ.get("CI") == "true":
                pytest.fail("Redis is not there")
            pytest.skip("Redis is not there")
        return url

    async def test_jobs_queued_elsewhere_are_woken_through_redis(self, store: Store, url: str) -> None:
        broker = redis_broker(url, namespace=f"test-{secrets.token_hex(4)}")
        store.watch_jobs(waker(broker))
        async with working(BrokerWorker(store, a_runner(store, write_note), broker, sweep_s=600)):
            ids = [await add(store) for _ in range(5)]
            for job_id in ids:
                await until(lambda job_id=job_id: is_done(store, job_id))
        broker.flush_all()

    async def test_jobs_whose_wake_up_was_lost_are_swept_up(self, store: Store, url: str) -> None:
        broker = redis_broker(url, namespace=f"test-{secrets.token_hex(4)}")
        job_id = await add(store)
        async with working(BrokerWorker(store, a_runner(store, write_note), broker, sweep_s=600)):
            await until(lambda: is_done(store, job_id))
        broker.flush_all()

    async def test_two_workers_share_the_jobs_and_do_each_once(self, store: Store, url: str) -> None:
        namespace = f"test-{secrets.token_hex(4)}"
        ran: list[str] = []

        async def note(run: JobRun) -> None:
            ran.append(run.job.job_id)

        brokers = [redis_broker(url, namespace=namespace) for _ in range(2)]
        ids = [await add(store) for _ in range(12)]
        async with (
            working(BrokerWorker(store, a_runner(store, note), brokers[0], slots=2)),
            working(BrokerWorker(store, a_runner(store, note), brokers[1], slots=2)),
        ):
            for job_id in ids:
                await until(lambda job_id=job_id: is_done(store, job_id))
        assert sorted(ran) == sorted(ids)
        brokers[0].flush_all()


@asynccontextmanager
async def working(worker: InProcessWorker | BrokerWorker) -> AsyncIterator[None]:
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        running = group.create_task(worker.run())
        yield
        worker.stop()
        await running


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Give the worker turns of the event loop until something holds."""
    async with asyncio.timeout(20):
        while not await holds():
            await asyncio.sleep(0)


async def is_done(store: Store, job_id: str) -> bool:
    return (await job(store, job_id)).status is JobStatus.DONE


async def stage_is(store: Store, job_id: str, stage: str) -> bool:
    return (await job(store, job_id)).stage == stage
