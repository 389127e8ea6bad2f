"""Once a week a rep hears what to practise, from their own calls; not if they practised anyway."""

from __future__ import annotations

from datetime import datetime, timedelta

from agent.team_calls import calls_of
from coaching.radar import DrillNeed, plan_drills
from store.work import Store, Work
from zhanqing.chats.pushes import PushRules, push_drill

_CALLS_OF = timedelta(days=30)
_PRACTISED_WITHIN = timedelta(days=7)


class DrillReminders:
    """Reminds the reps of one tenant who can be reached in a chat."""

    def __init__(self, store: Store, tenant: str, rules: PushRules) -> None:
        self._store, self._tenant, self._rules = store, tenant, rules

    async def remind(self) -> int:
        """Remind whoever is due this week; returns in how many places somebody was told."""
        now = self._store.clock()
        week = f"{now.astimezone(self._rules.zone):%G-W%V}"
        async with self._store.read(self._tenant) as work:
            due = [rep_id for rep_id in await work.chat_people.bound_reps() if await _is_due(work, rep_id, week, now)]
        told = 0
        for rep_id in due:
            need = await self._need(rep_id, now)
            if need is not None:
                async with self._store.begin(self._tenant) as work:
                    told += await push_drill(work, rep_id, need, week, self._rules)
        return told

    async def _need(self, rep_id: str, now: datetime) -> DrillNeed | None:
        """Return the weakest ability of their latest calls, if enough of them say so."""
        (calls,) = await calls_of(self._store, self._tenant, [rep_id], since=now - _CALLS_OF)
        needs = plan_drills([report.scorecard for report in calls.reports if report.scorecard], most=1)
        return needs[0] if needs else None


async def _is_due(work: Work, rep_id: str, week: str, now: datetime) -> bool:
    """Whether a rep has heard nothing this week and has not practised of late."""
    drills = await work.drills.of_rep(rep_id, limit=1)
    if drills and now - drills[0].created_at < _PRACTISED_WITHIN:
        return False
    names = [f"push:{one.platform}:{one.user_id}:drill:{week}" for one in await work.chat_people.bindings_of(rep_id)]
    return not any([await work.chat_answers.get(name) for name in names])
