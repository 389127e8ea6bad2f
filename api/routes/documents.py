"""Documents and competitor cards: put in, listed, read, retired; each one a versioned, citable source."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request, UploadFile
from fastapi.responses import JSONResponse
from pydantic import Field

from api.callers import SECURED, Caller, Reader, Writer
from api.documents import Body, Identifier, Page, answer, location
from api.errors import documented
from api.idempotency import IdempotentRoute
from api.pages import Cursors, CursorToken, Limit
from api.parts import parts_of
from api.writers import name_of
from domain.errors import NotFoundError
from domain.lexicon import LexiconEntry, LexiconKind
from domain.sources import Source, safe_part
from retrieval.documents import DOCUMENT_SUFFIXES, ReadDocument, keep_document, read_document, read_text
from retrieval.importing import refuse_unknown_suffixes
from store.documents import COMPETITOR_CARD, PLAIN_KINDS, RETIRED, Document, DocumentRecord
from store.work import Work

router = APIRouter(prefix="/v1", tags=["knowledge"], dependencies=SECURED, route_class=IdempotentRoute)

PlainKind = Literal["document", "policy", "price_list", "product"]
Text = Annotated[str, Field(min_length=1, max_length=2_000_000)]
Line = Annotated[str, Field(min_length=1, max_length=200)]


class DocumentBody(Body):
    """A document as text; the same id with other text is a new version."""

    id: Identifier
    title: Line
    text: Text
    kind: PlainKind = "document"
    origin: str = Field(default="", max_length=1000, description="File or address it came from.")
    dated_on: date | None = Field(default=None, description="The date it speaks for.")


class CompetitorCardBody(Body):
    """What is known of a competitor, from where, and as of when."""

    competitor: Line
    text: Text
    origin: str = Field(min_length=1, max_length=1000, description="Where it is known from.")
    dated_on: date
    aliases: list[Line] = Field(default=[], max_length=50, description="Other forms the name is said or written in.")


@router.post("/documents", responses={**documented(400, 409), 201: {"model": dict[str, Any]}})
async def put_document(request: Request, caller: Writer, body: DocumentBody) -> JSONResponse:
    """Keep a document given as text and make it findable; what it says of people is masked."""
    document = Document(
        id=safe_part(body.id), kind=body.kind, title=body.title, origin=body.origin, dated_on=body.dated_on
    )
    read = await asyncio.to_thread(read_text, document, body.text, name=body.title)
    return await _keep(request, caller, read, kind="documents")


@router.post("/documents/files", responses={**documented(400, 409), 201: {"model": dict[str, Any]}})
async def upload_document(
    request: Request, caller: Writer, file: UploadFile, kind: Annotated[PlainKind, Form()] = "document"
) -> JSONResponse:
    """Keep a Markdown, text, Word or PDF file as a document; its name is the document's id."""
    read = await asyncio.to_thread(_read_upload, file, kind)
    return await _keep(request, caller, read, kind="documents")


@router.get("/documents", response_model=Page, responses=documented(400))
async def list_documents(
    request: Request,
    caller: Reader,
    kind: Annotated[PlainKind | None, Query()] = None,
    limit: Limit = 50,
    cursor: CursorToken = None,
) -> JSONResponse:
    """List the documents in use, in order of id."""
    return await _list(request, caller, frozenset({kind} if kind else PLAIN_KINDS), limit, cursor)


@router.get("/documents/{document_id}", responses=documented(404), response_model=dict[str, Any])
async def get_document(request: Request, caller: Reader, document_id: str) -> JSONResponse:
    """Return a document with its text."""
    return await _show(request, caller, document_id, PLAIN_KINDS)


@router.post("/documents/{document_id}/retire", responses=documented(400, 404, 409), response_model=dict[str, Any])
async def retire_document(request: Request, caller: Writer, document_id: str) -> JSONResponse:
    """Take a document out of use: nothing finds it and no new suggestion cites it."""
    return await _retire(request, caller, document_id, PLAIN_KINDS)


@router.post("/competitor-cards", responses={**documented(400, 409), 201: {"model": dict[str, Any]}})
async def put_competitor_card(request: Request, caller: Writer, body: CompetitorCardBody) -> JSONResponse:
    """Keep the card of a competitor: the only place from which anything is said of it."""
    document = Document(
        id=_card_id(body.competitor),
        kind=COMPETITOR_CARD,
        title=body.competitor,
        origin=body.origin,
        dated_on=body.dated_on,
    )
    read = await asyncio.to_thread(read_text, document, body.text, name=body.competitor)
    return await _keep(request, caller, read, kind="competitor-cards", aliases=body.aliases)


