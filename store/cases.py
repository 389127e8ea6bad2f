"""War cases: immutable versions, and a life from draft to published to retired with who, when and why.

A case that is published and then edited has a newer draft beside its published version: the published
one stays until the edit is approved or the case is retired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select, update

from domain.cases import CASE_COLUMNS, CaseStatus, WarCase
from domain.errors import ConflictError, NotFoundError
from domain.sources import safe_part
from store.canonical import canonical, digest
from store.scope import Repository
from store.tables import CaseEventRow, CaseRow, CaseVersionRow
from wire.documents import dump, read

_BATCH = 400


class CaseAction(StrEnum):
    """What moves a case through its life."""

    SUBMIT = "submit"
    REVIEW = "review"
    APPROVE = "approve"
    REJECT = "reject"
    RETIRE = "retire"


SAVED = "save"
"""The action of an event that records a new version."""

_MOVES: Mapping[CaseAction, tuple[frozenset[CaseStatus], CaseStatus]] = {
    CaseAction.SUBMIT: (frozenset({CaseStatus.DRAFT, CaseStatus.REJECTED, CaseStatus.RETIRED}), CaseStatus.SUBMITTED),
    CaseAction.REVIEW: (frozenset({CaseStatus.SUBMITTED}), CaseStatus.IN_REVIEW),
    CaseAction.APPROVE: (frozenset({CaseStatus.SUBMITTED, CaseStatus.IN_REVIEW}), CaseStatus.PUBLISHED),
    CaseAction.REJECT: (frozenset({CaseStatus.SUBMITTED, CaseStatus.IN_REVIEW}), CaseStatus.REJECTED),
    CaseAction.RETIRE: (frozenset(CaseStatus) - {CaseStatus.RETIRED}, CaseStatus.RETIRED),
}


class Saved(StrEnum):
    """What saving a case did."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRecord:
    """A case as it stands.

    Attributes:
        case: Its newest version.
        published_version: The version that can be found and cited now; None when none can.
    """

    case: WarCase
    status: CaseStatus
    version: int
    published_version: int | None
    contributor: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseVersion:
    """One immutable version."""

    version: int
    case: WarCase
    content_hash: str
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEvent:
    """One step in a case's life."""

    sequence: int
    version: int
    action: str
    from_status: CaseStatus | None
    to_status: CaseStatus
    by: str
    at: datetime
    why: str


