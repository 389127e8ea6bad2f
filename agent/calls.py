"""One call recording, from sound to report: transcribe, notice, measure, keep, advise.

Long computing happens outside every transaction. The digest may run twice: conversation, analysis and
report are replaced by the same ones, and the later advice is the one the report shows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from agent.coach import Coach
from coaching.contact import stop_request
from coaching.documents import report_document as report_document  # callers look for it beside `keep_report`
from coaching.metrics import measure
from coaching.page import render_html
from coaching.report import Report, build_report
from coaching.scorecards import score
from domain.accounts import Account
from domain.conversation import CUSTOMER, Consent, Transcript, Turn
from domain.lexicon import Lexicon
from domain.signals import Analysis, Intent, Signal, SignalKind
from signals.pipeline import SignalDetector
from speech.progress import Checkpoint, Progress
from speech.transcriber import Transcriber
from speech.voiceprints import Voiceprint
from store.work import Store, Work

# How much an unanswered objection of this kind costs a deal; a house ranking, used only to pick which one to answer.
OBJECTION_WEIGHTS: dict[str, float] = {
    Intent.COMPLAIN: 1.0,
    Intent.REFUSE: 1.0,
    Intent.PUSH_PRICE: 0.9,
    Intent.COMPARE_PRICE: 0.85,
    Intent.STALL: 0.85,
    Intent.DELIVERY: 0.85,
    Intent.COMPARE_COMPETITOR: 0.8,
    Intent.TECHNICAL_DOUBT: 0.8,
    Intent.DATA_SECURITY: 0.75,
    Intent.CONTRACT_TERMS: 0.7,
    Intent.BUDGET: 0.6,
    Intent.DECISION_CHAIN: 0.5,
    Intent.ASK_PRICE: 0.5,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFile:
    """A recording to digest and what is known of it.

    Attributes:
        conversation_id: None takes one from the recording's content, so that the same file is one call.
        roles: Speaker by channel.
        lexicon: Names beside the tenant's own.
        checkpoint: Where finished stretches are kept, so that a killed digest does not hear them again.
        rep_voice: By what the rep is known in a mix, where they agreed to it.
        key: Of the job; its second run finds the advice of the first instead of giving it twice.
    """

    path: Path
    consent: Consent
    conversation_id: str | None = None
    roles: tuple[str, ...] | None = None
    lexicon: Lexicon = ()
    account: Account | None = None
    started_at: datetime | None = None
    checkpoint: Checkpoint | None = None
    rep_id: str | None = None
    deal_id: str | None = None
    key: str = ""
    rep_voice: Voiceprint | None = None


class CallCoach:
    """Turns recordings and transcripts into reports.

    Args:
        transcriber: Needed for recordings only; asked for when one comes.
    """

    def __init__(
        self, store: Store, coach: Coach, detector: SignalDetector, *, transcriber: Callable[[], Transcriber]
    ) -> None:
        self._store = store
        self._coach = coach
        self._detector = detector
        self._transcriber = transcriber

    async def digest_recording(
        self, tenant: str, call: CallFile, *, on_progress: Callable[[Progress], None] | None = None
    ) -> Report:
        """Transcribe a recording and digest it.

        Raises:
            InputError: The recording cannot be used.
        """
        lexicon = await self._names(tenant, call.lexicon)
        heard = await asyncio.to_thread(
            self._transcriber().transcribe,
            call.path,
            roles=call.roles,
            lexicon=lexicon,
            conversation_id=call.conversation_id,
            on_progress=on_progress,
            checkpoint=call.checkpoint,
            rep_voice=call.rep_voice,
        )
        known = replace(
            heard,
            consent=call.consent,
            started_at=call.started_at or heard.started_at,
            rep_id=call.rep_id or heard.rep_id,
            deal_id=call.deal_id or heard.deal_id,
        )
        return await self.digest_transcript(tenant, known, account=call.account, lexicon=call.lexicon, key=call.key)

    async def digest_transcript(
        self,
        tenant: str,
        transcript: Transcript,
        *,
        account: Account | None = None,
        lexicon: Lexicon = (),
        key: str = "",
    ) -> Report:
        """Notice, measure, keep and advise on a conversation; `keep_report` stores what comes back."""
        names = await self._names(tenant, lexicon)
        analysis = await self._noticed(transcript, names)
        transcript, account = await self._keep(tenant, transcript, analysis, account)
        return await self._advise(tenant, transcript, analysis, account, names, key)

    async def note_transcript(self, tenant: str, transcript: Transcript) -> Analysis:
        """Notice, measure and keep a conversation without advice on it."""
        analysis = await self._noticed(transcript, await self._names(tenant, ()))
        await self._keep(tenant, transcript, analysis, None)
        return analysis

    async def _noticed(self, transcript: Transcript, names: Lexicon) -> Analysis:
        signals = await asyncio.to_thread(self._detector.detect, transcript, lexicon=names)
        return Analysis(conversation_id=transcript.id, signals=signals, metrics=measure(transcript, signals))

    async def _names(self, tenant: str, lexicon: Lexicon) -> Lexicon:
        async with self._store.read(tenant) as work:
            kept = await work.lexicons.all()
        given = {entry.name for entry in lexicon}
        return (*lexicon, *(entry for entry in kept if entry.name not in given))

    async def _keep(
        self, tenant: str, transcript: Transcript, analysis: Analysis, account: Account | None
    ) -> tuple[Transcript, Account | None]:
        """Store conversation, analysis and account in one transaction."""
        async with self._store.begin(tenant) as work:
            if account is not None:
                account = await work.accounts.put(account)
                transcript = replace(transcript, account_id=account.account_id)
            transcript = await work.conversations.put(transcript)
            await work.signals.put(transcript.id, analysis)
        return transcript, account

    async def _advise(
        self, tenant: str, transcript: Transcript, analysis: Analysis, account: Account | None, names: Lexicon, key: str
    ) -> Report:
        signals, metrics = analysis.signals, analysis.metrics
        # Whoever asked not to be called again is not to be answered with a pitch.
        asked = None if stop_request(transcript) else strongest_objection(transcript, signals)
        replies = None
        if asked is not None:
            replies = await self._coach.reply(
                tenant, asked.text, conversation=transcript, account=account, lexicon=names, key=key
            )
        brief = await self._coach.brief(tenant, conversations=(transcript,), account=account, lexicon=names, key=key)
        tips = await self._coach.tips(tenant, transcript, signals=signals, metrics=metrics, lexicon=names, key=key)
        return build_report(
            transcript,
            analysis,
            account_name=account.name if account else "",
            scorecard=score(transcript, signals, metrics),
            tips=tips,
            brief=brief,
            replies=replies,
            asked=asked,
        )


async def keep_report(work: Work, report: Report) -> None:
    """Store a report as data and as a page, in the caller's transaction."""
    await work.signals.put_report(report.transcript.id, document=report_document(report), html=render_html(report))


def strongest_objection(transcript: Transcript, signals: tuple[Signal, ...]) -> Turn | None:
    """Return the customer's turn that most needs an answer: the weightiest objections, later ones first.

    None when the customer said nothing; without an objection, the customer's last longer turn.
    """
    order = {turn.id: number for number, turn in enumerate(transcript.turns)}
    turns = [turn for turn in transcript.turns if turn.speaker == CUSTOMER]
    weights = {turn.id: 0.0 for turn in turns}
    for signal in signals:
        if signal.kind is SignalKind.INTENT and signal.turn_id in weights:
            weights[signal.turn_id] += OBJECTION_WEIGHTS.get(signal.label, 0.0) * signal.score
    if any(weights.values()):
        return max(turns, key=lambda turn: (weights[turn.id], order[turn.id]))
    return max(turns, key=lambda turn: (len(turn.text) >= 8, order[turn.id]), default=None)
