"""How far the log can be trusted, in numbers: AI 决策可追溯率, 建议质疑率, 修正采纳率. By SQL, over all decisions."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, String, and_, case, cast, distinct, func, select

from domain.sources import SourceStatus
from domain.suggestions import FeedbackAction
from store.chain import ERASURE
from store.scope import Repository
from store.tables import DecisionContextRow, DecisionRow, DecisionSourceRow, FeedbackRow, SourceRow

_READABLE = (SourceStatus.LIVE, SourceStatus.SUPERSEDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share with what it counts; `value` is None when there is nothing to divide by."""

    numerator: int
    denominator: int

    @property
    def value(self) -> float | None:
        """numerator / denominator."""
        return self.numerator / self.denominator if self.denominator else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustMetrics:
    """The trust figures of one tenant.

    Attributes:
        traceability: Suggestions all of whose citations still resolve to a readable version, of all
            suggestions made. A retired or erased source makes its suggestions untraceable.
        challenge: Suggestions that somebody challenged, of all suggestions made.
        correction: Suggestions used after a human edit, of all suggestions used (accepted or edited).
    """

    decisions: int
    abstentions: int
    suggestions: int
    traceability: Share
    challenge: Share
    correction: Share


class Trust(Repository):
    """The trust figures of one tenant."""

    async def metrics(self) -> TrustMetrics:
        """Count them all now."""
        context = DecisionContextRow
        made = select(
            func.count().label("decisions"),
            func.coalesce(func.sum(case((context.abstained, 1), else_=0)), 0).label("abstentions"),
            func.coalesce(func.sum(context.suggestions), 0).label("suggestions"),
        )
        row = (await self._session.execute(made)).one()
        used = await self._reacted(FeedbackRow.action.in_((FeedbackAction.ACCEPT, FeedbackAction.EDIT)))
        edited = await self._reacted(FeedbackRow.action == FeedbackAction.EDIT)
        challenged = await self._reacted(FeedbackRow.action == FeedbackAction.CHALLENGE)
        return TrustMetrics(
            decisions=row.decisions,
            abstentions=row.abstentions,
            suggestions=row.suggestions,
            traceability=Share(numerator=await self._traceable(), denominator=row.suggestions),
            challenge=Share(numerator=challenged, denominator=row.suggestions),
            correction=Share(numerator=edited, denominator=used),
        )

    async def _traceable(self) -> int:
        """Suggestions that cite something, all of which can still be read."""
        cited = DecisionSourceRow
        same = and_(
            SourceRow.tenant_id == cited.tenant_id,
            SourceRow.source_id == cited.source_id,
            SourceRow.version == cited.version,
            SourceRow.status.in_(_READABLE),
        )
        per_suggestion = (
            select(cited.index, cited.suggestion_id)
            .join(DecisionRow, and_(DecisionRow.tenant_id == cited.tenant_id, DecisionRow.index == cited.index))
            .outerjoin(SourceRow, same)
            .where(DecisionRow.kind != ERASURE)
            .group_by(cited.index, cited.suggestion_id)
            .having(func.count() == func.count(SourceRow.source_id))
            .subquery()
        )
        return await self._session.scalar(select(func.count()).select_from(per_suggestion)) or 0

    async def _reacted(self, wanted: ColumnElement[bool]) -> int:
        """Suggestions with such a reaction; several by the same or by others count once."""
        row = FeedbackRow
        suggestion = cast(row.index, String) + " " + row.suggestion_id
        counted = select(func.count(distinct(suggestion))).where(wanted, row.suggestion_id.is_not(None))
        return await self._session.scalar(counted) or 0
