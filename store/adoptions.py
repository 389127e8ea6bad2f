"""Who used which case: the ground of contributor points."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from domain.sources import SourceKind
from domain.suggestions import Decision, Feedback, FeedbackAction
from store.scope import Repository
from store.tables import CaseAdoptionRow, CaseRow

POINTS_PER_CASE = 50
"""For each case of a contributor that anybody adopted, however often."""

PROVEN_ADOPTERS = 10
"""Distinct reps who used a tactic before it counts as proven."""


ADOPTING = frozenset({FeedbackAction.ACCEPT, FeedbackAction.EDIT})
"""What a human does with a suggestion they use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributorPoints:
    """What a contributor's cases earned."""

    contributor: str
    adopted_cases: int
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TacticUse:
    """How many different reps used a tactic."""

    tactic: str
    adopters: int

    @property
    def is_proven(self) -> bool:
        """Whether enough of them did."""
        return self.adopters >= PROVEN_ADOPTERS


class Adoptions(Repository):
    """The adoptions of one tenant."""

    async def add(self, case_id: str, *, rep_id: str, decision_id: str, tactic: str) -> bool:
        """Record that a rep used a case in a decision; say whether it is the rep's first use of it.

        Raises:
            ConflictError: There is no such case.
        """
        values = {
            "case_id": case_id,
            "rep_id": rep_id,
            "decision_id": decision_id,
            "tactic": tactic,
            "at": self._now(),
        }
        return await self._insert_new(CaseAdoptionRow, values)

    async def adopt(self, decision: Decision, feedback: Feedback) -> int:
        """Record the cases cited by what a human took over, as it is or edited; say how many were their first use."""
        if feedback.action not in ADOPTING:
            return 0
        taken = [one for one in decision.envelope.suggestions if feedback.suggestion_id in (None, one.id)]
        tactics = {
            citation.source_id.split(":")[1]: suggestion.tactic
            for suggestion in reversed(taken)
            for claim in suggestion.claims
            for citation in claim.citations
            if citation.source_kind is SourceKind.CASE
        }
        row = CaseRow
        cases = await self._session.execute(
            select(row.case_id, row.source_part).where(row.source_part.in_(sorted(tactics)))
        )
        firsts = [
            await self.add(
                case.case_id, rep_id=feedback.by, decision_id=decision.decision_id, tactic=tactics[case.source_part]
            )
            for case in cases.all()
        ]
        return sum(firsts)

    async def points(self) -> list[ContributorPoints]:
        """Return the contributors with adopted cases, most points first. Using one's own case earns nothing."""
        used = CaseAdoptionRow.case_id == CaseRow.case_id
        adopted = func.count(func.distinct(CaseRow.case_id)).label("cases")
        statement = (
            select(CaseRow.contributor, adopted)
            .join(CaseAdoptionRow, used)
            .where(CaseAdoptionRow.rep_id != CaseRow.contributor)
            .group_by(CaseRow.contributor)
            .order_by(adopted.desc(), CaseRow.contributor)
        )
        rows = await self._session.execute(statement)
        return [
            ContributorPoints(contributor=row.contributor, adopted_cases=row.cases, points=POINTS_PER_CASE * row.cases)
            for row in rows
        ]

    async def tactics(self) -> list[TacticUse]:
        """Return the tactics in use, by number of distinct adopters."""
        adopters = func.count(func.distinct(CaseAdoptionRow.rep_id)).label("adopters")
        statement = (
            select(CaseAdoptionRow.tactic, adopters)
            .group_by(CaseAdoptionRow.tactic)
            .order_by(adopters.desc(), CaseAdoptionRow.tactic)
        )
        rows = await self._session.execute(statement)
        return [TacticUse(tactic=row.tactic, adopters=row.adopters) for row in rows]
