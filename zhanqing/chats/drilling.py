"""演练 in a chat: a practice customer answers until the rep leaves or the round is over; then how it went, and why."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from agent.drills import DrillCoach, DrillOrder, DrillStep
from bots.markdown import escaped
from bots.rendering import render
from coaching.report import Report
from domain.conversation import REP
from domain.errors import ConflictError, InputError, NotFoundError
from retrieval.results import Search
from store.chat_threads import ChatThread
from store.work import Work
from zhanqing.chats.saying import Said
from zhanqing.chats.visitors import Visitor
from zhanqing.chats.words import chat_line

_MOST_LOSSES = 3


class DrillRoom:
    """Plays drills in chats.

    Args:
        drills: Built in a thread, by the first drill, as is `search`.
    """

    def __init__(
        self, drills: Callable[[], Awaitable[DrillCoach]], search: Callable[[], Awaitable[Search]], *, lang: str
    ) -> None:
        self._drills, self._search, self._lang = drills, search, lang

    async def begin(self, visitor: Visitor, about: str) -> Said:
        """Open a drill on the rep's own lost moment, or on the case that the words find."""
        order = DrillOrder(rep_id=visitor.rep.rep_id, case_id=await self._case(visitor, about) if about else None)
        try:
            step = await (await self._drills()).open(visitor.tenant, order)
        except NotFoundError:
            return Said(text=chat_line("drill_none", self._lang))
        return Said(text=self._played(step), effect=_remembering(visitor, step.drill.id))

    async def go_on(self, visitor: Visitor, text: str, *, is_second_try: bool) -> Said | None:
        """Play the rep's line; None where no drill is being played."""
        drill_id = visitor.thread.drill_id
        if drill_id is None:
            return None
        drills = await self._drills()
        try:
            step = await drills.at(visitor.tenant, drill_id)
            if step.drill.is_over and not is_second_try:
                return None
            if not (is_second_try and _was_said(step, text)):
                step = await drills.say(visitor.tenant, drill_id, text)
        except (NotFoundError, ConflictError):
            return None
        except InputError as error:
            return Said(text=error.line(self._lang))
        if not step.drill.is_over:
            return Said(text=self._played(step))
        return Said(text=self._debriefed(step), effect=_remembering(visitor, None))

    async def _case(self, visitor: Visitor, about: str) -> str | None:
        found = await (await self._search()).search(visitor.tenant, about, top_k=1)
        return found.hits[0].case_id if found.hits else None

    def _played(self, step: DrillStep) -> str:
        return f"{escaped(step.said)}\n\n{chat_line('drill_label', self._lang)}"

    def _debriefed(self, step: DrillStep) -> str:
        if step.debrief is None:
            return chat_line("drill_unplayed", self._lang)
        parts = [escaped(step.said), _scored(step.debrief, self._lang)]
        if step.better is not None and not step.better.abstained:
            parts += [chat_line("drill_better", self._lang), render(step.better, self._lang).text]
        return "\n\n".join([*parts, chat_line("drill_label", self._lang)])


def _scored(report: Report, lang: str) -> str:
    card = report.scorecard
    lines = [chat_line("drill_total", lang, total=f"{card.total:.0f}")] if card and card.total is not None else []
    lines += [f"- {escaped(item.name)} {item.level:g}/5" for item in (card.items if card else ()) if item.level]
    lines += [f"- {escaped(alert.label)}：{escaped(alert.message)}" for alert in report.alerts]
    lines += [
        f"- {escaped(loss.why)} → {escaped(loss.advice)}\n> “{escaped(loss.moments[0].quote)}”"
        for loss in report.losses[:_MOST_LOSSES]
    ]
    return "\n".join(lines)


def _was_said(step: DrillStep, text: str) -> bool:
    """The last thing that the rep said in the drill is this line: an earlier run of the job played it."""
    said = [turn.text for turn in step.drill.turns if turn.speaker == REP]
    return bool(said) and said[-1].strip() == text.strip()


def _remembering(visitor: Visitor, drill_id: str | None) -> Callable[[Work], Awaitable[None]]:
    thread: ChatThread = replace(visitor.thread, drill_id=drill_id)

    async def remember(work: Work) -> None:
        await work.chat_threads.put(visitor.thread_key, thread)

    return remember
