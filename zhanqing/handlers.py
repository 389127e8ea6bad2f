"""What jobs do: the handlers by kind, made of the parts that the bootstrap picked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.calls import CallCoach, CallFile, keep_report
from coaching.metrics import measure
from domain.errors import ConflictError, InputError
from domain.signals import Analysis
from speech.checkpoints import FileCheckpoint
from speech.voiceprints import Voiceprint
from store.calls import DIGEST_CALL, Call
from store.turn_intake import DIGEST_CONVERSATION
from store.webhook_urls import WebhookUrls
from store.webhooks import DELIVER_WEBHOOK, WebhookEvent
from zhanqing.chats.pushes import PushRules, push_failed_call, push_interventions, push_report
from zhanqing.worker.runs import Handler, JobRun
from zhanqing.worker.webhooks import webhook_handler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from domain.accounts import Account
    from signals.pipeline import SignalDetector
    from speech.progress import Progress
    from store.jobs import Job
    from store.work import Work


def job_handlers(
    calls: Callable[[], CallCoach],
    detector: Callable[[], SignalDetector],
    urls: WebhookUrls,
    rules: PushRules | None = None,
) -> Mapping[str, Handler]:
    """Return the handler of each kind of job; heavy parts are built by the first job that needs them."""
    return {
        DIGEST_CALL: call_handler(calls, rules),
        DIGEST_CONVERSATION: conversation_handler(detector, rules),
        DELIVER_WEBHOOK: webhook_handler(urls),
    }


def call_handler(calls: Callable[[], CallCoach], rules: PushRules | None = None) -> Handler:
    """Return what listens to a call, keeps its report and tells the rep that it is there."""

    async def digest_call(run: JobRun) -> None:
        file = await _call_file(run)

        def on_progress(step: Progress) -> None:
            # The last percents belong to the advice, which has no finer steps.
            run.report(round(90 * step.fraction), step.stage.value)

        coach = await asyncio.to_thread(calls)
        report = await coach.digest_recording(run.job.tenant, file, on_progress=on_progress)
        async with run.finishing() as work:
            call = await work.calls.existing(str(run.job.payload["call_id"]))
            about = replace(report.transcript, rep_id=call.details.rep_id, deal_id=call.details.deal_id)
            await work.conversations.put(about)
            await keep_report(work, report)
            await work.webhooks.emit(WebhookEvent.CALL_COMPLETED, {"call_id": call.call_id})
            if call.details.rep_id is not None:
                await push_report(work, call.details.rep_id, call.call_id, report, rules or PushRules())
            work.blobs.drop_scratch(call.call_id)

    return digest_call


def conversation_handler(detector: Callable[[], SignalDetector], rules: PushRules | None = None) -> Handler:
    """Return what notices and measures in a stored conversation; what is found in one that moved on is not kept."""

    async def digest_conversation(run: JobRun) -> None:
        conversation_id = str(run.job.payload["conversation_id"])
        async with run.store.read(run.job.tenant) as work:
            revision = await work.conversations.revision(conversation_id)
            transcript = await work.conversations.get(conversation_id)
            lexicon = await work.lexicons.all()
        if transcript is None:
            return
        found = await asyncio.to_thread(detector)
        signals = await asyncio.to_thread(found.detect, transcript, lexicon=lexicon)
        metrics = measure(transcript, signals)
        async with run.finishing() as work:
            if await work.conversations.revision(conversation_id) == revision:
                analysis = Analysis(conversation_id=conversation_id, signals=signals, metrics=metrics)
                await work.signals.put(conversation_id, analysis)
                await push_interventions(work, transcript, signals, rules or PushRules())

    return digest_conversation


async def tell_failure(work: Work, job: Job, rules: PushRules | None = None) -> None:
    """Let subscribers know of a call that could not be listened to, and drop what was heard of it."""
    if job.kind == DIGEST_CALL:
        work.blobs.drop_scratch(str(job.payload["call_id"]))
        await work.webhooks.emit(WebhookEvent.CALL_FAILED, {"call_id": job.payload["call_id"], "reason": job.reason})
        call = await work.calls.get(str(job.payload["call_id"]))
        if call is not None and call.details.rep_id is not None:
            await push_failed_call(work, call.details.rep_id, call.call_id, job.reason or "", rules or PushRules())


async def _call_file(run: JobRun) -> CallFile:
    """Read what is known of the call; its id is the conversation's id.

    Raises:
        InputError: The recording was erased meanwhile.
        ConflictError: Its consent was withdrawn meanwhile.
    """
    async with run.store.read(run.job.tenant) as work:
        call: Call = await work.calls.existing(str(run.job.payload["call_id"]))
        if call.blob_hash is None:
            raise InputError("zhanqing.recording_gone")
        consent = await work.consents.status(call.details.consent_reference)
        if consent.status != "granted":
            raise ConflictError("zhanqing.consent_gone")
        path = await work.blobs.path(call.blob_hash)
        heard_before = FileCheckpoint(work.blobs.scratch(call.call_id))
        on_file = await work.rep_voices.print_of(call.details.rep_id)
        account: Account | None = None
        if call.details.account_id:
            account = await work.accounts.get(call.details.account_id)
    return CallFile(
        path=path,
        consent=consent,
        conversation_id=call.call_id,
        roles=call.details.roles,
        account=account,
        started_at=call.details.started_at,
        checkpoint=heard_before,
        rep_id=call.details.rep_id,
        deal_id=call.details.deal_id,
        key=f"job:{run.job.job_id}",
        rep_voice=Voiceprint.load(on_file) if on_file else None,
    )
