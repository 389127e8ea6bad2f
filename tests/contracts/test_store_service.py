"""What every database must do for the service: calls, keys, webhooks, data subjects, trust figures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from domain.accounts import Account, Contact, Deal
from domain.conversation import Consent, ConsentStatus, Participant, Transcript, Turn
from domain.errors import ConflictError, MissingError, NotFoundError
from domain.sources import SourceStatus, cite
from domain.suggestions import (
    Aigc,
    Claim,
    Decision,
    Envelope,
    ErasedDecision,
    Feedback,
    FeedbackAction,
    PromptUse,
    Suggestion,
    SuggestionKind,
)
from store.calls import Call, CallDetails, CallFilter, CallStatus
from store.consents import ConsentRecord
from store.engine import scrub
from store.idempotency import InProgressError, KeptAnswer
from store.keys import ApiScope, NewKey, Role, any_key, find_keys, use_is_stale
from store.queue import JobQueue
from store.sealing import Sealer
from store.testing import Databases, SteppingClock
from store.trust import Share
from store.webhooks import DELIVER_WEBHOOK, WebhookEvent
from store.work import Store, Work

SECRET_WORDS = "我们预算只有八十万"


@pytest.fixture
async def sealed_store(databases: Databases, tmp_path: Path, clock: SteppingClock) -> AsyncIterator[Store]:
    async with databases.fresh() as engine:
        yield Store(engine, blobs=tmp_path / "blobs", sealer=Sealer(b"k" * 32), clock=clock)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "call.ogg"
    path.write_bytes(b"OggS" * 100)
    return path


async def grant(work: Work, reference: str = "rec-1", subject: str = "A1") -> None:
    await work.consents.put(ConsentRecord(reference=reference, subject=subject, granted_at=work.scope.clock()))


async def submit(store: Store, recording: Path, **details: object) -> Call:
    with recording.open("rb") as source:
        audio = await store.keep_file("acme", source)
    async with store.begin("acme") as work:
        return await work.calls.submit(audio, CallDetails(**details), media_type="audio/ogg")


class TestCalls:
    async def test_a_call_with_a_consent_is_queued_for_listening(self, any_store: Store, recording: Path) -> None:
        async with any_store.begin("acme") as work:
            await grant(work)
        call = await submit(any_store, recording, consent_reference="rec-1", roles=("rep", "customer"))
        claim = await JobQueue(any_store).claim("w", lease_s=60, kinds=["digest_call"])
        assert call.status is CallStatus.QUEUED
        assert claim is not None and claim.job.payload == {"call_id": call.call_id}
        async with any_store.read("acme") as work:
            running = await work.calls.existing(call.call_id)
            assert (await work.blobs.path(running.blob_hash or "")).read_bytes() == recording.read_bytes()
        assert (running.status, running.details.roles) == (CallStatus.RUNNING, ("rep", "customer"))

    async def test_without_a_consent_it_waits_in_quarantine(self, any_store: Store, recording: Path) -> None:
        calls = [await submit(any_store, recording), await submit(any_store, recording, consent_reference="rec-1")]
        assert [call.status for call in calls] == [CallStatus.QUARANTINED] * 2
        assert await JobQueue(any_store).claim("w", lease_s=60, kinds=["digest_call"]) is None

    async def test_a_withdrawn_consent_is_none(self, any_store: Store, recording: Path) -> None:
        async with any_store.begin("acme") as work:
            await grant(work)
            await work.consents.withdraw("rec-1", by="u1")
        call = await submit(any_store, recording, consent_reference="rec-1")
        assert call.status is CallStatus.QUARANTINED

    async def test_a_consent_that_comes_later_releases_its_calls_and_those_named(
        self, any_store: Store, recording: Path
    ) -> None:
        waiting = await submit(any_store, recording, consent_reference="rec-1")
        named = await submit(any_store, recording)
        other = await submit(any_store, recording, consent_reference="rec-2")
        async with any_store.begin("acme") as work:
            await grant(work)
            released = await work.calls.release("rec-1", [named.call_id])
            assert await work.calls.release("rec-1") == []
            assert (await work.calls.existing(other.call_id)).status is CallStatus.QUARANTINED
        assert released == [waiting.call_id, named.call_id]

    async def test_the_same_external_id_is_the_same_call(self, any_store: Store, recording: Path) -> None:
        first = await submit(any_store, recording, external_id="crm-7")
        assert await submit(any_store, recording, external_id="crm-7") == first
        assert len(list((recording.parent / "blobs" / "acme").iterdir())) == 1
        assert (await submit(any_store, recording)).call_id != (await submit(any_store, recording)).call_id

    async def test_calls_are_listed_newest_first(self, any_store: Store, recording: Path) -> None:
        calls = [await submit(any_store, recording, rep_id=rep) for rep in ("r1", "r2", "r1")]
        async with any_store.read("acme") as work:
            first = await work.calls.page(CallFilter(), limit=1)
            last = (first[0].created_at, first[0].call_id)
            rest = await work.calls.page(CallFilter(), limit=9, before=last)
            mine = await work.calls.page(CallFilter(rep_ids=("r1",)), limit=9)
        assert first + rest == calls[::-1]
        assert mine == [calls[2], calls[0]]

    async def test_erasing_keeps_bytes_that_another_call_shares(self, any_store: Store, recording: Path) -> None:
        first, second = await submit(any_store, recording), await submit(any_store, recording)
        async with any_store.begin("acme") as work:
            await work.calls.erase(first.call_id)
        async with any_store.begin("acme") as work:
            assert (await work.calls.existing(first.call_id)).status is CallStatus.ERASED
            path = await work.blobs.path(second.blob_hash or "")
            await work.calls.erase(second.call_id)
        assert not path.exists()


class TestApiKeys:
    async def create(self, store: Store, **options: object) -> NewKey:
        async with store.begin("acme") as work:
            return await work.api_keys.create("CRM", **options)

    async def test_a_key_is_found_by_its_secret_only(self, any_store: Store) -> None:
        made = await self.create(any_store, role=Role.REP, scopes=frozenset({ApiScope.READ}), rep_id="r1")
        wrong = made.secret[:-1] + ("A" if made.secret[-1] != "A" else "B")
        async with any_store.across_tenants() as session:
            asked = (made.secret, wrong, "", "zq_x", made.secret.upper())
            assert await find_keys(session, asked) == {made.secret: made.key}
            assert [await any_key(session, tenant) for tenant in ("acme", "other")] == [True, False]

    async def test_the_secret_is_not_kept(self, any_store: Store) -> None:
        made = await self.create(any_store)
        async with any_store.across_tenants() as session:
            row = (await session.execute(text("SELECT * FROM api_keys"))).one()
        assert made.secret not in str(row)
        assert made.secret.startswith(f"zq_{made.key.key_id}_")

    async def test_revoked_and_expired_keys_are_no_good(self, any_store: Store, clock: SteppingClock) -> None:
        made = await self.create(any_store, expires_at=clock() + timedelta(hours=1))
        assert made.key.is_good_at(clock())
        assert not made.key.is_good_at(clock() + timedelta(hours=1))
        async with any_store.begin("acme") as work:
            revoked = await work.api_keys.revoke(made.key.key_id)
            assert await work.api_keys.revoke(made.key.key_id) == revoked
        assert not revoked.is_good_at(clock())

    async def test_rotation_overlaps_for_a_while(self, any_store: Store, clock: SteppingClock) -> None:
        old = await self.create(any_store, rep_id="r1")
        async with any_store.begin("acme") as work:
            new = await work.api_keys.rotate(old.key.key_id, overlap=timedelta(hours=1))
            ending = await work.api_keys.existing(old.key.key_id)
        assert ending.is_good_at(clock()) and not ending.is_good_at(clock() + timedelta(hours=2))
        assert new.key.is_good_at(clock() + timedelta(days=900))
        assert (new.key.rep_id, new.key.scopes) == ("r1", old.key.scopes)

    async def test_another_tenant_cannot_touch_a_key(self, any_store: Store) -> None:
        made = await self.create(any_store)
        with pytest.raises(NotFoundError):
            async with any_store.begin("other") as work:
                await work.api_keys.revoke(made.key.key_id)
        async with any_store.read("other") as work:
            assert await work.api_keys.all() == []

    async def test_use_is_noted_now_and_then(self, any_store: Store, clock: SteppingClock) -> None:
        made = await self.create(any_store)
        async with any_store.begin("acme") as work:
            await work.api_keys.note_use(made.key)
            used = await work.api_keys.existing(made.key.key_id)
        assert [use_is_stale(made.key, clock()), use_is_stale(used, clock())] == [True, False]
        clock.pass_s(301)
        assert use_is_stale(used, clock())


class TestIdempotency:
    ANSWER = KeptAnswer(status=202, headers={"location": "/v1/calls/c1"}, body=b"{}")

    async def begin(self, store: Store, fingerprint: str = "f1", tenant: str = "acme") -> KeptAnswer | None:
        async with store.begin(tenant) as work:
            return await work.idempotency.begin("POST /v1/calls", "k1", fingerprint)

    async def test_the_first_answer_is_given_again(self, any_store: Store) -> None:
        assert await self.begin(any_store) is None
        async with any_store.begin("acme") as work:
            await work.idempotency.keep("POST /v1/calls", "k1", self.ANSWER)
        assert await self.begin(any_store) == self.ANSWER
        assert await self.begin(any_store, tenant="other") is None

    async def test_a_key_stands_for_one_request(self, any_store: Store) -> None:
        await self.begin(any_store)
        with pytest.raises(ConflictError):
            await self.begin(any_store, "f2")

    async def test_whoever_comes_second_waits_until_the_first_is_done_or_gone(
        self, any_store: Store, clock: SteppingClock
    ) -> None:
        await self.begin(any_store)
        with pytest.raises(InProgressError):
            await self.begin(any_store)
        clock.pass_s(121)
        assert await self.begin(any_store) is None
        with pytest.raises(InProgressError):
            await self.begin(any_store)

    async def test_after_a_failure_of_ours_the_request_may_run_again(self, any_store: Store) -> None:
        await self.begin(any_store)
        async with any_store.begin("acme") as work:
            await work.idempotency.release("POST /v1/calls", "k1")
        assert await self.begin(any_store) is None

    async def test_answers_are_kept_for_a_day(self, any_store: Store, clock: SteppingClock) -> None:
        await self.begin(any_store)
        async with any_store.begin("acme") as work:
            await work.idempotency.keep("POST /v1/calls", "k1", self.ANSWER)
        clock.pass_s(24 * 3600 + 1)
        assert await self.begin(any_store, "f2") is None


class TestWebhooks:
    async def subscribe(self, store: Store, *events: WebhookEvent) -> tuple[str, str]:
        async with store.begin("acme") as work:
            made = await work.webhooks.subscribe("https://crm.example/hook", events=frozenset(events))
        return made.webhook.webhook_id, made.secret

    async def test_an_event_is_queued_for_those_who_asked_for_it(self, sealed_store: Store) -> None:
        wanting, _ = await self.subscribe(sealed_store, WebhookEvent.CALL_COMPLETED)
        await self.subscribe(sealed_store, WebhookEvent.CALL_FAILED)
        everything, _ = await self.subscribe(sealed_store)
        async with sealed_store.begin("acme") as work:
            assert await work.webhooks.emit(WebhookEvent.CALL_COMPLETED, {"call_id": "c1"}) == 2
            jobs = await work.jobs.page(limit=9)
            assert {job.payload["webhook_id"] for job in jobs} == {wanting, everything}
            assert {job.kind for job in jobs} == {DELIVER_WEBHOOK}
            delivery = await work.webhooks.delivery(**jobs[0].payload)
        assert delivery.body.startswith('{"type":"call.completed","timestamp":"2026-11-20T')
        assert '"data":{"call_id":"c1"}' in delivery.body

    async def test_secrets_are_sealed_and_overlap_for_a_day_when_rotated(
        self, sealed_store: Store, clock: SteppingClock
    ) -> None:
        webhook_id, first = await self.subscribe(sealed_store)
        async with sealed_store.begin("acme") as work:
            second = (await work.webhooks.rotate(webhook_id)).secret
            assert await work.webhooks.secrets(webhook_id) == [second, first]
        clock.pass_s(24 * 3600)
        async with sealed_store.read("acme") as work:
            assert await work.webhooks.secrets(webhook_id) == [second]
        async with sealed_store.across_tenants() as session:
            row = str((await session.execute(text("SELECT * FROM webhooks"))).one())
        assert first not in row and second not in row

    async def test_answers_are_written_down(self, sealed_store: Store) -> None:
        webhook_id, _ = await self.subscribe(sealed_store)
        async with sealed_store.begin("acme") as work:
            await work.webhooks.emit(WebhookEvent.CALL_COMPLETED, {})
            event_id = (await work.webhooks.deliveries(webhook_id, limit=1))[0].event_id
            await work.webhooks.note_answer(webhook_id, event_id, status=500, error=None)
            failing = await work.webhooks.existing(webhook_id)
            await work.webhooks.note_answer(webhook_id, event_id, status=204, error=None)
            delivery = await work.webhooks.delivery(webhook_id, event_id)
            healthy = await work.webhooks.existing(webhook_id)
        assert (delivery.attempts, delivery.last_status) == (2, 204)
        assert delivery.delivered_at is not None
        assert failing.failing_since is not None and healthy.failing_since is None

    @pytest.mark.parametrize(("status", "days", "disabled"), [(410, 0, True), (500, 6, True), (500, 4, False)])
    async def test_a_receiver_that_is_gone_is_not_called_any_more(
        self, sealed_store: Store, clock: SteppingClock, status: int, days: int, disabled: bool
    ) -> None:
        webhook_id, _ = await self.subscribe(sealed_store)
        async with sealed_store.begin("acme") as work:
            await work.webhooks.emit(WebhookEvent.CALL_COMPLETED, {})
            event_id = (await work.webhooks.deliveries(webhook_id, limit=1))[0].event_id
            await work.webhooks.note_answer(webhook_id, event_id, status=status, error=None)
            clock.pass_s(days * 24 * 3600)
            await work.webhooks.note_answer(webhook_id, event_id, status=status, error=None)
            assert await work.webhooks.emit(WebhookEvent.CALL_COMPLETED, {}) == (0 if disabled else 1)

    async def test_removal_takes_deliveries_along(self, sealed_store: Store) -> None:
        webhook_id, _ = await self.subscribe(sealed_store)
        async with sealed_store.begin("acme") as work:
            await work.webhooks.emit(WebhookEvent.CALL_COMPLETED, {})
            await work.webhooks.remove(webhook_id)
            assert await work.webhooks.all() == []
            with pytest.raises(NotFoundError):
                await work.webhooks.deliveries(webhook_id, limit=1)

    async def test_without_the_installations_key_there_are_no_webhooks(self, any_store: Store) -> None:
        with pytest.raises(MissingError):
            await self.subscribe(any_store)


def a_conversation(name: str = "call-1", **changes: object) -> Transcript:
    made = Transcript(
        id=name,
        consent=Consent(status=ConsentStatus.GRANTED, reference="rec-1"),
        turns=(Turn(id="t001", speaker="customer", text=f"{SECRET_WORDS}，{name}"),),
    )
    return replace(made, **changes)


async def advise(work: Work, source_id: str, decision_id: str) -> None:
    """Append a decision that quotes a source whole, in two suggestions."""
    source = await work.sources.get(source_id)
    assert source is not None
    claim = Claim(text=source.text, start=0, end=len(source.text), citations=(cite(source, 0, len(source.text)),))
    suggestions = tuple(
        Suggestion(id=name, tactic="复述", what=claim.text, why="", next="", confidence=0.9, claims=(claim,))
        for name in ("s1", "s2")
    )
    envelope = Envelope(
        decision_id=decision_id,
        kind=SuggestionKind.REPLY,
        engine="extractive",
        suggestions=suggestions,
        aigc=Aigc(ContentProducer="zhanqing", ProduceID=decision_id),
        created_at=work.scope.clock(),
    )
    prompt = PromptUse(name="reply", version="1", sha256="0" * 64)
    await work.decisions.append(
        Decision(
            decision_id=decision_id,
            envelope=envelope,
            inputs=(source_id,),
            retrieval=(),
            engine="extractive",
            prompt=prompt,
            checks=(),
        )
    )


class TestSubjects:
    async def fill(self, store: Store, recording: Path) -> None:
        async with store.begin("acme") as work:
            await grant(work)
            await grant(work, "rec-9", "A9")
            contacts = (Contact(name="王敏", title="采购总监"),)
            await work.accounts.put(Account(account_id="A1", name="华星电子", contacts=contacts))
            await work.deals.put(Deal(deal_id="D1", account_id="A1", name="二期"))
            await work.conversations.put(a_conversation("by-account", account_id="A1", consent=Consent()))
            await work.conversations.put(a_conversation("by-consent"))
            person = Participant(id="A1", speaker="customer")
            await work.conversations.put(a_conversation("by-person", consent=Consent(), participants=(person,)))
            other = Consent(status=ConsentStatus.GRANTED, reference="rec-9")
            await work.conversations.put(a_conversation("not-theirs", consent=other))
            await advise(work, "turn:by-consent:t001", "d-1")
            await advise(work, "turn:not-theirs:t001", "d-2")
            await advise(work, "crm:account:A1:name", "d-3")
            await work.idempotency.begin("POST /v1/ask", "k1", "f1")
        await submit(store, recording, account_id="A1")

    async def test_an_export_holds_everything_of_the_subject_and_nothing_else(
        self, any_store: Store, recording: Path
    ) -> None:
        await self.fill(any_store, recording)
        async with any_store.begin("acme") as work:
            document, receipt = await work.subjects.export("A1", by="u1")
        assert {each["id"] for each in document["conversations"]} == {"by-account", "by-consent", "by-person"}
        assert [each["decision_id"] for each in document["decisions"]] == ["d-1", "d-3"]
        assert document["accounts"][0]["contacts"][0]["name"] == "王敏"
        assert [each["reference"] for each in document["consents"]] == ["rec-1"]
        assert receipt.document["calls"] == document["calls"]
        assert SECRET_WORDS not in str(receipt)

    async def test_erasure_leaves_no_word_in_any_table_and_the_chain_holds(
        self, any_store: Store, recording: Path
    ) -> None:
        await self.fill(any_store, recording)
        async with any_store.begin("acme") as work:
            receipt = await work.subjects.erase("A1", by="u1")
        assert receipt.document["decisions"] == 2
        dumped = await everything(any_store)
        for words in (f"{SECRET_WORDS}，by-", "华星电子", "王敏", "采购总监", "二期"):
            assert words not in dumped
        assert f"{SECRET_WORDS}，not-theirs" in dumped
        async with any_store.read("acme") as work:
            assert isinstance(await work.decisions.get("d-1"), ErasedDecision)
            assert isinstance(await work.decisions.get("d-2"), Decision)
            assert (await work.decisions.verify()).ok
            assert await work.subjects.receipts("A1") == [receipt]
            left = await work.sources.get("turn:by-person:t001")
        assert left is not None and left.status is SourceStatus.ERASED
        assert list((any_store.blob_folder.root / "acme").iterdir()) == []  # type: ignore[union-attr]  # given above

    async def test_a_withdrawal_erases_what_was_said_and_keeps_the_crm_record(
        self, any_store: Store, recording: Path
    ) -> None:
        await self.fill(any_store, recording)
        async with any_store.begin("acme") as work:
            await work.subjects.withdraw("A1", by="u1")
        async with any_store.read("acme") as work:
            assert (await work.consents.status("rec-1")).status is ConsentStatus.WITHDRAWN
            assert await work.accounts.get("A1") is not None
            assert isinstance(await work.decisions.get("d-1"), ErasedDecision)
            assert isinstance(await work.decisions.get("d-3"), Decision)
        assert f"{SECRET_WORDS}，by-" not in await everything(any_store)

    async def test_erased_words_do_not_linger_in_the_file_of_the_database(self, store: Store, recording: Path) -> None:
        await self.fill(store, recording)
        async with store.begin("acme") as work:
            await work.subjects.erase("A1", by="u1")
        await scrub(store.engine)
        path = Path(store.engine.url.database or "")
        kept = b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))
        assert b"by-consent" in kept
        assert f"{SECRET_WORDS}，by-consent".encode() not in kept

    async def test_scrubbing_works_on_every_database(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            await work.conversations.put(a_conversation())
        await scrub(any_store.engine)
        async with any_store.read("acme") as work:
            assert await work.conversations.get("call-1") == a_conversation()

    async def test_nobody_known_is_said_so(self, any_store: Store) -> None:
        for right in ("export", "withdraw", "erase"):
            with pytest.raises(NotFoundError):
                async with any_store.begin("acme") as work:
                    await getattr(work.subjects, right)("A1", by="u1")


async def everything(store: Store) -> str:
    """Return every row of every table as text."""
    from store.tables import metadata

    async with store.across_tenants(writes=False) as session:
        connection = await session.connection()
        rows = [list(await connection.execute(table.select())) for table in metadata.sorted_tables]
    return str(
        [
            [part.decode(errors="replace") if isinstance(part, bytes) else part for part in row]
            for table in rows
            for row in table
        ]
    )


class TestTrust:
    async def test_the_figures_count_suggestions_and_what_became_of_them(
        self, any_store: Store, clock: SteppingClock
    ) -> None:
        async with any_store.begin("acme") as work:
            for name in ("kept", "changed", "gone"):
                await work.conversations.put(a_conversation(name))
                await advise(work, f"turn:{name}:t001", f"d-{name}")
            await work.conversations.put(a_conversation("changed", turns=(Turn(id="t001", speaker="rep", text="好"),)))
            await work.sources.retire("turn:gone:t001")
            reactions = [
                ("kept", "s1", "accept"),
                ("kept", "s1", "challenge"),
                ("kept", "s2", "edit"),
                ("gone", "s1", "reject"),
            ]
            for name, suggestion, action in [*reactions, ("kept", "s2", "edit")]:
                said = Feedback(action=FeedbackAction(action), by="r1", at=clock(), suggestion_id=suggestion)
                await work.decisions.add_feedback(f"d-{name}", said)
            metrics = await work.trust.metrics()
        assert (metrics.decisions, metrics.abstentions, metrics.suggestions) == (3, 0, 6)
        assert metrics.traceability == Share(numerator=4, denominator=6)
        assert metrics.challenge == Share(numerator=1, denominator=6)
        assert metrics.correction == Share(numerator=1, denominator=2)

    async def test_without_suggestions_there_is_nothing_to_divide_by(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            await work.conversations.put(a_conversation())
            await advise(work, "turn:call-1:t001", "d-1")
            await work.decisions.erase_payload("d-1", "rcpt-1")
        async with any_store.begin("other") as work:
            metrics = await work.trust.metrics()
        assert (metrics.decisions, metrics.traceability.value) == (0, None)
