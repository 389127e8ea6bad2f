"""A team at a glance: who needs help, which customers hesitate, and fifteen minutes of coaching."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coaching.radar import DrillNeed, plan_drills
from coaching.report import Report
from coaching.scorecards import Scorecard
from coaching.timing import moment_of
from domain.conversation import CUSTOMER
from domain.signals import Intent, Moment, Signal, SignalKind

PLAN_MS = 15 * 60_000
TALK_MS = 90_000
"""Time to talk about a clip after hearing it."""
LONGEST_CLIP_MS = 60_000
_HESITATION = {Intent.STALL, Intent.REFUSE, Intent.COMPLAIN}


@dataclass(frozen=True, slots=True, kw_only=True)
class RepCalls:
    """A rep's reports, oldest first."""

    rep_id: str
    reports: tuple[Report, ...]

    @property
    def scorecards(self) -> tuple[Scorecard, ...]:
        """The scorecards of the reports that have one."""
        return tuple(report.scorecard for report in self.reports if report.scorecard)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepNeed:
    """A rep with weak abilities or compliance alerts; most urgent first in a digest."""

    rep_id: str
    needs: tuple[DrillNeed, ...]
    alerts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hesitation:
    """A customer who put off, refused or complained, in their own words."""

    account_name: str
    conversation_id: str
    label: str
    moment: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class CoachingItem:
    """One item of a micro-coaching plan: hear the clip, then talk about it."""

    rep_id: str
    conversation_id: str
    about: str
    moment: Moment
    minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamDigest:
    """What a manager needs this week."""

    who_needs_help: tuple[RepNeed, ...]
    who_hesitates: tuple[Hesitation, ...]
    plan: tuple[CoachingItem, ...]


def build_digest(team: Sequence[RepCalls]) -> TeamDigest:
    """Digest a team's calls; the plan never exceeds fifteen minutes and each item cites a moment."""
    needs = [_need(rep) for rep in team]
    urgent = sorted(
        (need for need in needs if need.needs or need.alerts), key=lambda need: (-need.alerts, -len(need.needs))
    )
    hesitations = tuple(found for rep in team for report in rep.reports for found in _hesitations(report))
    return TeamDigest(who_needs_help=tuple(urgent), who_hesitates=hesitations, plan=plan_coaching(team))


def plan_coaching(team: Sequence[RepCalls], *, budget_ms: int = PLAN_MS) -> tuple[CoachingItem, ...]:
    """Choose moments to hear and talk about, compliance first, then lost points, within the budget."""
    plan, left = [], budget_ms
    for item in _candidates(team):
        cost = round(item.minutes * 60_000)
        if cost <= left:
            plan.append(item)
            left -= cost
    return tuple(plan)


def _need(rep: RepCalls) -> RepNeed:
    alerts = sum(len(report.alerts) for report in rep.reports)
    return RepNeed(rep_id=rep.rep_id, needs=plan_drills(rep.scorecards), alerts=alerts)


def _hesitations(report: Report) -> list[Hesitation]:
    turns = {turn.id: turn for turn in report.transcript.turns}
    return [
        Hesitation(
            account_name=report.account_name,
            conversation_id=report.transcript.id,
            label=signal.label,
            moment=moment_of(signal, turns[signal.turn_id]),
        )
        for signal in report.analysis.signals
        if _is_hesitation(signal) and turns[signal.turn_id].speaker == CUSTOMER
    ]


def _is_hesitation(signal: Signal) -> bool:
    return signal.kind is SignalKind.INTENT and signal.label in _HESITATION


def _candidates(team: Sequence[RepCalls]) -> list[CoachingItem]:
    alerts, lost = [], []
    for rep in team:
        for report in rep.reports:
            alerts += [_item(rep, report, alert.label, alert.moment) for alert in report.alerts]
            items = report.scorecard.items if report.scorecard else ()
            lost += [
                (evidence.points, _item(rep, report, evidence.why, evidence.moments[0]))
                for item in items
                for evidence in item.evidence
                if evidence.points < 0 and evidence.moments
            ]
    return [*alerts, *(item for _, item in sorted(lost, key=lambda pair: pair[0]))]


def _item(rep: RepCalls, report: Report, about: str, moment: Moment) -> CoachingItem:
    clip_ms = min(LONGEST_CLIP_MS, max(0, (moment.end_ms or 0) - (moment.start_ms or 0)))
    return CoachingItem(
        rep_id=rep.rep_id,
        conversation_id=report.transcript.id,
        about=about,
        moment=moment,
        minutes=(clip_ms + TALK_MS) / 60_000,
    )
