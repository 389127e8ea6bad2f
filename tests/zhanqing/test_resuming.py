"""A call whose worker died is taken up where it stopped, by whichever worker comes next, and leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from agent.calls import CallFile
from coaching.report import Report, build_report
from domain.conversation import Transcript
from domain.errors import ModelError
from domain.signals import Analysis
from speech.audio import Samples
from speech.checkpoints import FileCheckpoint
from speech.recognizer import Hypothesis
from speech.testing import LoudnessDetector, ScriptedRecognizer, quiet, tone, write_wav
from speech.transcriber import CallTranscriber
from store.calls import CallDetails, CallStatus
from store.consents import ConsentRecord
from store.sealing import Sealer
from store.testing import Databases, SteppingClock
from store.work import Store
from zhanqing.handlers import call_handler, tell_failure
from zhanqing.worker.runs import JobRunner

MINUTES = np.concatenate([part for _ in range(30) for part in (tone(9.0), quiet(1.0))])
TEXTS = [f"第{number}段" for number in "一二三四五六七八九十甲乙丙丁戊己"]

KILLED = """
import os, signal, sys
from pathlib import Path
from speech.checkpoints import FileCheckpoint
from speech.testing import LoudnessDetector, ScriptedRecognizer
from speech.transcriber import CallTranscriber

class Dying(ScriptedRecognizer):
    def recognize(self, windows, *, language, prompt):
        if self.windows >= 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().recognize(windows, language=language, prompt=prompt)

transcriber = CallTranscriber(Dying(sys.argv[3].split(",")), detector=LoudnessDetector)
transcriber.transcribe(Path(sys.argv[1]), checkpoint=FileCheckpoint(Path(sys.argv[2])))
"""


class BreakingRecognizer(ScriptedRecognizer):
    """Fails once it has answered so many windows."""

    def __init__(self, texts: Sequence[str], *, after: int) -> None:
        super().__init__(texts)
        self._after = after

    def recognize(self, windows: Sequence[Samples], *, language: str | None, prompt: str) -> list[Hypothesis]:
        if self.windows >= self._after:
            raise ModelError("speech.recognizer_failed", model="scripted")
        return super().recognize(windows, language=language, prompt=prompt)


class HearingCoach:
    """Only transcribes, and writes an empty report about it."""

    def __init__(self, recognizer: ScriptedRecognizer) -> None:
        self._transcriber = CallTranscriber(recognizer, detector=LoudnessDetector)
        self.heard: Transcript | None = None

    async def digest_recording(self, tenant: str, call: CallFile, *, on_progress: object = None) -> Report:
        self.heard = self._transcriber.transcribe(
            call.path, conversation_id=call.conversation_id, checkpoint=call.checkpoint
        )
        return build_report(self.heard, Analysis(conversation_id=self.heard.id, signals=(), metrics=()))


@pytest.fixture
async def sealed(sqlite_databases: Databases, tmp_path: Path, clock: SteppingClock) -> AsyncIterator[Store]:
    async with sqlite_databases.fresh() as engine:
        yield Store(engine, blobs=tmp_path / "blobs", sealer=Sealer(b"k" * 32), clock=clock)


async def submit(store: Store, tmp_path: Path) -> str:
    with write_wav(tmp_path / "call.wav", MINUTES).open("rb") as source:
        audio = await store.keep_file("acme", source)
    async with store.begin("acme") as work:
        await work.consents.put(ConsentRecord(reference="rec-1", subject="A1", granted_at=store.clock()))
        details = CallDetails(consent_reference="rec-1")
        return (await work.calls.submit(audio, details, media_type="audio/wav")).call_id


async def run(store: Store, recognizer: ScriptedRecognizer) -> HearingCoach:
    coach = HearingCoach(recognizer)
    handlers = {"digest_call": call_handler(lambda: coach)}  # type: ignore[arg-type,return-value]  # scripted
    assert await JobRunner(store, handlers, owner="w1", on_failure=tell_failure).run_next()
    return coach


def unfinished(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "blobs").rglob("*.unfinished"))


async def test_the_next_run_hears_only_what_the_last_one_did_not_finish(
    sealed: Store, tmp_path: Path, clock: SteppingClock
) -> None:
    call_id = await submit(sealed, tmp_path)
    await run(sealed, BreakingRecognizer(TEXTS, after=4))
    (kept,) = unfinished(tmp_path)
    clock.pass_s(700)

    rest = ScriptedRecognizer(TEXTS[4:])
    coach = await run(sealed, rest)

    whole = CallTranscriber(ScriptedRecognizer(TEXTS), detector=LoudnessDetector).transcribe(tmp_path / "call.wav")
    assert coach.heard is not None
    assert [turn.text for turn in coach.heard.turns] == [turn.text for turn in whole.turns]
    assert kept.name == f"{call_id}.unfinished"
    assert 0 < rest.windows < len(TEXTS)
    assert unfinished(tmp_path) == []
    async with sealed.read("acme") as work:
        assert (await work.calls.existing(call_id)).status is CallStatus.DONE


async def test_a_call_that_fails_for_good_leaves_no_words_behind(
    sealed: Store, tmp_path: Path, clock: SteppingClock
) -> None:
    await submit(sealed, tmp_path)
    await run(sealed, BreakingRecognizer(TEXTS, after=4))
    kept_meanwhile = unfinished(tmp_path)
    for _ in range(4):
        clock.pass_s(700)
        await run(sealed, BreakingRecognizer(TEXTS, after=0))

    assert len(kept_meanwhile) == 1
    assert unfinished(tmp_path) == []


async def test_an_erased_call_takes_its_unfinished_words_with_it(sealed: Store, tmp_path: Path) -> None:
    call_id = await submit(sealed, tmp_path)
    await run(sealed, BreakingRecognizer(TEXTS, after=4))

    async with sealed.begin("acme") as work:
        await work.calls.erase(call_id)

    assert unfinished(tmp_path) == []


def test_a_process_killed_between_two_steps_loses_no_turn_and_repeats_none(tmp_path: Path) -> None:
    path, kept = write_wav(tmp_path / "call.wav", MINUTES), tmp_path / "call.unfinished"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path), str(kept), ",".join(TEXTS)], check=False)
    rest = ScriptedRecognizer(TEXTS[4:])

    resumed = CallTranscriber(rest, detector=LoudnessDetector).transcribe(path, checkpoint=FileCheckpoint(kept))

    whole = CallTranscriber(ScriptedRecognizer(TEXTS), detector=LoudnessDetector).transcribe(path)
    assert killed.returncode == -signal.SIGKILL
    assert resumed == whole
    assert rest.windows == len(FileCheckpoint(kept).finished()) - 4
