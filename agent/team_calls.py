"""A rep's conversations as reports again, from what is stored: the ground of radar, board and plan."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from coaching.digest import RepCalls
from coaching.report import Report, build_report
from coaching.scorecards import score
from domain.conversation import Transcript
from domain.signals import Analysis
from store.conversations import ConversationFilter
from store.work import Store, Work

_LOOKED_AT = 2_000
MOST_CALLS = 50
"""Of one rep, newest; older ones say little about what to practise now."""


async def calls_of(
    store: Store, tenant: str, rep_ids: Sequence[str], *, since: datetime | None = None, most: int = MOST_CALLS
) -> list[RepCalls]:
    """Return the analysed conversations of each rep as reports, oldest first; a rep without any has none.

    Args:
        since: Leave out conversations that began, or else were stored, before.
        most: Of each rep, the newest ones.
    """
    team = []
    for rep_id in rep_ids:
        async with store.read(tenant) as work:
            kept = await _kept(work, rep_id, since, most)
        reports = await asyncio.to_thread(_reports, kept)
        team.append(RepCalls(rep_id=rep_id, reports=tuple(reports)))
    return team


async def _kept(work: Work, rep_id: str, since: datetime | None, most: int) -> list[tuple[Transcript, Analysis, str]]:
    """Return transcript, analysis and the customer's name of each conversation, oldest first."""
    found = []
    for summary in await work.conversations.page(ConversationFilter(rep_ids=(rep_id,)), limit=most):
        at = summary.started_at or summary.created_at
        if since is not None and at < since:
            continue
        transcript = await work.conversations.get(summary.conversation_id)
        analysis = await work.signals.get(summary.conversation_id)
        if transcript is None or analysis is None:
            continue
        account = await work.accounts.get(transcript.account_id) if transcript.account_id else None
        found.append((at, (transcript, analysis, account.name if account else "")))
    return [each for _, each in sorted(found, key=lambda pair: pair[0])]


def _reports(kept: Sequence[tuple[Transcript, Analysis, str]]) -> list[Report]:
    return [_report(*each) for each in kept]


def _report(transcript: Transcript, analysis: Analysis, account_name: str) -> Report:
    card = score(transcript, analysis.signals, analysis.metrics)
    return build_report(transcript, analysis, account_name=account_name, scorecard=card)


async def reps_heard(store: Store, tenant: str) -> list[str]:
    """Return the reps of the newest conversations, in order of id."""
    async with store.read(tenant) as work:
        latest = await work.conversations.page(ConversationFilter(), limit=_LOOKED_AT)
    return sorted({summary.rep_id for summary in latest if summary.rep_id})