class Cases(Repository):
    """The war cases of one tenant."""

    async def get(self, case_id: str) -> CaseRecord | None:
        """Return a case with its newest version, whatever its status."""
        return (await self.get_many([case_id])).get(case_id)

    async def get_many(self, case_ids: Sequence[str]) -> dict[str, CaseRecord]:
        """Return the cases that exist, by id."""
        found: dict[str, CaseRecord] = {}
        for at in range(0, len(case_ids), _BATCH):
            same = (CaseVersionRow.case_id == CaseRow.case_id) & (CaseVersionRow.version == CaseRow.version)
            statement = select(CaseRow, CaseVersionRow.document).join(CaseVersionRow, same)
            rows = await self._session.execute(statement.where(CaseRow.case_id.in_(case_ids[at : at + _BATCH])))
            found |= {row.case_id: _record(row, document) for row, document in rows}
        return found

    async def page(
        self, *, limit: int, after: str = "", status: CaseStatus | None = None, contributor: str | None = None
    ) -> list[CaseRecord]:
        """Return cases in order of id: all, those of one status (the review queue), those of one contributor."""
        statement = select(CaseRow.case_id).where(CaseRow.case_id > after)
        if status is not None:
            statement = statement.where(CaseRow.status == status)
        if contributor is not None:
            statement = statement.where(CaseRow.contributor == contributor)
        ids = list(await self._session.scalars(statement.order_by(CaseRow.case_id).limit(limit)))
        records = await self.get_many(ids)
        return [records[case_id] for case_id in ids]

    async def save(self, cases: Sequence[WarCase], *, by: str, why: str = "") -> list[Saved]:
        """Keep cases with distinct ids; the same content changes nothing, other content is a new draft version.

        Args:
            by: Who saves; the contributor of a case that is new.

        Raises:
            ConflictError: `store.lookalike_id`: two ids would share their sources.
        """
        before = await self.get_many([case.id for case in cases])
        await self._refuse_lookalikes([case.id for case in cases if case.id not in before])
        results = [_compare(case, before.get(case.id)) for case in cases]
        kept = [case for case, result in zip(cases, results, strict=True) if result is not Saved.UNCHANGED]
        new = [case for case in kept if case.id not in before]
        await self._insert(CaseRow, [self._new_row(case, by) for case in new])
        for case in kept:
            if case.id in before:
                await self._overwrite(case, before[case.id].version + 1)
        await self._insert(CaseVersionRow, [self._version_row(case, before.get(case.id), by) for case in kept])
        await self._record_saves(kept, before, by, why)
        return results

    async def move(self, case_ids: Sequence[str], action: CaseAction, *, by: str, why: str = "") -> list[CaseRecord]:
        """Take one step in the life of each case and return them as they are then.

        Approving publishes the newest version. What of it can be found is the caller's to put right in the
        same transaction (`retrieval.library`).

        Raises:
            NotFoundError: `store.no_case`.
            ConflictError: `store.case_cannot_move`: not from where it stands.
        """
        records = await self.get_many(case_ids)
        sources, target = _MOVES[action]
        for case_id in case_ids:
            if case_id not in records:
                raise NotFoundError("store.no_case", case_id=case_id)
            if records[case_id].status not in sources:
                raise ConflictError(
                    "store.case_cannot_move", case_id=case_id, action=action, status=records[case_id].status
                )
        moved = [self._moved(records[case_id], action, target) for case_id in case_ids]
        await self._set_places(moved, target)
        await self._record_moves([records[case_id] for case_id in case_ids], moved, action, by, why)
        return moved

    async def _set_places(self, moved: Sequence[CaseRecord], status: CaseStatus) -> None:
        """Write where cases stand now; all that have the same version published in one statement."""
        ids: dict[int | None, list[str]] = {}
        for record in moved:
            ids.setdefault(record.published_version, []).append(record.case.id)
        for published, case_ids in ids.items():
            values = {"status": status, "published_version": published, "updated_at": self._now()}
            for at in range(0, len(case_ids), _BATCH):
                batch = CaseRow.case_id.in_(case_ids[at : at + _BATCH])
                await self._session.execute(update(CaseRow).where(batch).values(values))

    async def versions(self, case_id: str) -> list[CaseVersion]:
        """Return every version, oldest first; empty when there is no such case."""
        rows = await self._session.scalars(
            select(CaseVersionRow).where(CaseVersionRow.case_id == case_id).order_by(CaseVersionRow.version)
        )
        return [
            CaseVersion(
                version=row.version,
                case=read(WarCase, row.document, what="case"),
                content_hash=row.content_hash,
                created_by=row.created_by,
                created_at=row.created_at,
            )
            for row in rows
        ]

    async def events(self, case_id: str) -> list[CaseEvent]:
        """Return a case's life, oldest step first."""
        rows = await self._session.scalars(
            select(CaseEventRow).where(CaseEventRow.case_id == case_id).order_by(CaseEventRow.sequence)
        )
        return [_event(row) for row in rows]

    async def counts(self) -> dict[CaseStatus, int]:
        """Return how many cases stand where."""
        rows = await self._session.execute(select(CaseRow.status, func.count().label("n")).group_by(CaseRow.status))
        return {CaseStatus(row.status): row.n for row in rows}

    async def _refuse_lookalikes(self, case_ids: Sequence[str]) -> None:
        parts = {safe_part(case_id): case_id for case_id in case_ids}
        clash = len(parts) < len(set(case_ids))
        for at in range(0, len(parts), _BATCH):
            batch = list(parts)[at : at + _BATCH]
            taken = select(func.count()).select_from(CaseRow).where(CaseRow.source_part.in_(batch))
            clash = clash or bool(await self._session.scalar(taken))
        if clash:
            raise ConflictError("store.lookalike_id")

    def _new_row(self, case: WarCase, by: str) -> dict[str, Any]:
        now = self._now()
        return {
            "case_id": case.id,
            "source_part": safe_part(case.id),
            "status": CaseStatus.DRAFT,
            "version": 1,
            "published_version": None,
            "contributor": by,
            "created_at": now,
            "updated_at": now,
            **_facet_values(case),
        }

    async def _overwrite(self, case: WarCase, version: int) -> None:
        values = {"version": version, "status": CaseStatus.DRAFT, "updated_at": self._now(), **_facet_values(case)}
        await self._session.execute(update(CaseRow).where(CaseRow.case_id == case.id).values(values))

    def _version_row(self, case: WarCase, before: CaseRecord | None, by: str) -> dict[str, Any]:
        document = dump(case)
        return {
            "case_id": case.id,
            "version": before.version + 1 if before else 1,
            "content_hash": digest(canonical(document)),
            "document": document,
            "created_by": by,
            "created_at": self._now(),
        }

    def _moved(self, record: CaseRecord, action: CaseAction, target: CaseStatus) -> CaseRecord:
        published = record.published_version
        if action is CaseAction.APPROVE:
            published = record.version
        elif action is CaseAction.RETIRE:
            published = None
        return replace(record, status=target, published_version=published, updated_at=self._now())

    async def _record_saves(
        self, cases: Sequence[WarCase], before: Mapping[str, CaseRecord], by: str, why: str
    ) -> None:
        steps = []
        for case in cases:
            old = before.get(case.id)
            version, status = (old.version + 1, old.status) if old else (1, None)
            steps.append((case.id, version, SAVED, status, CaseStatus.DRAFT))
        await self._record(steps, by, why)

    async def _record_moves(
        self, before: Sequence[CaseRecord], after: Sequence[CaseRecord], action: CaseAction, by: str, why: str
    ) -> None:
        pairs = zip(before, after, strict=True)
        await self._record([(new.case.id, new.version, action, old.status, new.status) for old, new in pairs], by, why)

    async def _record(
        self, steps: Sequence[tuple[str, int, str, CaseStatus | None, CaseStatus]], by: str, why: str
    ) -> None:
        last: dict[str, int] = {}
        ids = [step[0] for step in steps]
        for at in range(0, len(ids), _BATCH):
            counted = select(CaseEventRow.case_id, func.max(CaseEventRow.sequence).label("last"))
            batch = CaseEventRow.case_id.in_(ids[at : at + _BATCH])
            rows = await self._session.execute(counted.where(batch).group_by(CaseEventRow.case_id))
            last |= {row.case_id: row.last for row in rows}
        values = [
            {
                "case_id": case_id,
                "sequence": last.get(case_id, 0) + 1,
                "version": version,
                "action": action,
                "from_status": from_status,
                "to_status": to_status,
                "by": by,
                "at": self._now(),
                "why": why,
            }
            for case_id, version, action, from_status, to_status in steps
        ]
        await self._insert(CaseEventRow, values)


