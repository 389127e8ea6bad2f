"""Knowledge cards: a stretch of a conversation, masked, linked to what is known already.

One action makes the card: the words stay the conversation's own (each line names the turn it is), and the links say
which customers are alike, which cases met the same problem, and which documents speak of it, each with its score.
A card is a draft until somebody publishes it; from then on it is a citable document.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from domain.accounts import Account
from domain.cases import CaseHit, PassageHit
from domain.conversation import CUSTOMER, REP, Transcript, Turn
from domain.errors import ConflictError, InputError, NotFoundError
from domain.sources import Source, turn_source_id
from retrieval.customers import AlikeCustomer, alike_customers
from retrieval.documents import ReadDocument, keep_document
from retrieval.redaction import redact
from retrieval.results import USES, LibrarySearch, passage_document
from store.documents import DRAFT, KNOWLEDGE_CARD, LIVE, Document, DocumentRecord
from store.ids import new_id
from store.work import Store, Work

MAX_TURNS = 100
LINKS = 5
_TITLE_CHARS = 40
_SPOKEN_BY = {CUSTOMER: "客户", REP: "销售"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CardLine:
    """One turn of the card: `text[start:end]` of the card is its masked words."""

    turn_id: str
    source_id: str
    speaker: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A stretch of a conversation, masked: its lines, and the customer's own words, which links are looked up by."""

    title: str
    text: str
    question: str
    lines: tuple[CardLine, ...]
    masked: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """What a card is linked to, best first; `score` in each says how well it fits."""

    similar_customers: tuple[AlikeCustomer, ...]
    past_solutions: tuple[Mapping[str, Any], ...]
    documents: tuple[Mapping[str, Any], ...]


def excerpt(transcript: Transcript, *, first_turn: str, last_turn: str, title: str = "") -> Excerpt:
    """Cut a stretch out of a conversation and mask it.

    Raises:
        InputError: A turn is not in the conversation, the stretch is backwards, empty or longer than `MAX_TURNS`.
    """
    turns = _stretch(transcript.turns, first_turn, last_turn)
    masked: Counter[str] = Counter()
    lines, parts, at = [], [], 0
    for turn in turns:
        redacted = redact(turn.text)
        masked.update(redacted.masked)
        said = f"{_SPOKEN_BY.get(turn.speaker, '说话人')}：{redacted.text}"
        lines.append(_line(transcript, turn, at + len(said) - len(redacted.text), at + len(said)))
        parts.append(said)
        at += len(said) + 1
    text = "\n".join(parts)
    words = [text[line.start : line.end] for line in lines if line.speaker == CUSTOMER]
    question = "\n".join(words or [text[line.start : line.end] for line in lines])
    shown = redact(title).text.strip() or question.split("\n", 1)[0][:_TITLE_CHARS]
    return Excerpt(title=shown, text=text, question=question, lines=tuple(lines), masked=dict(masked))


async def find_links(search: LibrarySearch, store: Store, tenant: str, cut: Excerpt, account_id: str | None) -> Links:
    """Look up what the excerpt is about: in accounts, published cases and live documents."""
    found = await search.search(tenant, cut.question, top_k=LINKS)
    passages = await search.search_documents(tenant, cut.question, top_k=LINKS)
    async with store.read(tenant) as work:
        customers = await _alike(work, account_id)
        titles = await _titles(work, found.hits, passages)
    return Links(
        similar_customers=customers,
        past_solutions=tuple(_solution(hit, titles) for hit in found.hits),
        documents=tuple({**passage_document(hit), "title": titles.get(hit.passage.source_id, "")} for hit in passages),
    )


async def keep_card(work: Work, cut: Excerpt, links: Links, *, conversation_id: str, by: str) -> DocumentRecord:
    """Keep a card as a draft; nothing finds or cites it yet."""
    card = Document(
        id=new_id("kc", work.scope.clock()),
        kind=KNOWLEDGE_CARD,
        title=cut.title,
        origin=conversation_id,
        details={
            "text": cut.text,
            "turns": [asdict(line) for line in cut.lines],
            "masked": dict(cut.masked),
            "links": {
                "similar_customers": [asdict(customer) for customer in links.similar_customers],
                "past_solutions": [dict(solution) for solution in links.past_solutions],
                "documents": [dict(document) for document in links.documents],
            },
        },
    )
    await work.documents.draft(card, by=by)
    return await existing_card(work, card.id)


async def publish_card(work: Work, card_id: str, *, by: str) -> Source:
    """Make a draft card a live, findable, citable document.

    Raises:
        NotFoundError: There is no such card.
        ConflictError: It was retired.
    """
    record = await existing_card(work, card_id)
    if record.status not in (DRAFT, LIVE):
        raise ConflictError("retrieval.card_retired")
    card = record.document
    read = ReadDocument(document=card, text=card.details["text"], masked={})
    return await keep_document(work, replace(read, document=card), by=record.created_by or by)


async def existing_card(work: Work, card_id: str) -> DocumentRecord:
    """Return a knowledge card.

    Raises:
        NotFoundError: There is none of that id.
    """
    record = await work.documents.get(card_id)
    if record is None or record.document.kind != KNOWLEDGE_CARD:
        raise NotFoundError("store.no_document")
    return record


def _stretch(turns: Sequence[Turn], first_turn: str, last_turn: str) -> Sequence[Turn]:
    places = {turn.id: place for place, turn in enumerate(turns)}
    for turn_id in (first_turn, last_turn):
        if turn_id not in places:
            raise InputError("retrieval.no_turn", turn=turn_id)
    chosen = turns[places[first_turn] : places[last_turn] + 1]
    if not 0 < len(chosen) <= MAX_TURNS or not any(turn.text.strip() for turn in chosen):
        raise InputError("retrieval.bad_stretch", limit=MAX_TURNS)
    return [turn for turn in chosen if turn.text.strip()]


def _line(transcript: Transcript, turn: Turn, start: int, end: int) -> CardLine:
    source_id = turn_source_id(transcript.id, turn.id)
    return CardLine(turn_id=turn.id, source_id=source_id, speaker=turn.speaker, start=start, end=end)


async def _alike(work: Work, account_id: str | None) -> tuple[AlikeCustomer, ...]:
    account = await work.accounts.get(account_id) if account_id else None
    return () if account is None else alike_customers(account, await _every_account(work), limit=LINKS)


async def _every_account(work: Work) -> list[Account]:
    accounts: list[Account] = []
    while page := await work.accounts.page(limit=1_000, after=accounts[-1].account_id if accounts else ""):
        accounts += page
    return accounts


async def _titles(work: Work, hits: Sequence[CaseHit], passages: Sequence[PassageHit]) -> dict[str, str]:
    cases = await work.cases.get_many([hit.case_id for hit in hits])
    sources = await work.sources.get_many([hit.passage.source_id for hit in passages])
    return {case_id: record.case.title for case_id, record in cases.items()} | {
        source_id: source.title for source_id, source in sources.items()
    }


def _solution(hit: CaseHit, titles: Mapping[str, str]) -> dict[str, Any]:
    return {
        "case_id": hit.case_id,
        "outcome": hit.outcome.value,
        "use": USES[hit.outcome],
        **passage_document(hit.best),
        "title": titles.get(hit.case_id, ""),
        "score": hit.score,
    }
