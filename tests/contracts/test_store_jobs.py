"""What every database must do with jobs, leases and stored files."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from domain.errors import ConflictError, IntegrityError, NotFoundError
from domain.sources import SourceKind
from store.jobs import Job, JobRef, JobStatus, Priority
from store.queue import VANISHED, Claim, JobQueue
from store.testing import SteppingClock
from store.work import Store

KINDS = ["digest_call"]


async def add(store: Store, tenant: str = "acme", **options: object) -> Job:
    async with store.begin(tenant) as work:
        return await work.jobs.add("digest_call", {"call_id": "c1"}, **options)


async def claim(store: Store, **options: object) -> Claim | None:
    return await JobQueue(store).claim("w1", lease_s=60, kinds=KINDS, **options)


async def held(store: Store) -> Claim:
    found = await claim(store)
    assert found is not None
    return found


async def job(store: Store, job_id: str, tenant: str = "acme") -> Job:
    async with store.read(tenant) as work:
        return await work.jobs.existing(job_id)


class TestQueueing:
    async def test_workers_hear_of_a_job_after_its_commit_only(self, any_store: Store) -> None:
        heard: list[JobRef] = []

        async def waker(reference: JobRef) -> None:
            heard.append(reference)

        any_store.watch_jobs(waker)
        with pytest.raises(RuntimeError):
            async with any_store.begin("acme") as work:
                await work.jobs.add("digest_call", {})
                raise RuntimeError
        assert heard == []
        kept = await add(any_store)
        assert heard == [JobRef(tenant="acme", job_id=kept.job_id)]

    async def test_a_waker_that_fails_does_not_undo_the_job(self, any_store: Store) -> None:
        async def waker(_reference: JobRef) -> None:
            raise ConnectionError

        any_store.watch_jobs(waker)
        kept = await add(any_store)
        assert (await job(any_store, kept.job_id)).status is JobStatus.QUEUED

    async def test_the_same_key_is_the_same_job(self, any_store: Store) -> None:
        first = await add(any_store, dedupe_key="c1")
        assert await add(any_store, dedupe_key="c1") == first
        assert (await add(any_store)).job_id != (await add(any_store)).job_id
        assert (await add(any_store, "other", dedupe_key="c1")).job_id != first.job_id

    async def test_the_urgent_goes_first_then_the_oldest(self, any_store: Store) -> None:
        batch = [await add(any_store) for _ in range(2)]
        live = await add(any_store, "other", priority=Priority.LIVE)
        order = [(await held(any_store)).job.job_id for _ in range(3)]
        assert order == [live.job_id, batch[0].job_id, batch[1].job_id]
        assert await claim(any_store) is None

    async def test_only_due_jobs_of_known_kinds_are_handed_out(self, any_store: Store, clock: SteppingClock) -> None:
        later = await add(any_store, delay_s=30)
        assert await claim(any_store) is None
        assert await JobQueue(any_store).claim("w1", lease_s=60, kinds=["other"]) is None
        clock.pass_s(31)
        assert (await held(any_store)).job.job_id == later.job_id

    async def test_a_named_job_is_handed_out_once(self, any_store: Store) -> None:
        first, second = await add(any_store), await add(any_store)
        only = JobRef(tenant="acme", job_id=second.job_id)
        found = await claim(any_store, only=only)
        assert found is not None and found.job.job_id == second.job_id
        assert await claim(any_store, only=only) is None
        assert (await held(any_store)).job.job_id == first.job_id

    async def test_a_job_is_never_held_twice(self, any_store: Store) -> None:
        for _ in range(8):
            await add(any_store)
        claims = await asyncio.gather(*(claim(any_store) for _ in range(12)))
        ids = [found.job.job_id for found in claims if found is not None]
        assert len(ids) == len(set(ids)) == 8


class TestLeases:
    async def test_effects_and_the_end_of_their_job_are_one_transaction(self, any_store: Store) -> None:
        await add(any_store)
        found = await held(any_store)
        async with any_store.begin("acme") as work:
            await work.sources.put("doc:p", kind=SourceKind.DOCUMENT, title="", text="一")
            await work.leases.finish(found.lease)
        done = await job(any_store, found.job.job_id)
        assert (done.status, done.percent, done.attempts) == (JobStatus.DONE, 100, 1)

    async def test_a_worker_that_lost_its_lease_writes_nothing(self, any_store: Store, clock: SteppingClock) -> None:
        await add(any_store)
        slow = await held(any_store)
        clock.pass_s(61)
        quick = await held(any_store)
        assert quick.lease.fence == slow.lease.fence + 1
        with pytest.raises(ConflictError) as caught:
            async with any_store.begin("acme") as work:
                await work.sources.put("doc:p", kind=SourceKind.DOCUMENT, title="", text="一")
                await work.leases.finish(slow.lease)
        assert caught.value.code == "store.lease_lost"
        async with any_store.read("acme") as work:
            assert await work.sources.get("doc:p") is None

    async def test_a_lease_that_is_extended_does_not_run_out(self, any_store: Store, clock: SteppingClock) -> None:
        await add(any_store)
        found = await held(any_store)
        clock.pass_s(50)
        async with any_store.begin("acme") as work:
            await work.leases.extend(found.lease, lease_s=60)
        clock.pass_s(50)
        assert await claim(any_store) is None

    async def test_a_failure_is_tried_again_later_and_in_the_end_is_dead(
        self, any_store: Store, clock: SteppingClock
    ) -> None:
        queued = await add(any_store, max_attempts=2)
        for expected in (JobStatus.QUEUED, JobStatus.DEAD):
            found = await held(any_store)
            async with any_store.begin("acme") as work:
                await work.leases.retry_later(found.lease, "speech.model_failed", delay_s=5)
            assert (await job(any_store, queued.job_id)).status is expected
            assert await claim(any_store) is None
            clock.pass_s(6)
        assert await claim(any_store) is None
        assert (await job(any_store, queued.job_id)).reason == "speech.model_failed"

    async def test_what_can_never_work_is_failed_at_once(self, any_store: Store) -> None:
        await add(any_store)
        found = await held(any_store)
        async with any_store.begin("acme") as work:
            ended = await work.leases.fail(found.lease, "speech.not_audio")
        assert (ended.status, ended.reason) == (JobStatus.FAILED, "speech.not_audio")

    async def test_handing_back_is_no_attempt(self, any_store: Store) -> None:
        await add(any_store)
        found = await held(any_store)
        async with any_store.begin("acme") as work:
            await work.leases.hand_back(found.lease)
        assert (await held(any_store)).job.attempts == 1

    async def test_a_vanished_worker_is_found_by_the_sweep(self, any_store: Store, clock: SteppingClock) -> None:
        queued = await add(any_store)
        await held(any_store)
        assert await JobQueue(any_store).sweep() == []
        clock.pass_s(61)
        assert await JobQueue(any_store).sweep() == [JobRef(tenant="acme", job_id=queued.job_id)]
        freed = await job(any_store, queued.job_id)
        assert (freed.status, freed.reason) == (JobStatus.QUEUED, VANISHED)

    async def test_a_job_whose_workers_keep_vanishing_is_buried(self, any_store: Store, clock: SteppingClock) -> None:
        await add(any_store, max_attempts=1)
        assert not (await held(any_store)).job.is_spent
        clock.pass_s(61)
        await JobQueue(any_store).sweep()
        spent = await held(any_store)
        assert spent.job.is_spent
        async with any_store.begin("acme") as work:
            buried = await work.leases.bury(spent.lease)
        assert (buried.status, buried.reason) == (JobStatus.DEAD, VANISHED)


class TestWatching:
    async def test_every_step_is_an_event_in_order(self, any_store: Store) -> None:
        queued = await add(any_store)
        found = await held(any_store)
        async with any_store.begin("acme") as work:
            await work.leases.progress(found.lease, 40, "transcribe")
            await work.leases.finish(found.lease)
        async with any_store.read("acme") as work:
            events = await work.jobs.events(queued.job_id)
            late = await work.jobs.events(queued.job_id, after=2)
        steps = [(event.sequence, event.status, event.percent, event.stage) for event in events]
        assert steps == [
            (1, JobStatus.QUEUED, 0, ""),
            (2, JobStatus.RUNNING, 0, ""),
            (3, JobStatus.RUNNING, 40, "transcribe"),
            (4, JobStatus.DONE, 100, "transcribe"),
        ]
        assert late == events[2:]

    async def test_a_queued_job_is_cancelled_and_a_running_one_asked_to_stop(self, any_store: Store) -> None:
        running, queued = await add(any_store), await add(any_store)
        found = await held(any_store)
        async with any_store.begin("acme") as work:
            assert (await work.jobs.cancel(queued.job_id)).status is JobStatus.CANCELLED
            assert (await work.jobs.cancel(running.job_id)).status is JobStatus.RUNNING
            assert (await work.leases.extend(found.lease, lease_s=60)).cancel_requested
            assert (await work.leases.cancel(found.lease)).status is JobStatus.CANCELLED
        assert await claim(any_store) is None

    async def test_an_ended_job_can_be_tried_anew(self, any_store: Store) -> None:
        queued = await add(any_store)
        with pytest.raises(ConflictError):
            async with any_store.begin("acme") as work:
                await work.jobs.retry(queued.job_id)
        found = await held(any_store)
        async with any_store.begin("acme") as work:
            await work.leases.fail(found.lease, "speech.not_audio")
            again = await work.jobs.retry(queued.job_id)
        assert (again.status, again.attempts, again.reason) == (JobStatus.QUEUED, 0, None)
        assert (await held(any_store)).lease.fence == 2

    async def test_jobs_are_listed_newest_first(self, any_store: Store) -> None:
        ids = [(await add(any_store)).job_id for _ in range(3)]
        async with any_store.read("acme") as work:
            page = await work.jobs.page(limit=2)
            rest = await work.jobs.page(limit=2, before=page[-1].job_id)
            assert await work.jobs.page(limit=2, status=JobStatus.DEAD) == []
        assert [each.job_id for each in page + rest] == ids[::-1]

    async def test_another_tenants_job_is_no_job(self, any_store: Store) -> None:
        queued = await add(any_store)
        for change in ("cancel", "retry"):
            with pytest.raises(NotFoundError):
                async with any_store.begin("other") as work:
                    await getattr(work.jobs, change)(queued.job_id)
        async with any_store.read("other") as work:
            assert await work.jobs.get(queued.job_id) is None
            assert await work.jobs.events(queued.job_id) == []


class TestBlobs:
    @pytest.fixture
    def recording(self, tmp_path: Path) -> Path:
        path = tmp_path / "call.ogg"
        path.write_bytes(b"OggS" * 1000)
        return path

    async def test_a_file_is_kept_once_and_read_back(self, any_store: Store, recording: Path) -> None:
        async with any_store.begin("acme") as work:
            blob = await work.blobs.put(recording, media_type="audio/ogg")
            assert await work.blobs.put(recording, media_type="audio/ogg") == blob
            assert await work.blobs.get(blob.content_hash) == blob
            path = await work.blobs.path(blob.content_hash)
        assert path.read_bytes() == recording.read_bytes()
        assert len(list(path.parent.iterdir())) == 1
        assert blob.size_bytes == 4000

    async def test_bytes_go_when_the_erasure_is_committed(self, any_store: Store, recording: Path) -> None:
        async with any_store.begin("acme") as work:
            blob = await work.blobs.put(recording, media_type="audio/ogg")
            path = await work.blobs.path(blob.content_hash)
        with pytest.raises(RuntimeError):
            async with any_store.begin("acme") as work:
                await work.blobs.erase(blob.content_hash)
                raise RuntimeError
        assert path.is_file()
        async with any_store.begin("acme") as work:
            assert await work.blobs.erase(blob.content_hash)
            assert not await work.blobs.erase(blob.content_hash)
        assert not path.exists()

    async def test_bytes_without_a_row_are_swept(self, any_store: Store, recording: Path) -> None:
        with pytest.raises(RuntimeError):
            async with any_store.begin("acme") as work:
                await work.blobs.put(recording, media_type="audio/ogg")
                raise RuntimeError
        async with any_store.begin("acme") as work:
            kept = await work.blobs.put(recording, media_type="audio/ogg")
            assert await work.blobs.sweep() == 0
            assert await work.blobs.sweep(older_than_s=-1) == 1
            assert (await work.blobs.path(kept.content_hash)).is_file()

    async def test_lost_bytes_and_other_tenants_files_are_told_apart(self, any_store: Store, recording: Path) -> None:
        async with any_store.begin("acme") as work:
            blob = await work.blobs.put(recording, media_type="audio/ogg")
            (await work.blobs.path(blob.content_hash)).unlink()
            with pytest.raises(IntegrityError):
                await work.blobs.path(blob.content_hash)
        async with any_store.read("other") as work:
            with pytest.raises(NotFoundError):
                await work.blobs.path(blob.content_hash)
