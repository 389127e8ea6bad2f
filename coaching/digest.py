"""A team at a glance: who needs help, which customers hesitate, and fifteen minutes of coaching."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from statistics import fmean

from coaching.credit import is_sure
from coaching.radar import Ability, DrillNeed, build_radar, plan_drills
from coaching.report import Report
from coaching.scorecards import Scorecard
from coaching.timing import moment_of
from coaching.view import alert_groups
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
    """A rep's standing: what is weak, how many compliance alerts; most urgent first in a digest.

    Attributes:
        calls: How many conversations this rests on.
        total: Mean of the scorecards, 0–100; None without any.
    """

    rep_id: str
    needs: tuple[DrillNeed, ...]
    alerts: int
    calls: int = 0
    total: float | None = None
    abilities: tuple[Ability, ...] = ()

    @property
    def needs_help(self) -> bool:
        """Whether there is something to work on."""
        return bool(self.needs or self.alerts)


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
    advice: str = ""
    account_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamDigest:
    """What a manager needs this week; `reps` are all of them, `who_needs_help` those with something to work on."""

    reps: tuple[RepNeed, ...]
    who_needs_help: tuple[RepNeed, ...]
    who_hesitates: tuple[Hesitation, ...]
    plan: tuple[CoachingItem, ...]


def build_digest(team: Sequence[RepCalls]) -> TeamDigest:
    """Digest a team's calls; the plan never exceeds fifteen minutes and each item cites a moment."""
    reps = sorted(map(_need, team), key=lambda need: (-need.alerts, -len(need.needs), need.rep_id))
    urgent = tuple(need for need in reps if need.needs_help)
    hesitations = tuple(found for rep in team for report in rep.reports for found in _hesitations(report))
    return TeamDigest(reps=tuple(reps), who_needs_help=urgent, who_hesitates=hesitations, plan=plan_coaching(team))


def plan_coaching(team: Sequence[RepCalls], *, budget_ms: int = PLAN_MS) -> tuple[CoachingItem, ...]:
    """Choose moments to hear and talk about within the budget.

    Reps take turns, so that one bad call does not fill the plan; of each rep compliance comes first,
    then what cost most, each subject once.
    """
    plan, left = [], budget_ms
    rounds = zip_longest(*(_candidates(rep) for rep in team))
    for item in (item for each in rounds for item in each if item is not None):
        cost = round(item.minutes * 60_000)
        if cost <= left:
            plan.append(item)
            left -= cost
    return tuple(plan)


def _need(rep: RepCalls) -> RepNeed:
    alerts = sum(len(report.alerts) for report in rep.reports)
    totals = [card.total for card in rep.scorecards if card.total is not None]
    return RepNeed(
        rep_id=rep.rep_id,
        needs=plan_drills(rep.scorecards),
        alerts=alerts,
        calls=len(rep.reports),
        total=fmean(totals) if totals else None,
        abilities=build_radar(rep.scorecards),
    )


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
    return signal.kind is SignalKind.INTENT and signal.label in _HESITATION and is_sure(signal)


def _candidates(rep: RepCalls) -> list[CoachingItem]:
    alerts, lost = [], []
    for report in reversed(rep.reports):
        alerts += [
            _item(rep, report, group.label, group.moments[0], advice=group.rewrite)
            for group in alert_groups(report.alerts)
        ]
        lost += [
            (loss.cost, _item(rep, report, loss.why, loss.moments[0], advice=loss.advice)) for loss in report.losses
        ]
    ordered = [*alerts, *(item for _, item in sorted(lost, key=lambda pair: -pair[0]))]
    by_subject: dict[str, CoachingItem] = {}
    for item in ordered:
        by_subject.setdefault(item.about, item)
    return list(by_subject.values())


def _item(rep: RepCalls, report: Report, about: str, moment: Moment, *, advice: str) -> CoachingItem:
    clip_ms = min(LONGEST_CLIP_MS, max(0, (moment.end_ms or 0) - (moment.start_ms or 0)))
    return CoachingItem(
        rep_id=rep.rep_id,
        conversation_id=report.transcript.id,
        about=about,
        moment=moment,
        minutes=(clip_ms + TALK_MS) / 60_000,
        advice=advice,
        account_name=report.account_name,
    )
