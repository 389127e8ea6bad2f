"""What is over goes, what is asked for goes everywhere, and the auditor's questions are answered completely."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from api.testing import QuotingCoach
from domain.accounts import Account
from domain.cases import Outcome, WarCase
from domain.conversation import Consent, ConsentStatus, ConversationKind, Transcript, Turn
from domain.retention import RetentionPolicy
from domain.signals import Analysis, Signal, SignalKind
from domain.suggestions import ErasedDecision
from retrieval import library
from store.access import AccessEvent
from store.calls import CallDetails
from store.chat_memory import wipe_traces
from store.consents import ConsentRecord
from store.keys import Role
from store.retention import expire
from store.sealing import Sealer
from store.tables import IdempotencyRow
from store.testing import Databases, SteppingClock
from store.work import Store

WORDS = "暗语七七四九"
YEAR = 366


@pytest.fixture
async def kept(sqlite_databases: Databases, tmp_path: Path, clock: SteppingClock) -> AsyncIterator[Store]:
    async with sqlite_databases.fresh() as engine:
        yield Store(engine, blobs=tmp_path / "home" / "blobs", sealer=Sealer(b"k" * 32), clock=clock)


@dataclass(frozen=True)
class Filled:
    """What `fill` made."""

    call_id: str
    decision_id: str


async def fill(store: Store, tmp_path: Path, name: str, *, account_id: str = "A1") -> Filled:
    """One recording that was heard, with its conversation, a risk in it, and advice to its rep."""
    path = tmp_path / name
    path.write_bytes(b"OggS\x00\x02" + name.encode() + bytes(300))
    with path.open("rb") as audio:
        file = await store.keep_file("acme", audio)
    async with store.begin("acme") as work:
        await work.consents.put(ConsentRecord(reference="rec-1", subject=account_id, granted_at=store.clock()))
        details = CallDetails(rep_id="r1", account_id=account_id, consent_reference="rec-1")
        call = await work.calls.submit(file, details, media_type="audio/ogg")
        turn = Turn(id="t1", speaker="rep", text=f"我们保证全国第一，{WORDS}")
        await work.conversations.put(
            Transcript(
                id=call.call_id,
                kind=ConversationKind.CALL,
                turns=(turn,),
                account_id=account_id,
                rep_id="r1",
                consent=Consent(status=ConsentStatus.GRANTED, reference="rec-1"),
            )
        )
        risk = Signal(
            id="s1",
            kind=SignalKind.RISK,
            label="绝对化用语",
            score=0.9,
            turn_id="t1",
            start=2,
            end=8,
            quote=turn.text[2:8],
            extractor="risks",
            version="1",
            attributes={"severity": "block", "rule": "广告法"},
        )
        analysis = Analysis(conversation_id=call.call_id, signals=(risk,), metrics=())
        await work.signals.put(call.call_id, analysis)
    envelope = await QuotingCoach(store).ask("acme", f"没有 {WORDS}", rep_id="r1")
    return Filled(call_id=call.call_id, decision_id=envelope.decision_id)


class TestRetention:
    async def test_nothing_young_goes_and_nothing_goes_without_a_limit(self, kept: Store, tmp_path: Path) -> None:
        made = await fill(kept, tmp_path, "one")
        assert await expire(kept, RetentionPolicy(recordings_days=1, conversations_days=1, access_log_days=1)) == []
        assert await expire(kept, RetentionPolicy()) == []
        async with kept.read("acme") as work:
            assert (await work.calls.existing(made.call_id)).blob_hash is not None

    async def test_a_recording_goes_before_what_was_said_in_it(
        self, kept: Store, tmp_path: Path, clock: SteppingClock
    ) -> None:
        old = await fill(kept, tmp_path, "old")
        clock.pass_s(10 * 24 * 3600)
        young = await fill(kept, tmp_path, "young")
        (gone,) = await expire(kept, RetentionPolicy(recordings_days=5, conversations_days=YEAR))
        assert (gone.tenant, gone.recordings, gone.receipts) == ("acme", 1, ())
        async with kept.read("acme") as work:
            assert (await work.calls.existing(old.call_id)).blob_hash is None
            assert (await work.calls.existing(young.call_id)).blob_hash is not None
            transcript = await work.conversations.get(old.call_id)
        assert transcript is not None and WORDS in transcript.turns[0].text
        assert len(list((tmp_path / "home" / "blobs" / "acme").iterdir())) == 1

    async def test_old_conversations_go_with_a_receipt_and_the_chain_holds(
        self, kept: Store, tmp_path: Path, clock: SteppingClock
    ) -> None:
        old = [await fill(kept, tmp_path, f"old-{number}") for number in range(3)]
        clock.pass_s(YEAR * 24 * 3600)
        (gone,) = await expire(kept, RetentionPolicy(conversations_days=365))
        (receipt,) = gone.receipts
        assert sorted(receipt.document["calls"]) == sorted(each.call_id for each in old)
        async with kept.read("acme") as work:
            assert await work.conversations.get(old[0].call_id) is None
            assert (await work.decisions.verify()).ok
            assert await work.subjects.receipts("retention") == [receipt]
        assert await expire(kept, RetentionPolicy(conversations_days=365)) == []

    async def test_kept_answers_go_after_a_day_and_files_that_nobody_speaks_of_too(
        self, kept: Store, tmp_path: Path, clock: SteppingClock
    ) -> None:
        async with kept.begin("acme") as work:
            await work.idempotency.begin("POST /v1/ask", "k1", "f1")
        stray = tmp_path / "home" / "blobs" / "acme" / "left-by-a-crash"
        stray.parent.mkdir(parents=True)
        stray.write_bytes(WORDS.encode())
        os.utime(stray, (0, 0))
        clock.pass_s(25 * 3600)
        await expire(kept, RetentionPolicy())
        async with kept.across_tenants(writes=False) as session:
            assert await session.scalar(select(func.count()).select_from(IdempotencyRow)) == 0
        assert not stray.exists()

    async def test_old_refusals_go(self, kept: Store, clock: SteppingClock) -> None:
        event = AccessEvent(principal="k", action="GET", object_kind="", object_id="", allowed=False, why="x")
        async with kept.begin("acme") as work:
            await work.access.note(event)
        clock.pass_s(8 * 24 * 3600)
        async with kept.begin("acme") as work:
            await work.access.note(event)
        (gone,) = await expire(kept, RetentionPolicy(access_log_days=7))
        async with kept.read("acme") as work:
            assert (gone.access_events, len(await work.access.log(limit=9))) == (1, 1)


class TestErasure:
    async def test_an_abstention_about_a_customer_goes_with_the_customer(self, kept: Store, tmp_path: Path) -> None:
        await fill(kept, tmp_path, "one")
        envelope = await QuotingCoach(kept).ask("acme", "怎么回", account=Account(account_id="A1", name="华星"))
        async with kept.begin("acme") as work:
            await work.subjects.erase("A1", by="u1")
            left = await work.decisions.get(envelope.decision_id)
            assert (await work.decisions.verify()).ok
        assert isinstance(left, ErasedDecision)

    async def test_the_coachs_memory_of_chats_is_emptied_for_that_tenant_only(
        self, kept: Store, tmp_path: Path
    ) -> None:
        path = tmp_path / "home" / "threads.db"
        path.parent.mkdir(exist_ok=True)
        with sqlite3.connect(path) as threads:
            for table in ("checkpoints", "writes"):
                threads.execute(f"CREATE TABLE {table} (thread_id TEXT, value BLOB)")
                rows = [("acme:t1", WORDS.encode()), ("other:t1", b"theirs"), ("acme2:t1", b"theirs too")]
                threads.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)
        threads.close()
        await wipe_traces(kept, "acme")
        with sqlite3.connect(path) as threads:
            left = threads.execute("SELECT thread_id FROM checkpoints UNION SELECT thread_id FROM writes").fetchall()
        threads.close()
        assert sorted(left) == [("acme2:t1",), ("other:t1",)]
        assert WORDS.encode() not in b"".join(each.read_bytes() for each in path.parent.glob("threads.db*"))

    async def test_no_byte_of_an_erased_customer_is_left_in_any_file(self, kept: Store, tmp_path: Path) -> None:
        made = await fill(kept, tmp_path, "one")
        async with kept.begin("acme") as work:
            await work.subjects.erase("A1", by="u1")
        await wipe_traces(kept, "acme")
        database = Path(kept.engine.url.database or "")
        home = [each for each in (tmp_path / "home").rglob("*") if each.is_file()]
        files = [*database.parent.glob(f"{database.name}*"), *home]
        held = b"".join(each.read_bytes() for each in files)
        assert made.call_id.encode() in held  # the emptied row stays, so that it does not come back
        assert WORDS.encode() not in held and b"OggS" not in held


class TestAudits:
    async def test_every_contact_with_a_customer_is_listed_and_no_other(
        self, kept: Store, tmp_path: Path, clock: SteppingClock
    ) -> None:
        since = clock()
        mine = [await fill(kept, tmp_path, f"mine-{number}") for number in range(25)]
        await fill(kept, tmp_path, "theirs", account_id="A2")
        async with kept.begin("acme") as work:
            chat = Transcript(id="chat-1", kind=ConversationKind.CHAT, turns=(), account_id="A1")
            await work.conversations.put(chat)
        about = await QuotingCoach(kept).ask("acme", "怎么回", account=Account(account_id="A1", name="华星"))
        async with kept.read("acme") as work:
            lines = await work.audits.customer("A1", since=since)
            assert await work.audits.customer("A1", since=clock() + timedelta(days=1)) == []
        wanted = {each.call_id for each in mine} | {"chat-1", "rec-1", about.decision_id}
        assert {line["id"] for line in lines} == wanted
        assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)

    async def test_advice_and_abstentions_and_labels(self, kept: Store, tmp_path: Path, clock: SteppingClock) -> None:
        since = clock()
        made = await fill(kept, tmp_path, "one")
        said = await QuotingCoach(kept).ask("acme", "怎么回", rep_id="r2")
        async with kept.read("acme") as work:
            everything = await work.audits.advice(since=since)
            (only,) = await work.audits.advice(since=since, rep_id="r2")
            (silent,) = await work.audits.abstentions(since=since)
            assert await work.audits.labels() == []
            cited = await work.audits.source("doc:talk")
        assert {line["id"] for line in everything} == {made.decision_id, said.decision_id}
        assert (only["id"], only["sources"]) == (said.decision_id, ["doc:talk@1"])
        assert (silent["id"], silent["why"]) == (made.decision_id, "no_evidence")
        assert [(line["what"], line["id"]) for line in cited] == [
            ("version 1", "doc:talk"),
            ("cited v1", said.decision_id),
        ]

    async def test_what_was_heard_without_consent_is_found(self, kept: Store, tmp_path: Path) -> None:
        made = await fill(kept, tmp_path, "one")
        async with kept.begin("acme") as work:
            assert await work.audits.consents() == []
            await work.consents.withdraw("rec-1", by="u1")
            (line,) = await work.audits.consents()
        assert (line["id"], line["what"], line["status"]) == (made.call_id, "withdrawn", "heard_without_consent")

    async def test_risks_name_who_said_what_against_which_rule(
        self, kept: Store, tmp_path: Path, clock: SteppingClock
    ) -> None:
        since = clock()
        made = await fill(kept, tmp_path, "one")
        async with kept.read("acme") as work:
            (line,) = await work.audits.risks(since=since)
        assert (line["what"], line["rep"], line["why"], line["id"]) == (
            "绝对化用语",
            "r1",
            "广告法",
            f"{made.call_id}#t1",
        )

    async def test_refusals_grants_and_access(self, kept: Store, clock: SteppingClock) -> None:
        since = clock()
        event = AccessEvent(principal="k", action="GET /x", object_kind="", object_id="c", allowed=False, why="y")
        async with kept.begin("acme") as work:
            await work.access.note(event)
            ends_at = clock() + timedelta(hours=1)
            await work.access.grant(
                "r2", object_kind="call", object_id="c", ends_at=ends_at, granted_by="m", why="代班"
            )
            key = await work.api_keys.create("CRM")
            await work.api_keys.revoke(key.key.key_id)
            await work.users.create("boss", role=Role.ADMIN)
        clock.pass_s(7200)
        async with kept.read("acme") as work:
            (refusal,) = await work.audits.refusals(since=since)
            (grant,) = await work.audits.grants()
            access = {line["id"]: line["status"] for line in await work.audits.access()}
        assert (refusal["who"], refusal["why"]) == ("k", "y")
        assert (grant["by"], grant["status"]) == ("m", "over")
        assert access == {key.key.key_id: "ended", "boss": "active"}

    async def test_erasures_say_how_much_is_left(self, kept: Store, tmp_path: Path) -> None:
        await fill(kept, tmp_path, "one")
        async with kept.begin("acme") as work:
            await work.subjects.export("A1", by="u1")
            await work.subjects.erase("A1", by="u1")
            lines = await work.audits.erasures()
        assert [(line["what"], line["left"]) for line in lines] == [("export", None), ("erase", 0)]

    async def test_a_cases_life_is_told_from_draft_to_retirement(self, kept: Store) -> None:
        case = WarCase(
            id="C-1",
            title="降本",
            outcome=Outcome.WON,
            customer_question="太贵",
            blocker="预算",
            talk_track="先谈排期",
            result="签约",
        )
        async with kept.begin("acme") as work:
            await work.cases.save([case], by="r1")
            await library.submit(work, ["C-1"], by="r1")
            await library.approve(work, ["C-1"], by="boss")
            await library.retire(work, ["C-1"], by="boss", why="过时")
            lines = await work.audits.case("C-1")
        assert [(line["what"], line["who"]) for line in lines] == [
            ("save", "r1"),
            ("submit", "r1"),
            ("approve", "boss"),
            ("retire", "boss"),
        ]


@pytest.mark.postgres
async def test_on_postgresql_threads_retention_and_audits_work_too(
    postgres_databases: Databases, tmp_path: Path, clock: SteppingClock
) -> None:
    async with postgres_databases.fresh() as engine:
        kept = Store(engine, blobs=tmp_path / "home" / "blobs", sealer=Sealer(b"k" * 32), clock=clock)
        since = clock()
        made = await fill(kept, tmp_path, "one")
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE checkpoints (thread_id TEXT, value TEXT)"))
            await connection.execute(text("INSERT INTO checkpoints VALUES ('acme:t1', 'x'), ('acme2:t1', 'y')"))
        try:
            await wipe_traces(kept, "acme")
            async with engine.connect() as connection:
                assert list(await connection.scalars(text("SELECT thread_id FROM checkpoints"))) == ["acme2:t1"]
        finally:
            async with engine.begin() as connection:
                await connection.execute(text("DROP TABLE checkpoints"))
        async with kept.read("acme") as work:
            assert {line["id"] for line in await work.audits.customer("A1", since=since)} == {made.call_id, "rec-1"}
            assert await work.audits.case("C-1") == []
            assert len(await work.audits.risks(since=since)) == 1
        clock.pass_s(YEAR * 24 * 3600)
        (gone,) = await expire(kept, RetentionPolicy(conversations_days=365, recordings_days=30, access_log_days=7))
        assert len(gone.receipts) == 1
