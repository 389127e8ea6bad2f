"""War cases: their life from draft to published, their versions, and the search over them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BeforeValidator, Field

from api.callers import SECURED, Admin, Caller, Reader, Writer
from api.documents import Body, Page, answer, location
from api.errors import RefusedError, documented
from api.idempotency import IdempotentRoute
from api.pages import Cursors, CursorToken, Limit
from api.parts import parts_of, search_of
from api.writers import name_of
from domain.cases import CASE_COLUMNS, CaseHit, CaseStatus, WarCase
from domain.errors import ConflictError, InputError, NotFoundError, ZhanqingError
from retrieval import library
from retrieval.duplicates import told_alike
from retrieval.redaction import redact_case
from retrieval.results import USES, passage_document
from store.cases import CaseRecord, CaseVersion, difference
from store.webhooks import WebhookEvent
from store.work import Work
from wire.documents import dump, read

router = APIRouter(prefix="/v1/cases", tags=["cases"], dependencies=SECURED, route_class=IdempotentRoute)


def _case(document: object) -> WarCase:
    if isinstance(document, WarCase):
        return document
    case: WarCase = read(WarCase, document, what="case")
    return case


CaseBody = Annotated[WarCase, BeforeValidator(_case)]


class MoveBody(Body):
    """Why a case is moved."""

    why: str = Field(default="", max_length=2000)


@router.post("", responses={**documented(400, 409), 201: {"model": dict[str, Any]}})
async def save_case(request: Request, caller: Writer, body: CaseBody) -> JSONResponse:
    """Keep a new case as a draft; what it says of customers' people is masked."""
    case, masked = await asyncio.to_thread(redact_case, body)
    async with parts_of(request).store.begin(caller.tenant) as work:
        if await work.cases.get(case.id) is not None:
            raise ConflictError("store.conflict")
        await work.cases.save([case], by=name_of(caller))
        record = await _existing(work, case.id)
    headers = {**_etag(record), "location": location("cases", case.id)}
    return answer({**case_document(record), "masked": masked}, status=201, headers=headers)


@router.get("", response_model=Page, responses=documented(400))
async def list_cases(
    request: Request,
    caller: Reader,
    status: CaseStatus | None = None,
    limit: Limit = 50,
    cursor: CursorToken = None,
) -> JSONResponse:
    """List cases in order of id; `status=submitted` is the review queue."""
    cursors = Cursors(request, caller)
    after = cursors.read(cursor)
    async with parts_of(request).store.read(caller.tenant) as work:
        records = await work.cases.page(limit=limit + 1, after=after[0] if after else "", status=status)
    return answer(cursors.page(records, limit, place=lambda record: (record.case.id,), show=case_document))


@router.get("/search", responses=documented(), response_model=dict[str, Any])
async def search_cases(
    request: Request,
    caller: Reader,
    q: Annotated[str, Query(min_length=1, max_length=2000)],
    k: Annotated[int, Query(ge=1, le=50)] = 5,
    facet: Annotated[list[str] | None, Query(max_length=20, description="column=value; repeatable")] = None,
) -> JSONResponse:
    """Find published cases for a text; columns are ANDed, values of one column ORed."""
    search = await search_of(request)
    result = await search.search(caller.tenant, q, top_k=k, facets=_facets(facet or []))
    return answer({"hits": [hit_document(hit) for hit in result.hits], "warnings": list(result.warnings)})


@router.get("/{case_id}", responses=documented(404), response_model=dict[str, Any])
async def get_case(request: Request, caller: Reader, case_id: str) -> JSONResponse:
    """Return a case with its newest version and where it stands."""
    async with parts_of(request).store.read(caller.tenant) as work:
        record = await _existing(work, case_id)
    return answer(case_document(record), headers=_etag(record))


@router.put("/{case_id}", responses=documented(400, 404, 409, 412), response_model=dict[str, Any])
async def edit_case(request: Request, caller: Writer, case_id: str, body: CaseBody) -> JSONResponse:
    """Keep another version of a case; what is published stays until the edit is approved."""
    if body.id != case_id:
        raise InputError("api.id_mismatch")
    case, masked = await asyncio.to_thread(redact_case, body)
    async with parts_of(request).store.begin(caller.tenant) as work:
        before = await _existing(work, case_id)
        wanted = request.headers.get("if-match")
        if wanted is not None and wanted not in ("*", _etag(before)["etag"]):
            raise RefusedError("api.precondition_failed")
        await work.cases.save([case], by=name_of(caller))
        record = await _existing(work, case_id)
    return answer({**case_document(record), "masked": masked}, headers=_etag(record))


@router.get("/{case_id}/versions", responses=documented(404), response_model=dict[str, Any])
async def list_versions(request: Request, caller: Reader, case_id: str) -> JSONResponse:
    """Return every version with what changed since the one before, and every step of the case's life."""
    async with parts_of(request).store.read(caller.tenant) as work:
        versions = await work.cases.versions(case_id)
        events = await work.cases.events(case_id)
    if not versions:
        raise NotFoundError("store.no_case", case_id=case_id)
    before = [None, *versions[:-1]]
    shown = [_version(version, earlier) for version, earlier in zip(versions, before, strict=True)]
    return answer({"versions": shown, "events": [dump(event) for event in events]})


