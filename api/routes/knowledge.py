"""What may be cited, and the tenant's own names."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from api.callers import SECURED, Reader, Writer
from api.documents import Body, answer
from api.errors import documented
from api.fields import shown_source
from api.idempotency import IdempotentRoute
from api.parts import parts_of
from api.rights import refuse_unseen, sees_source
from domain.errors import NotFoundError
from domain.lexicon import LexiconEntry
from domain.sources import Source
from wire.documents import dump, read_lexicon

router = APIRouter(prefix="/v1", tags=["knowledge"], dependencies=SECURED, route_class=IdempotentRoute)


class LexiconBody(Body):
    """Entries to add; one of the same name and kind is replaced."""

    entries: list[dict[str, Any]] = Field(
        min_length=1, max_length=5000, examples=[[{"name": "云帆", "aliases": ["YunFan"], "kind": "competitor"}]]
    )


@router.get("/sources/{source_id}", responses={**documented(404), 200: {"model": Source}})
async def get_source(
    request: Request,
    caller: Reader,
    source_id: str,
    version: Annotated[int | None, Query(ge=1, lt=2**31)] = None,
) -> JSONResponse:
    """Return a version of a source, the newest by default; an erased one has no text."""
    missing = NotFoundError("store.no_source", source_id=source_id)
    async with parts_of(request).store.read(caller.tenant) as work:
        source = await work.sources.get(source_id, version)
        if source is None:
            raise missing
        seen = await sees_source(work, caller, source)
        source = await shown_source(work, caller, source)
    await refuse_unseen(request, caller, seen=seen, missing=missing, object_kind="source", object_id=source_id)
    return answer(dump(source))


@router.get("/lexicons", responses={**documented(), 200: {"model": list[LexiconEntry]}})
async def get_lexicon(request: Request, caller: Reader) -> JSONResponse:
    """Return the tenant's names."""
    async with parts_of(request).store.read(caller.tenant) as work:
        return answer([dump(entry) for entry in await work.lexicons.all()])


@router.post("/lexicons", responses={**documented(400, 409), 200: {"model": list[LexiconEntry]}})
async def put_lexicon(request: Request, caller: Writer, body: LexiconBody) -> JSONResponse:
    """Add names; return them all."""
    entries = read_lexicon(body.entries)
    async with parts_of(request).store.begin(caller.tenant) as work:
        await work.lexicons.put(entries)
        return answer([dump(entry) for entry in await work.lexicons.all()])


@router.get("/contributors", responses=documented(), response_model=dict[str, Any])
async def list_contributors(request: Request, caller: Reader) -> JSONResponse:
    """Return who earned how many points with cases that others used, and which tactics are proven."""
    async with parts_of(request).store.read(caller.tenant) as work:
        points = await work.adoptions.points()
        tactics = await work.adoptions.tactics()
    shown = [{**dump(tactic), "is_proven": tactic.is_proven} for tactic in tactics]
    return answer({"contributors": [dump(each) for each in points], "tactics": shown})