def difference(before: WarCase, after: WarCase) -> dict[str, tuple[str, str]]:
    """Return the columns that differ: column → text before and after."""
    texts = ((column, before.column_text(column), after.column_text(column)) for column in CASE_COLUMNS)
    return {column: (old, new) for column, old, new in texts if old != new}


def _compare(case: WarCase, before: CaseRecord | None) -> Saved:
    if before is None:
        return Saved.NEW
    return Saved.UNCHANGED if before.case == case else Saved.CHANGED


def _facet_values(case: WarCase) -> dict[str, Any]:
    names = ("title", "outcome", "industry", "product", "customer_size", "stage", "rep", "closed_at")
    return {name: getattr(case, name) for name in names}


def _record(row: CaseRow, document: Mapping[str, Any]) -> CaseRecord:
    return CaseRecord(
        case=read(WarCase, document, what="case"),
        status=CaseStatus(row.status),
        version=row.version,
        published_version=row.published_version,
        contributor=row.contributor,
        updated_at=row.updated_at,
    )


def _event(row: CaseEventRow) -> CaseEvent:
    return CaseEvent(
        sequence=row.sequence,
        version=row.version,
        action=row.action,
        from_status=None if row.from_status is None else CaseStatus(row.from_status),
        to_status=CaseStatus(row.to_status),
        by=row.by,
        at=row.at,
        why=row.why,
    )