@router.get("/{case_id}/diff", responses=documented(404), response_model=dict[str, Any])
async def compare_versions(
    request: Request,
    caller: Reader,
    case_id: str,
    before: Annotated[int | None, Query(ge=1, lt=2**31, description="The one before `after` when absent.")] = None,
    after: Annotated[int | None, Query(ge=1, lt=2**31, description="The newest when absent.")] = None,
) -> JSONResponse:
    """Return what changed between two versions of a case: column → text before and after."""
    async with parts_of(request).store.read(caller.tenant) as work:
        changes = await library.changes(work, case_id, before=before, after=after)
    return answer({"before": changes.before, "after": changes.after, "changed": _changed(changes.columns)})


@router.post("/{case_id}/submit", responses=documented(400, 404, 409), response_model=dict[str, Any])
async def submit_case(request: Request, caller: Writer, case_id: str, body: MoveBody) -> JSONResponse:
    """Hand a draft in for review; `duplicates` names cases that are told alike, null when that cannot be told."""
    record = await _moved(request, caller, case_id, library.submit, body.why)
    shown = {**case_document(record), "duplicates": await _duplicates(request, caller, record.case)}
    return answer(shown, headers=_etag(record))


@router.post("/{case_id}/review", responses=documented(400, 404, 409), response_model=dict[str, Any])
async def review_case(request: Request, caller: Admin, case_id: str, body: MoveBody) -> JSONResponse:
    """Take a case from the review queue, so that two reviewers do not read the same one."""
    return await _move(request, caller, case_id, library.review, body.why)


@router.post("/{case_id}/approve", responses=documented(400, 404, 409), response_model=dict[str, Any])
async def approve_case(request: Request, caller: Admin, case_id: str, body: MoveBody) -> JSONResponse:
    """Publish a case: from now on it can be found and cited."""
    return await _move(request, caller, case_id, library.approve, body.why)


@router.post("/{case_id}/reject", responses=documented(400, 404, 409), response_model=dict[str, Any])
async def reject_case(request: Request, caller: Admin, case_id: str, body: MoveBody) -> JSONResponse:
    """Send a case back with a reason."""
    return await _move(request, caller, case_id, library.reject, body.why)


@router.post("/{case_id}/retire", responses=documented(400, 404, 409), response_model=dict[str, Any])
async def retire_case(request: Request, caller: Admin, case_id: str, body: MoveBody) -> JSONResponse:
    """Withdraw a case: no search finds it and no new suggestion cites it."""
    return await _move(request, caller, case_id, library.retire, body.why)


class Move(Protocol):
    """One step in the life of cases."""

    async def __call__(self, work: Work, case_ids: Sequence[str], *, by: str, why: str) -> list[CaseRecord]:
        """Take the step."""
        ...


async def _move(request: Request, caller: Caller, case_id: str, move: Move, why: str) -> JSONResponse:
    record = await _moved(request, caller, case_id, move, why)
    return answer(case_document(record), headers=_etag(record))


async def _moved(request: Request, caller: Caller, case_id: str, move: Move, why: str) -> CaseRecord:
    async with parts_of(request).store.begin(caller.tenant) as work:
        (record,) = await move(work, [case_id], by=name_of(caller), why=why)
        if record.status is CaseStatus.PUBLISHED:
            await work.webhooks.emit(WebhookEvent.CASE_PUBLISHED, {"case_id": case_id, "version": record.version})
    return record


async def _duplicates(request: Request, caller: Caller, case: WarCase) -> list[str] | None:
    """Warn, never refuse: a search that cannot run is no reason not to take a case in."""
    try:
        search = await search_of(request)
        return list(await told_alike(search, parts_of(request).store, caller.tenant, case))
    except ZhanqingError:
        return None


def case_document(record: CaseRecord) -> dict[str, Any]:
    """Return a case as routes show it: its columns, and where it stands under `state`."""
    state = {
        "status": record.status.value,
        "version": record.version,
        "published_version": record.published_version,
        "contributor": record.contributor,
        "updated_at": record.updated_at.isoformat(),
    }
    return {**dump(record.case), "state": state}


def hit_document(hit: CaseHit) -> dict[str, Any]:
    """Return a hit in the contract's shape; every passage, best first."""
    passages = [passage_document(found) for found in hit.passages]
    return {
        "case_id": hit.case_id,
        "outcome": hit.outcome.value,
        "use": USES[hit.outcome],
        "score": hit.score,
        "dense": hit.dense,
        "lexical": hit.lexical,
        "passages": passages,
        "passage": passages[0],
    }


def _version(version: CaseVersion, before: CaseVersion | None) -> dict[str, Any]:
    changed = difference(before.case, version.case) if before else {}
    shown = {key: value for key, value in asdict(version).items() if key in ("version", "content_hash", "created_by")}
    return {
        **shown,
        "created_at": version.created_at.isoformat(),
        "case": dump(version.case),
        "changed": _changed(changed),
    }


def _changed(columns: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    return {column: {"before": old, "after": new} for column, (old, new) in columns.items()}


async def _existing(work: Work, case_id: str) -> CaseRecord:
    record = await work.cases.get(case_id)
    if record is None:
        raise NotFoundError("store.no_case", case_id=case_id)
    return record


def _facets(given: list[str]) -> dict[str, list[str]]:
    facets: dict[str, list[str]] = {}
    for each in given:
        column, equals, value = each.partition("=")
        if not equals or column not in CASE_COLUMNS:
            raise InputError("api.bad_facet", known="、".join(CASE_COLUMNS))
        facets.setdefault(column, []).append(value)
    return facets


def _etag(record: CaseRecord) -> dict[str, str]:
    return {"etag": f'"{record.version}"'}
