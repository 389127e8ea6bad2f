"""Role-play drills from start to debrief: opened on a lost moment or a case, kept between turns, scored at the end.

The plan of what the customer says comes from coaching and needs no language model; a `Voice` may word it.
What the rep does is read by the same detectors, and scored by the same rubric, as a real conversation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from coaching.documents import read_report, report_document
from coaching.drills import Drill, Persona, open_drill, persona_from_call, persona_from_case, play, reworded
from coaching.metrics import measure
from coaching.report import Report, build_report
from coaching.scorecards import score
from domain.cases import CaseStatus
from domain.conversation import Transcript
from domain.errors import ConflictError, InputError, NotFoundError
from domain.signals import Analysis, QuestionForm, RepAct, Signal, SignalKind
from domain.suggestions import Envelope, SuggestionKind
from signals.pipeline import SignalDetector
from store.conversations import ConversationFilter
from store.drills import StoredDrill
from store.work import Store, Work
from wire.documents import dump, read

MOST_TEXT = 2_000
"""Characters of one turn of a rep."""
_CONVERSATIONS_LOOKED_AT = 20
_CASES_LOOKED_AT = 200
_QUESTION_ACTS: Mapping[str, str] = {
    QuestionForm.OPEN: RepAct.OPEN_QUESTION,
    QuestionForm.CLOSED: RepAct.CLOSED_QUESTION,
}


class Voice(Protocol):
    """Words what the practice customer is to say."""

    async def speak(self, drill: Drill, planned: str) -> str:
        """Return the planned line in the persona's words; the plan itself where that fails."""
        ...


class Adviser(Protocol):
    """Gives cited talk lines for a customer's words (the coach)."""

    async def reply(self, tenant: str, text: str) -> Envelope:
        """Recommend replies."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillOrder:
    """What to practise; with nothing named, the rep's own latest lost moment, else a published case.

    Attributes:
        turn_id: A customer's turn of the conversation to begin with.
    """

    rep_id: str | None = None
    conversation_id: str | None = None
    turn_id: str | None = None
    case_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillStep:
    """A drill after a turn.

    Attributes:
        said: The customer's last line.
        debrief: Scorecard with reasons, alerts and advice; only when it is over and the rep said something.
        better: Cited talk lines for the worry that stayed open; only when it is over.
    """

    drill: Drill
    rep_id: str | None = None
    conversation_id: str | None = None
    case_id: str | None = None
    debrief: Report | None = None
    better: Envelope | None = None

    @property
    def said(self) -> str:
        """The practice customer's last line."""
        return self.drill.turns[-1].text


class DrillCoach:
    """Opens drills, plays their turns and debriefs; each step is kept before it is shown.

    Args:
        adviser: Gives the better words at the end; none are given without one.
        voice: Words the customer's lines; the script's own words without one.
    """

    def __init__(
        self, store: Store, detector: SignalDetector, *, adviser: Adviser | None = None, voice: Voice | None = None
    ) -> None:
        self._store = store
        self._detector = detector
        self._adviser = adviser
        self._voice = voice

    async def open(self, tenant: str, order: DrillOrder) -> DrillStep:
        """Begin a drill.

        Raises:
            NotFoundError: No such conversation, turn or published case, or nothing to practise at all.
        """
        async with self._store.begin(tenant) as work:
            opening = await _opening(work, order)
            drill = open_drill(work.drills.new_id(), opening.persona)
            kept = await work.drills.add(
                drill.id,
                dump(drill),
                rep_id=order.rep_id,
                conversation_id=opening.conversation_id,
                case_id=opening.case_id,
            )
        return _step(kept)

    async def at(self, tenant: str, drill_id: str) -> DrillStep:
        """Return a drill as it stands.

        Raises:
            NotFoundError: There is none of that id.
        """
        async with self._store.read(tenant) as work:
            return _step(await work.drills.existing(drill_id))

    async def say(self, tenant: str, drill_id: str, text: str) -> DrillStep:
        """Play the rep's turn and the customer's answer; the turn that ends it brings the debrief.

        Raises:
            NotFoundError: There is no such drill.
            InputError: Nothing was said, or too much.
            ConflictError: The drill is over, or another turn came first.
        """
        _refuse_unsayable(text)
        async with self._store.read(tenant) as work:
            kept = await work.drills.existing(drill_id)
            lexicon = await work.lexicons.all()
        before = _step(kept).drill
        if before.is_over:
            raise ConflictError("agent.drill_over")
        asked = before.with_rep_turn(text)
        heard = await asyncio.to_thread(self._detector.detect, asked.transcript, lexicon=lexicon)
        after = await self._voiced(play(before, text, acts=acts_of(heard, asked.turns[-1].id)))
        debrief, better = await self._debriefed(tenant, after) if after.is_over else (None, None)
        async with self._store.begin(tenant) as work:
            document = {"report": debrief, "better": dump(better) if better else None} if after.is_over else None
            stored = await work.drills.move_on(
                drill_id, dump(after), after=kept.revision, is_over=after.is_over, debrief=document
            )
        return _step(stored)

    async def _voiced(self, drill: Drill) -> Drill:
        """Let the voice word an answer that is neither a notice nor the end."""
        if self._voice is None or drill.is_over:
            return drill
        return reworded(drill, await self._voice.speak(drill, drill.turns[-1].text))

    async def _debriefed(self, tenant: str, drill: Drill) -> tuple[dict[str, Any] | None, Envelope | None]:
        report = await asyncio.to_thread(self._scored, drill.transcript) if drill.was_played else None
        better = await self._adviser.reply(tenant, drill.open_worry) if self._adviser else None
        return (report_document(report) if report else None), better

    def _scored(self, transcript: Transcript) -> Report:
        found = self._detector.detect(transcript, lexicon=())
        metrics = measure(transcript, found)
        analysis = Analysis(conversation_id=transcript.id, signals=found, metrics=metrics)
        return build_report(transcript, analysis, scorecard=score(transcript, found, metrics))


