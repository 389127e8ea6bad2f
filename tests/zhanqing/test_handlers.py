"""What the jobs do, with a listener and a detector that are scripted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from agent.calls import CallFile
from coaching.report import Report, build_report
from domain.accounts import Account
from domain.conversation import Transcript, Turn
from domain.errors import ModelError
from domain.signals import Analysis, Signal, SignalKind
from speech.progress import Progress, Stage
from speech.voiceprints import Voiceprint
from store.calls import CallDetails, CallStatus
from store.consents import ConsentRecord
from store.jobs import Priority
from store.people import Rep
from store.sealing import Sealer
from store.testing import Databases, SteppingClock
from store.work import Store
from zhanqing.handlers import call_handler, conversation_handler, tell_failure
from zhanqing.worker.runs import JobRunner

WORDS = (Turn(id="t001", speaker="customer", text="太贵了"),)
PRICE = Signal(
    id="s1", kind=SignalKind.INTENT, label="压价", score=0.9, turn_id="t001", start=0, end=2, quote="太贵",
    extractor="scripted", version="1",
)  # fmt: skip


class ScriptedCoach:
    """Hears the same words in every recording, or fails."""

    def __init__(self, store: Store, *, failure: Exception | None = None) -> None:
        self._store = store
        self._failure = failure
        self.heard: list[CallFile] = []

    async def digest_recording(self, tenant: str, call: CallFile, *, on_progress: object = None) -> Report:
        self.heard.append(call)
        if self._failure is not None:
            raise self._failure
        assert callable(on_progress)
        on_progress(Progress(stage=Stage.RECOGNIZING, fraction=0.5))
        transcript = Transcript(id=call.conversation_id or "", turns=WORDS, consent=call.consent)
        analysis = Analysis(conversation_id=transcript.id, signals=(PRICE,), metrics=())
        async with self._store.begin(tenant) as work:
            await work.conversations.put(transcript)
            await work.signals.put(transcript.id, analysis)
        return build_report(transcript, analysis)


class ScriptedDetector:
    """Notices a price objection, and lets something happen meanwhile."""

    def detect(self, transcript: Transcript, *, lexicon: object = ()) -> tuple[Signal, ...]:
        return (PRICE,)


@pytest.fixture
async def sealed(sqlite_databases: Databases, tmp_path: Path, clock: SteppingClock) -> AsyncIterator[Store]:
    async with sqlite_databases.fresh() as engine:
        yield Store(engine, blobs=tmp_path / "blobs", sealer=Sealer(b"k" * 32), clock=clock)


async def submit(store: Store, tmp_path: Path) -> str:
    recording = tmp_path / "call.ogg"
    recording.write_bytes(b"OggS")
    with recording.open("rb") as source:
        audio = await store.keep_file("acme", source)
    details = CallDetails(
        consent_reference="rec-1", rep_id="r1", deal_id="D1", account_id="A1", roles=("rep", "customer")
    )
    async with store.begin("acme") as work:
        await work.webhooks.subscribe("https://crm.example.com/h", events=frozenset())
        await work.accounts.put(Account(account_id="A1", name="华星"))
        await work.consents.put(ConsentRecord(reference="rec-1", subject="A1", granted_at=store.clock()))
        return (await work.calls.submit(audio, details, media_type="audio/ogg")).call_id


async def run(store: Store, kind: str, handler: object) -> None:
    assert await JobRunner(store, {kind: handler}, owner="w1", on_failure=tell_failure).run_next()  # type: ignore[dict-item]  # a handler


async def told(store: Store) -> list[str]:
    async with store.read("acme") as work:
        (webhook,) = await work.webhooks.all()
        return [delivery.body for delivery in await work.webhooks.deliveries(webhook.webhook_id, limit=9)]


@pytest.mark.parametrize("is_withdrawn", [False, True])
async def test_the_reps_voice_on_file_is_used_while_their_consent_holds(
    sealed: Store, tmp_path: Path, is_withdrawn: bool
) -> None:
    await submit(sealed, tmp_path)
    voice = Voiceprint(wide=np.ones(4, np.float32), telephone=np.ones(4, np.float32))
    async with sealed.begin("acme") as work:
        await work.people.put_rep(Rep(rep_id="r1", name="小陈"))
        await work.consents.put(ConsentRecord(reference="voice-1", subject="r1", granted_at=sealed.clock()))
        await work.rep_voices.enrol("r1", voice.dump(), consent_reference="voice-1")
        if is_withdrawn:
            await work.consents.withdraw("voice-1", by="r1")
    coach = ScriptedCoach(sealed)

    await run(sealed, "digest_call", call_handler(lambda: coach))  # type: ignore[arg-type,return-value]  # scripted

    (heard,) = coach.heard
    assert (heard.rep_voice is None) == is_withdrawn
    assert is_withdrawn or (heard.rep_voice is not None and heard.rep_voice.wide.tolist() == [1, 1, 1, 1])


async def test_a_call_becomes_a_conversation_with_its_report_and_an_event(sealed: Store, tmp_path: Path) -> None:
    call_id = await submit(sealed, tmp_path)
    coach = ScriptedCoach(sealed)
    await run(sealed, "digest_call", call_handler(lambda: coach))  # type: ignore[arg-type,return-value]  # scripted
    (heard,) = coach.heard
    async with sealed.read("acme") as work:
        call = await work.calls.existing(call_id)
        transcript = await work.conversations.get(call_id)
        assert await work.signals.report(call_id) is not None
        assert await work.signals.get(call_id) is not None
    assert (heard.conversation_id, heard.roles, heard.consent.reference) == (call_id, ("rep", "customer"), "rec-1")
    assert heard.account is not None and heard.account.name == "华星"
    assert call.status is CallStatus.DONE
    assert transcript is not None and (transcript.rep_id, transcript.deal_id) == ("r1", "D1")
    (event,) = await told(sealed)
    assert '"type":"call.completed"' in event and call_id in event


async def test_a_call_that_cannot_be_heard_in_the_end_is_told(
    sealed: Store, tmp_path: Path, clock: SteppingClock
) -> None:
    call_id = await submit(sealed, tmp_path)
    coach = ScriptedCoach(sealed, failure=ModelError("store.busy"))
    for _ in range(5):
        await run(sealed, "digest_call", call_handler(lambda: coach))  # type: ignore[arg-type,return-value]  # scripted
        clock.pass_s(700)
    async with sealed.read("acme") as work:
        call = await work.calls.existing(call_id)
    assert (call.status, call.reason) == (CallStatus.FAILED, "store.busy")
    (event,) = await told(sealed)
    assert '"type":"call.failed"' in event


async def test_a_call_whose_consent_was_withdrawn_meanwhile_is_not_heard(sealed: Store, tmp_path: Path) -> None:
    await submit(sealed, tmp_path)
    async with sealed.begin("acme") as work:
        await work.consents.withdraw("rec-1", by="u1")
    coach = ScriptedCoach(sealed)
    await run(sealed, "digest_call", call_handler(lambda: coach))  # type: ignore[arg-type,return-value]  # scripted
    assert coach.heard == []


async def add_conversation(store: Store) -> None:
    async with store.begin("acme") as work:
        await work.conversations.put(Transcript(id="talk-1", turns=WORDS))
        await work.jobs.add("digest_conversation", {"conversation_id": "talk-1"}, priority=Priority.BATCH)


async def test_a_stored_conversation_is_looked_at(sealed: Store) -> None:
    await add_conversation(sealed)
    await run(sealed, "digest_conversation", conversation_handler(ScriptedDetector))  # type: ignore[arg-type]  # scripted
    async with sealed.read("acme") as work:
        analysis = await work.signals.get("talk-1")
    assert analysis is not None and [signal.label for signal in analysis.signals] == ["压价"]


async def test_what_is_found_in_a_conversation_that_moved_on_meanwhile_is_not_kept(sealed: Store) -> None:
    class MovingOn(ScriptedDetector):
        def detect(self, transcript: Transcript, **around: object) -> tuple[Signal, ...]:
            asyncio.run_coroutine_threadsafe(say_more(), loop).result(10)
            return super().detect(transcript, **around)

    async def say_more() -> None:
        async with sealed.begin("acme") as work:
            await work.conversations.append("talk-1", [Turn(id="t9", speaker="rep", text="好")])

    loop = asyncio.get_running_loop()
    await add_conversation(sealed)
    await run(sealed, "digest_conversation", conversation_handler(MovingOn))  # type: ignore[arg-type]  # scripted
    async with sealed.read("acme") as work:
        assert await work.signals.get("talk-1") is None
