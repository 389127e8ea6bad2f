"""What a rep is told unasked: a report is ready, a recording failed. Never in their quiet hours, never too often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from bots.markdown import escaped
from bots.outgoing import Button, Card
from coaching.contact import stop_request
from coaching.radar import DrillNeed
from coaching.report import Report
from domain.conversation import REP, Transcript
from domain.signals import Severity, Signal, SignalKind
from domain.suggestions import AI_LABEL
from store.chat_people import Binding
from store.work import Work
from wire.documents import dump
from zhanqing.chats.words import chat_line

MOST_A_DAY = 20
"""What one rep is told unasked in a day; what is more comes the next morning."""
_MOST_POINTS = 3
_RECENT = timedelta(days=1)
"""What happened before is for the report; it can no longer be put right at once."""
DRILL = "drill"
"""The key of the button that begins a practice round."""


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


async def push_interventions(work: Work, transcript: Transcript, signals: Sequence[Signal], rules: PushRules) -> int:
    """Tell a rep what in a conversation of today cannot wait for a report: forbidden wording, a wish to be left alone.

    Each place is told once, however often the conversation is looked at again.
    """
    begun_at = transcript.started_at
    if transcript.rep_id is None or begun_at is None or work.scope.clock() - begun_at.astimezone() > _RECENT:
        return 0
    told = 0
    for name, line in _urgent(transcript, signals, rules.lang):
        about = f"intervention:{transcript.id}:{name}"
        card = Card(task_id=f"act-{transcript.id}-{name}", title=chat_line("act_now", rules.lang), lines=(line,))
        told += await push(work, transcript.rep_id, about, text=AI_LABEL, card=card, rules=rules)
    return told


async def push_drill(work: Work, rep_id: str, need: DrillNeed, week: str, rules: PushRules) -> int:
    """Remind a rep to practise what costs them most, once a week; the card begins the round."""
    reasons = "；".join(need.reasons[:2]) if rules.lang == "zh" else "; ".join(need.reasons[:2])
    lines = [chat_line("drill_due", rules.lang, ability=escaped(need.ability), level=f"{need.level:.1f}")]
    lines += [chat_line("drill_because", rules.lang, reasons=escaped(reasons))] if reasons else []
    button = Button(text=chat_line("drill_now", rules.lang), key=DRILL, style=1)
    title = chat_line("drill_card", rules.lang)
    card = Card(task_id=f"drill-{rep_id}-{week}", title=title, lines=tuple(lines), buttons=(button,))
    return await push(work, rep_id, f"drill:{week}", text="", card=card, rules=rules)


def _urgent(transcript: Transcript, signals: Sequence[Signal], lang: str) -> Iterator[tuple[str, str]]:
    """Yield (name, line) of what cannot wait, each with the words it rests on."""
    speakers = {turn.id: turn.speaker for turn in transcript.turns}
    for signal in signals:
        is_forbidden = signal.kind is SignalKind.RISK and signal.attributes.get("severity") == Severity.BLOCK
        if is_forbidden and speakers.get(signal.turn_id) == REP:
            instead = str(signal.attributes.get("suggested_rewrite") or "")
            words = {"why": escaped(str(signal.attributes.get("message", ""))), "quote": escaped(signal.quote)}
            line = chat_line("act_wording", lang, **words)
            better = f"\n{chat_line('act_instead', lang, words=escaped(instead))}" if instead else ""
            yield f"{signal.turn_id}-{signal.start}", line + better
    stop = stop_request(transcript)
    if stop is not None:
        yield f"{stop.turn_id}-stop", chat_line("act_stop", lang, quote=escaped(stop.quote))


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