def acts_of(signals: Sequence[Signal], turn_id: str) -> frozenset[str]:
    """Return what a rep's turn did: its acts, its questions by form, and its risks."""
    own = [one for one in signals if one.turn_id == turn_id]
    acts = {one.label for one in own if one.kind is SignalKind.REP_ACT}
    acts |= {
        _QUESTION_ACTS[one.label] for one in own if one.kind is SignalKind.QUESTION and one.label in _QUESTION_ACTS
    }
    risky = {
        one.label
        for one in own
        if one.kind is SignalKind.RISK and one.attributes.get("severity") in ("block", "rewrite")
    }
    return frozenset(acts | risky)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opening:
    """Who to play, and what the persona was made of."""

    persona: Persona
    conversation_id: str | None = None
    case_id: str | None = None


async def _opening(work: Work, order: DrillOrder) -> _Opening:
    if order.conversation_id is not None:
        persona = await _from_conversation(work, order.conversation_id, order.turn_id)
        if persona is None:
            raise NotFoundError("agent.nothing_lost")
        return _Opening(persona=persona, conversation_id=order.conversation_id)
    if order.case_id is not None:
        record = await work.cases.get(order.case_id)
        if record is None or record.published_version is None:
            raise NotFoundError("agent.no_published_case")
        return _Opening(persona=persona_from_case(record.case), case_id=order.case_id)
    return await _own_lost_moment(work, order.rep_id) or await _next_case(work, order.rep_id)


async def _from_conversation(work: Work, conversation_id: str, turn_id: str | None) -> Persona | None:
    transcript = await work.conversations.get(conversation_id)
    if transcript is None:
        raise NotFoundError("store.no_conversation")
    analysis = await work.signals.get(conversation_id)
    return persona_from_call(transcript, analysis.signals if analysis else (), turn_id=turn_id)


async def _own_lost_moment(work: Work, rep_id: str | None) -> _Opening | None:
    """Return the latest lost moment of the rep's that was not drilled yet."""
    if rep_id is None:
        return None
    drilled = {each.conversation_id for each in await work.drills.of_rep(rep_id)}
    latest = await work.conversations.page(ConversationFilter(rep_ids=(rep_id,)), limit=_CONVERSATIONS_LOOKED_AT)
    for summary in latest:
        if summary.conversation_id in drilled:
            continue
        persona = await _from_conversation(work, summary.conversation_id, None)
        if persona is not None:
            return _Opening(persona=persona, conversation_id=summary.conversation_id)
    return None


async def _next_case(work: Work, rep_id: str | None) -> _Opening:
    """Return a published case, another one each time."""
    published = await work.cases.page(limit=_CASES_LOOKED_AT, status=CaseStatus.PUBLISHED)
    if not published:
        raise NotFoundError("agent.nothing_to_practise")
    case = published[await work.drills.times_played(rep_id) % len(published)].case
    return _Opening(persona=persona_from_case(case), case_id=case.id)


def _step(kept: StoredDrill) -> DrillStep:
    drill: Drill = read(Drill, kept.document, what="drill")
    debrief = kept.debrief or {}
    report, better = debrief.get("report"), debrief.get("better")
    return DrillStep(
        drill=drill,
        rep_id=kept.rep_id,
        conversation_id=kept.conversation_id,
        case_id=kept.case_id,
        debrief=read_report(report) if report else None,
        better=read(Envelope, better, what=SuggestionKind.REPLY.value) if better else None,
    )


def _refuse_unsayable(text: str) -> None:
    if not text.strip():
        raise InputError("agent.drill_silent")
    if len(text) > MOST_TEXT:
        raise InputError("agent.drill_long", limit=MOST_TEXT)
