"""What every database must do with war cases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.cases import CaseStatus, Outcome, WarCase
from domain.errors import ConflictError, NotFoundError
from store.adoptions import POINTS_PER_CASE, PROVEN_ADOPTERS
from store.cases import CaseAction, Saved, difference
from store.work import Store

CASE = WarCase(
    id="C-1",
    title="三周上线",
    outcome=Outcome.WON,
    customer_question="三周能上线吗？",
    blocker="排期太紧",
    talk_track="先上三个模块。",
    result="第20天上线。",
    industry="医疗",
    tags=("交付周期",),
)


async def save(store: Store, *cases: WarCase, by: str = "林晓") -> list[Saved]:
    async with store.begin("acme") as work:
        return await work.cases.save(cases, by=by)


async def move(store: Store, action: CaseAction, why: str = "") -> CaseStatus:
    async with store.begin("acme") as work:
        return (await work.cases.move(["C-1"], action, by="何嘉", why=why))[0].status


async def test_the_same_content_changes_nothing_and_other_content_is_a_new_version(any_store: Store) -> None:
    changed = replace(CASE, result="第19天上线。")
    assert await save(any_store, CASE) == [Saved.NEW]
    assert await save(any_store, CASE) == [Saved.UNCHANGED]
    assert await save(any_store, changed) == [Saved.CHANGED]
    async with any_store.read("acme") as work:
        versions = await work.cases.versions("C-1")
    assert [version.case for version in versions] == [CASE, changed]
    assert difference(CASE, changed) == {"result": ("第20天上线。", "第19天上线。")}


async def test_a_life_is_recorded_with_who_and_why(any_store: Store) -> None:
    await save(any_store, CASE)
    assert await move(any_store, CaseAction.SUBMIT) is CaseStatus.SUBMITTED
    assert await move(any_store, CaseAction.REVIEW) is CaseStatus.IN_REVIEW
    assert await move(any_store, CaseAction.REJECT, why="缺少数字") is CaseStatus.REJECTED
    assert await move(any_store, CaseAction.SUBMIT) is CaseStatus.SUBMITTED
    assert await move(any_store, CaseAction.APPROVE) is CaseStatus.PUBLISHED
    assert await move(any_store, CaseAction.RETIRE) is CaseStatus.RETIRED
    async with any_store.read("acme") as work:
        events = await work.cases.events("C-1")
        record = await work.cases.get("C-1")
    assert [(event.action, event.by) for event in events] == [
        ("save", "林晓"),
        ("submit", "何嘉"),
        ("review", "何嘉"),
        ("reject", "何嘉"),
        ("submit", "何嘉"),
        ("approve", "何嘉"),
        ("retire", "何嘉"),
    ]
    assert events[3].why == "缺少数字"
    assert record is not None and record.published_version is None


async def test_an_edit_leaves_the_published_version_in_place(any_store: Store) -> None:
    await save(any_store, CASE)
    await move(any_store, CaseAction.SUBMIT)
    await move(any_store, CaseAction.APPROVE)
    await save(any_store, replace(CASE, result="第19天上线。"))
    async with any_store.read("acme") as work:
        record = await work.cases.get("C-1")
    assert record is not None
    assert (record.status, record.version, record.published_version) == (CaseStatus.DRAFT, 2, 1)


@pytest.mark.parametrize("action", [CaseAction.APPROVE, CaseAction.REVIEW, CaseAction.REJECT])
async def test_a_draft_cannot_skip_submission(any_store: Store, action: CaseAction) -> None:
    await save(any_store, CASE)
    with pytest.raises(ConflictError, match="is draft"):
        await move(any_store, action)


async def test_what_does_not_exist_cannot_move(any_store: Store) -> None:
    with pytest.raises(NotFoundError):
        await move(any_store, CaseAction.SUBMIT)


async def test_a_failed_move_of_one_case_moves_none(any_store: Store) -> None:
    await save(any_store, CASE, replace(CASE, id="C-2"))
    await move(any_store, CaseAction.SUBMIT)
    with pytest.raises(ConflictError):
        async with any_store.begin("acme") as work:
            await work.cases.move(["C-1", "C-2"], CaseAction.APPROVE, by="何嘉")
    async with any_store.read("acme") as work:
        assert await work.cases.counts() == {CaseStatus.SUBMITTED: 1, CaseStatus.DRAFT: 1}


async def test_ids_that_would_share_their_sources_are_refused(any_store: Store) -> None:
    await save(any_store, replace(CASE, id="C/1"))
    with pytest.raises(ConflictError, match="differs from another"):
        await save(any_store, replace(CASE, id="C?1"))
    with pytest.raises(ConflictError):
        await save(any_store, replace(CASE, id="D/1"), replace(CASE, id="D?1"))


async def test_the_review_queue_pages_by_status(any_store: Store) -> None:
    await save(any_store, *(replace(CASE, id=f"C-{number}") for number in range(5)))
    async with any_store.begin("acme") as work:
        await work.cases.move(["C-1", "C-3", "C-4"], CaseAction.SUBMIT, by="何嘉")
        first = await work.cases.page(limit=2, status=CaseStatus.SUBMITTED)
        rest = await work.cases.page(limit=2, after="C-3", status=CaseStatus.SUBMITTED)
    assert [record.case.id for record in [*first, *rest]] == ["C-1", "C-3", "C-4"]


async def test_another_tenant_does_not_see_the_case(any_store: Store) -> None:
    await save(any_store, CASE)
    async with any_store.begin("other") as work:
        assert await work.cases.get("C-1") is None
        assert await work.cases.page(limit=10) == []


async def test_points_are_earned_once_a_case_and_not_by_oneself(any_store: Store) -> None:
    await save(any_store, CASE, replace(CASE, id="C-2"))
    async with any_store.begin("acme") as work:
        await work.adoptions.add("C-1", rep_id="林晓", decision_id="d-0", tactic="分期")
        assert await work.adoptions.points() == []
        assert await work.adoptions.add("C-1", rep_id="何嘉", decision_id="d-1", tactic="分期")
        assert not await work.adoptions.add("C-1", rep_id="何嘉", decision_id="d-2", tactic="分期")
        await work.adoptions.add("C-1", rep_id="孙佳", decision_id="d-3", tactic="分期")
        (points,) = await work.adoptions.points()
    assert (points.contributor, points.adopted_cases, points.points) == ("林晓", 1, POINTS_PER_CASE)


async def test_a_tactic_is_proven_by_ten_distinct_adopters(any_store: Store) -> None:
    await save(any_store, CASE)
    async with any_store.begin("acme") as work:
        for number in range(PROVEN_ADOPTERS - 1):
            await work.adoptions.add("C-1", rep_id=f"r{number}", decision_id="d", tactic="分期")
        (nearly,) = await work.adoptions.tactics()
        await work.adoptions.add("C-1", rep_id="last", decision_id="d", tactic="分期")
        (now,) = await work.adoptions.tactics()
    assert (nearly.is_proven, now.is_proven) == (False, True)
