"""Knowledge cards: one action turns a stretch of a conversation into a card with links to what is known already."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from api.callers import SECURED, Admin, Caller, Reader, Writer
from api.documents import Body, Identifier, Page, answer, location
from api.errors import documented
from api.idempotency import IdempotentRoute
from api.pages import Cursors, CursorToken, Limit
from api.parts import parts_of, search_of
from api.rights import refuse_unseen, sees, visible_reps
from api.writers import name_of
from domain.conversation import Transcript
from domain.errors import NotFoundError
from retrieval import cards
from store.conversations import ConversationSummary
from store.documents import DRAFT, KNOWLEDGE_CARD, LIVE, RETIRED, DocumentRecord
from store.work import Work

router = APIRouter(prefix="/v1/cards", tags=["knowledge"], dependencies=SECURED, route_class=IdempotentRoute)


class CardBody(Body):
    """Which turns of which conversation."""

    conversation_id: Identifier
    first_turn: Identifier
    last_turn: Identifier | None = Field(default=None, description="The first one alone when absent.")
    title: str = Field(default="", max_length=200, description="The customer's first words when empty.")


@router.post("", status_code=201, responses=documented(400, 404, 409), response_model=dict[str, Any])
async def make_card(request: Request, caller: Writer, body: CardBody) -> JSONResponse:
    """Turn a stretch of a conversation into a masked draft card with scored links."""
    store = parts_of(request).store
    transcript, summary = await _seen_conversation(request, caller, body.conversation_id)
    cut = await asyncio.to_thread(
        cards.excerpt,
        transcript,
        first_turn=body.first_turn,
        last_turn=body.last_turn or body.first_turn,
        title=body.title,
    )
    search = await search_of(request)
    links = await cards.find_links(search, store, caller.tenant, cut, summary.account_id)
    async with store.begin(caller.tenant) as work:
        record = await cards.keep_card(work, cut, links, conversation_id=body.conversation_id, by=name_of(caller))
    return answer(card_document(record), status=201, headers={"location": location("cards", record.document.id)})


@router.get("", response_model=Page, responses=documented(400))
async def list_cards(
    request: Request, caller: Reader, limit: Limit = 50, cursor: CursorToken = None, drafts: bool = False
) -> JSONResponse:
    """List published cards, or with `drafts=true` those that wait: one's own, or all for who sees everybody's."""
    cursors = Cursors(request, caller)
    after = cursors.read(cursor)
    async with parts_of(request).store.read(caller.tenant) as work:
        everybody = not drafts or await visible_reps(work, caller) is None
        records = await work.documents.page(
            limit=limit + 1,
            after=after[0] if after else "",
            kinds=[KNOWLEDGE_CARD],
            statuses=[DRAFT if drafts else LIVE],
            created_by=None if everybody else name_of(caller),
        )
    return answer(cursors.page(records, limit, place=lambda record: (record.document.id,), show=card_document))


@router.get("/{card_id}", responses=documented(404), response_model=dict[str, Any])
async def get_card(request: Request, caller: Reader, card_id: str) -> JSONResponse:
    """Return a card with its words and links; a draft only to who may see its conversation."""
    async with parts_of(request).store.read(caller.tenant) as work:
        record = await cards.existing_card(work, card_id)
        seen = record.status == LIVE or await _sees_draft(work, caller, record)
    missing = NotFoundError("store.no_document")
    await refuse_unseen(request, caller, seen=seen, missing=missing, object_kind="card", object_id=card_id)
    return answer(card_document(record))


@router.post("/{card_id}/approve", responses=documented(400, 404, 409), response_model=dict[str, Any])
async def approve_card(request: Request, caller: Admin, card_id: str) -> JSONResponse:
    """Publish a card: from now on it can be found and cited."""
    async with parts_of(request).store.begin(caller.tenant) as work:
        source = await cards.publish_card(work, card_id, by=name_of(caller))
        record = await cards.existing_card(work, card_id)
    return answer({**card_document(record), "version": source.version})


@router.post("/{card_id}/retire", responses=documented(400, 404, 409), response_model=dict[str, Any])
async def retire_card(request: Request, caller: Admin, card_id: str) -> JSONResponse:
    """Take a card, or a draft, out of use."""
    async with parts_of(request).store.begin(caller.tenant) as work:
        if (await cards.existing_card(work, card_id)).status in (DRAFT, LIVE):
            await work.documents.retire(card_id)
        record = await cards.existing_card(work, card_id)
    return answer(card_document(record))


def card_document(record: DocumentRecord) -> dict[str, Any]:
    """Return a card as routes show it; an erased one has no words."""
    card = record.document
    return {
        "id": card.id,
        "title": card.title,
        "status": record.status,
        "source_id": card.source_id if record.status in (LIVE, RETIRED) else None,
        "conversation_id": card.origin,
        "created_by": record.created_by,
        "updated_at": record.updated_at.isoformat(),
        **card.details,
    }


async def _seen_conversation(
    request: Request, caller: Caller, conversation_id: str
) -> tuple[Transcript, ConversationSummary]:
    missing = NotFoundError("store.no_conversation")
    async with parts_of(request).store.read(caller.tenant) as work:
        transcript = await work.conversations.get(conversation_id)
        summary = await work.conversations.summary(conversation_id)
        if transcript is None or summary is None:
            raise missing
        seen = await sees(work, caller, rep_id=summary.rep_id, object_kind="conversation", object_id=conversation_id)
    await refuse_unseen(
        request, caller, seen=seen, missing=missing, object_kind="conversation", object_id=conversation_id
    )
    return transcript, summary


async def _sees_draft(work: Work, caller: Caller, record: DocumentRecord) -> bool:
    summary = await work.conversations.summary(record.document.origin)
    if summary is None:
        return record.created_by == name_of(caller)
    return await sees(
        work, caller, rep_id=summary.rep_id, object_kind="conversation", object_id=summary.conversation_id
    )
