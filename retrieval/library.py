"""The case library: what is published can be found and cited, what is not cannot, from the same commit on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from domain.cases import CASE_COLUMNS, CaseStatus, WarCase
from domain.errors import NotFoundError
from domain.sources import Source, SourceKind, case_source_id
from retrieval.passages import case_facets, case_passages
from store.cases import CaseAction, CaseRecord, difference
from store.passages import PassageGroup
from store.sources import SourceDraft
from store.work import Work

_PAGE = 400
_BEFORE_SUBMISSION = frozenset({CaseStatus.DRAFT, CaseStatus.REJECTED, CaseStatus.RETIRED})


async def submit(work: Work, case_ids: Sequence[str], *, by: str, why: str = "") -> list[CaseRecord]:
    """Hand drafts in for review."""
    return await work.cases.move(case_ids, CaseAction.SUBMIT, by=by, why=why)


async def review(work: Work, case_ids: Sequence[str], *, by: str, why: str = "") -> list[CaseRecord]:
    """Take cases from the queue."""
    return await work.cases.move(case_ids, CaseAction.REVIEW, by=by, why=why)


async def reject(work: Work, case_ids: Sequence[str], *, by: str, why: str) -> list[CaseRecord]:
    """Send cases back with a reason; a version that was published before stays."""
    return await work.cases.move(case_ids, CaseAction.REJECT, by=by, why=why)


async def approve(work: Work, case_ids: Sequence[str], *, by: str, why: str = "") -> list[CaseRecord]:
    """Publish the newest version of each case: its columns become live sources, its passages can be found."""
    records = await work.cases.move(case_ids, CaseAction.APPROVE, by=by, why=why)
    await _show(work, [record.case for record in records])
    return records


async def retire(work: Work, case_ids: Sequence[str], *, by: str, why: str = "") -> list[CaseRecord]:
    """Withdraw cases: no search finds them and no new suggestion may cite them."""
    records = await work.cases.move(case_ids, CaseAction.RETIRE, by=by, why=why)
    await _hide(work, [record.case.id for record in records])
    return records


async def publish(work: Work, case_ids: Sequence[str], *, by: str, why: str = "") -> list[CaseRecord]:
    """Take cases from wherever they stand to published, one recorded step at a time."""
    before = await work.cases.get_many(case_ids)
    drafts = [case_id for case_id in case_ids if before[case_id].status in _BEFORE_SUBMISSION]
    await submit(work, drafts, by=by, why=why)
    return await approve(work, case_ids, by=by, why=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What differs between two versions of a case: column → text before and after."""

    before: int
    after: int
    columns: Mapping[str, tuple[str, str]]


async def changes(work: Work, case_id: str, *, before: int | None = None, after: int | None = None) -> Changes:
    """Compare two versions of a case; without numbers the newest with the one before it.

    A first version compared with nothing before it has no changes.

    Raises:
        NotFoundError: There is no such case, or no such version of it.
    """
    versions = {version.version: version.case for version in await work.cases.versions(case_id)}
    if not versions:
        raise NotFoundError("store.no_case", case_id=case_id)
    later = max(versions) if after is None else after
    earlier = max(later - 1, 1) if before is None else before
    for number in (later, earlier):
        if number not in versions:
            raise NotFoundError("store.no_version", case_id=case_id, version=number, last=max(versions))
    return Changes(before=earlier, after=later, columns=difference(versions[earlier], versions[later]))


def is_retired(record: CaseRecord) -> bool:
    """Whether somebody took the case out of use."""
    return record.status is CaseStatus.RETIRED


async def every_case(work: Work) -> AsyncIterator[CaseRecord]:
    """Yield every case of the tenant, in order of id."""
    after = ""
    while page := await work.cases.page(limit=_PAGE, after=after):
        for record in page:
            yield record
        after = page[-1].case.id


def case_drafts(case: WarCase) -> list[SourceDraft]:
    """Return a case's columns as sources about to be stored; an empty column is none."""
    texts = ((column, case.column_text(column)) for column in CASE_COLUMNS)
    return [
        SourceDraft(source_id=case_source_id(case.id, column), kind=SourceKind.CASE, title=case.title, text=text)
        for column, text in texts
        if text
    ]


async def _show(work: Work, cases: Sequence[WarCase]) -> None:
    drafts = [draft for case in cases for draft in case_drafts(case)]
    kept = {draft.source_id for draft in drafts}
    every = [case_source_id(case.id, column) for case in cases for column in CASE_COLUMNS]
    await work.sources.retire_many([source_id for source_id in every if source_id not in kept])
    sources = {source.source_id: source for source in await work.sources.put_many(drafts)}
    await work.passages.replace([_group(case, sources) for case in cases])


async def _hide(work: Work, case_ids: Sequence[str]) -> None:
    every = [case_source_id(case_id, column) for case_id in case_ids for column in CASE_COLUMNS]
    await work.sources.retire_many(every)
    await work.passages.replace([PassageGroup(id=case_id, passages=(), facets={}) for case_id in case_ids])


def _group(case: WarCase, sources: dict[str, Source]) -> PassageGroup:
    ids = {column: case_source_id(case.id, column) for column in CASE_COLUMNS}
    columns = {column: sources[source_id] for column, source_id in ids.items() if source_id in sources}
    return PassageGroup(id=case.id, passages=case_passages(case, columns), facets=case_facets(case))
