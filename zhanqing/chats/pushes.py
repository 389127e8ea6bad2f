"""What a rep is told unasked: a report is ready, a recording failed. Never in their quiet hours, never too often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from bots.markdown import escaped
from bots.outgoing import Card
from coaching.report import Report
from domain.suggestions import AI_LABEL
from store.chat_people import Binding
from store.work import Work
from wire.documents import dump
from zhanqing.chats.words import chat_line

MOST_A_DAY = 20
"""What one rep is told unasked in a day; what is more comes the next morning."""
_MOST_POINTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRules:
    """How an installation tells people things.

    Attributes:
        link_base: Public address of the service, for links to reports; empty: no links.
    """

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))
    lang: str = "zh"
    link_base: str = ""


async def push(work: Work, rep_id: str, name: str, *, text: str, card: Card | None = None, rules: PushRules) -> int:
    """Tell a rep something, everywhere they are bound and have written to us; the same name is told once.

    Returns:
        In how many places.
    """
    now = work.scope.clock()
    told = 0
    for binding in await work.chat_people.bindings_of(rep_id):
        place = await work.chat_answers.last_place(binding.platform, binding.user_id)
        if place is None:
            continue
        today = await work.chat_answers.pushes_since(binding.user_id, now - timedelta(days=1))
        delay = quiet_for(binding, now, rules.zone, is_full=today >= MOST_A_DAY)
        document = dump(card) if card else None
        answer_id = f"push:{binding.platform}:{binding.user_id}:{name}"
        await work.chat_answers.push(answer_id, place, text=text, card=document, delay_s=delay.total_seconds())
        told += 1
    return told


def quiet_for(binding: Binding, now: datetime, zone: ZoneInfo, *, is_full: bool = False) -> timedelta:
    """Return how long to wait: through the quiet hours, and to their next end when the day's measure is full."""
    here = now.astimezone(zone)
    start, end = binding.quiet_from, binding.quiet_to
    is_quiet = start <= here.hour < end if start <= end else here.hour >= start or here.hour < end
    if not is_quiet and not is_full:
        return timedelta()
    morning = datetime.combine(here.date(), time(end), zone)
    return (morning if morning > here else morning + timedelta(days=1)) - here


async def push_report(work: Work, rep_id: str, call_id: str, report: Report, rules: PushRules) -> int:
    """Tell a rep that a call's report is ready: what happened, what cost points, and where to read it."""
    title = escaped(report.account_name or f"{report.transcript.started_at or work.scope.clock():%m-%d %H:%M}")
    points = "\n".join(chat_line("report_line", rules.lang, text=line) for line in _points(report, rules.lang))
    text = "\n\n".join([chat_line("report_ready", rules.lang, title=title, lines=points), AI_LABEL])
    card = _link(call_id, rules) if rules.link_base else None
    return await push(work, rep_id, f"report:{call_id}", text=text, card=card, rules=rules)


async def push_failed_call(work: Work, rep_id: str, call_id: str, reason: str, rules: PushRules) -> int:
    """Tell a rep that their recording could not be heard; `reason` is the error's code."""
    text = chat_line("report_failed", rules.lang, why=reason)
    return await push(work, rep_id, f"failed:{call_id}", text=text, rules=rules)


def _points(report: Report, lang: str) -> Sequence[str]:
    """The grave things first, each with the words it rests on."""
    lines = []
    if report.scorecard is not None and report.scorecard.total is not None:
        lines.append(chat_line("report_total", lang, total=f"{report.scorecard.total:.0f}"))
    alerts = [(alert.message, alert.moment.quote) for alert in report.alerts]
    losses = [(f"{loss.why}：{loss.advice}", loss.moments[0].quote) for loss in report.losses]
    for words, quote in (alerts + losses)[:_MOST_POINTS]:
        lines.append(f"{escaped(words)}\n> “{escaped(quote)}”")
    return lines


def _link(call_id: str, rules: PushRules) -> Card:
    link = f"{rules.link_base.rstrip('/')}/console/calls/{call_id}"
    return Card(task_id=f"report-{call_id}", title=chat_line("report_card", rules.lang), link=link)