@router.get("/competitor-cards", response_model=Page, responses=documented(400))
async def list_competitor_cards(
    request: Request, caller: Reader, limit: Limit = 50, cursor: CursorToken = None
) -> JSONResponse:
    """List the cards in use, in order of competitor."""
    return await _list(request, caller, frozenset({COMPETITOR_CARD}), limit, cursor)


@router.get("/competitor-cards/{competitor}", responses=documented(404), response_model=dict[str, Any])
async def get_competitor_card(request: Request, caller: Reader, competitor: str) -> JSONResponse:
    """Return a competitor's card with its text."""
    return await _show(request, caller, _card_id(competitor), frozenset({COMPETITOR_CARD}))


@router.post(
    "/competitor-cards/{competitor}/retire", responses=documented(400, 404, 409), response_model=dict[str, Any]
)
async def retire_competitor_card(request: Request, caller: Writer, competitor: str) -> JSONResponse:
    """Take a card out of use: from now on nothing is said of that competitor."""
    return await _retire(request, caller, _card_id(competitor), frozenset({COMPETITOR_CARD}))


def document_document(record: DocumentRecord, source: Source | None = None) -> dict[str, Any]:
    """Return a document or competitor card as routes show it, with its text where the source is given."""
    document = record.document
    shown: dict[str, Any] = {
        "id": document.title if document.kind == COMPETITOR_CARD else document.id,
        "kind": document.kind,
        "title": document.title,
        "origin": document.origin,
        "dated_on": document.dated_on.isoformat() if document.dated_on else None,
        "status": record.status,
        "source_id": document.source_id,
        "created_by": record.created_by,
        "updated_at": record.updated_at.isoformat(),
    }
    if source is not None:
        shown |= {"version": source.version, "content_hash": source.content_hash, "text": source.text}
    return shown


async def _keep(
    request: Request, caller: Caller, read: ReadDocument, *, kind: str, aliases: list[str] | None = None
) -> JSONResponse:
    async with parts_of(request).store.begin(caller.tenant) as work:
        known = await work.documents.get(read.document.id)
        source = await keep_document(work, read, by=name_of(caller))
        if aliases:
            await _add_aliases(work, read.document.title, aliases)
        shown = document_document(await _existing(work, read.document.id), source)
    headers = {"location": location(kind, shown["id"])}
    return answer({**shown, "masked": dict(read.masked)}, status=200 if known else 201, headers=headers)


async def _add_aliases(work: Work, competitor: str, aliases: list[str]) -> None:
    """Add forms of a competitor's name to those the tenant has given before."""
    known = [entry for entry in await work.lexicons.all() if entry.kind is LexiconKind.COMPETITOR]
    before = next((entry.aliases for entry in known if entry.name == competitor), ())
    forms = tuple(dict.fromkeys((*before, *aliases)))
    await work.lexicons.put((LexiconEntry(name=competitor, aliases=forms, kind=LexiconKind.COMPETITOR),))


async def _list(
    request: Request, caller: Caller, kinds: frozenset[str], limit: int, cursor: str | None
) -> JSONResponse:
    cursors = Cursors(request, caller)
    after = cursors.read(cursor)
    async with parts_of(request).store.read(caller.tenant) as work:
        records = await work.documents.page(limit=limit + 1, after=after[0] if after else "", kinds=kinds)
    return answer(cursors.page(records, limit, place=lambda record: (record.document.id,), show=document_document))


async def _show(request: Request, caller: Caller, document_id: str, kinds: frozenset[str]) -> JSONResponse:
    async with parts_of(request).store.read(caller.tenant) as work:
        record = await _existing(work, document_id, kinds)
        source = await work.sources.get(record.document.source_id)
    return answer(document_document(record, source))


async def _retire(request: Request, caller: Caller, document_id: str, kinds: frozenset[str]) -> JSONResponse:
    async with parts_of(request).store.begin(caller.tenant) as work:
        record = await _existing(work, document_id, kinds)
        if record.status != RETIRED:
            await work.documents.retire(document_id)
        return answer(document_document(await _existing(work, document_id)))


async def _existing(work: Work, document_id: str, kinds: frozenset[str] | None = None) -> DocumentRecord:
    record = await work.documents.get(document_id)
    if record is None or (kinds is not None and record.document.kind not in kinds):
        raise NotFoundError("store.no_document")
    return record


def _read_upload(file: UploadFile, kind: str) -> ReadDocument:
    """Read an uploaded file under its own name, which says its format."""
    name = PurePosixPath((file.filename or "document").replace("\\", "/")).name
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{safe_part(Path(name).stem)[:100]}{Path(name).suffix.lower()}"
        refuse_unknown_suffixes([path], DOCUMENT_SUFFIXES)
        with path.open("wb") as kept:
            while block := file.file.read(1 << 20):
                kept.write(block)
        return read_document(path, kind=kind)


def _card_id(competitor: str) -> str:
    return f"card:{safe_part(competitor)}"
