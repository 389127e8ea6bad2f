"""The JSON that requests carry and routes answer, beside the contract's own documents.

The contract's documents (Transcript, Account, …) are read by `wire`, as leniently as it reads files.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from domain.accounts import Account, Deal
from domain.conversation import Transcript
from domain.suggestions import FeedbackAction
from store.canonical import canonical, digest
from store.webhooks import WebhookEvent
from wire.documents import dump, read_account, read_deal, read_transcript


def _instant_text(value: object) -> object:
    """Only text is an instant; a bare number would be read as seconds since 1970."""
    if isinstance(value, (int, float)):
        raise ValueError("an instant is written as text, like 2026-11-20T09:30:00+08:00")  # as pydantic wants it
    return value


InstantBody = Annotated[AwareDatetime, BeforeValidator(_instant_text)]
Identifier = Annotated[str, Field(min_length=1, max_length=200)]


def _read_by(read: Callable[[object], Any], kind: type) -> BeforeValidator:
    """Read a document with `wire`, unless it is read already."""
    return BeforeValidator(lambda document: document if isinstance(document, kind) else read(document))


def inline_id(turns: object) -> str:
    """Return the id of a conversation that came without one: the same words are the same conversation."""
    return "inline-" + digest(canonical(turns)).removeprefix("sha256:")[:16]


def _read_inline(document: object) -> Transcript:
    """Read a conversation that came with a question: a Transcript, one without an id, or only its turns."""
    if isinstance(document, list):
        document = {"kind": "chat", "turns": document}
    if isinstance(document, dict):
        document = {"id": inline_id(document.get("turns")), **document}
    return read_transcript(document)


TranscriptBody = Annotated[Transcript, _read_by(read_transcript, Transcript)]
InlineTranscript = Annotated[Transcript, _read_by(_read_inline, Transcript)]
AccountBody = Annotated[Account, _read_by(read_account, Account)]
DealBody = Annotated[Deal, _read_by(read_deal, Deal)]


class Body(BaseModel):
    """A request body; unknown fields are refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid")


class CallMetadata(Body):
    """What is known of a recording; the `metadata` part of the upload."""

    external_id: Identifier | None = Field(default=None, description="Your own id; the same again is the same call.")
    rep_id: Identifier | None = None
    account_id: Identifier | None = None
    deal_id: Identifier | None = None
    consent_reference: Identifier | None = Field(
        default=None, description="The record that proves the customer's consent. Without one the call is quarantined."
    )
    roles: list[Literal["rep", "customer"]] | None = Field(
        default=None, min_length=1, max_length=2, description="Who speaks on which channel."
    )
    started_at: InstantBody | None = None


class CallDocument(BaseModel):
    """A call and where it stands."""

    id: str
    status: Literal["quarantined", "queued", "running", "done", "failed", "erased"]
    percent: int = Field(ge=0, le=100)
    stage: str
    reason: str | None = Field(description="The code of the error that ended it.")
    external_id: str | None
    rep_id: str | None
    account_id: str | None
    deal_id: str | None
    consent_reference: str | None
    created_at: datetime


class ConversationSummaryDocument(BaseModel):
    """A conversation without its words."""

    id: str
    kind: str
    started_at: datetime | None
    account_id: str | None
    deal_id: str | None
    rep_id: str | None
    created_at: datetime


class Stored(BaseModel):
    """A conversation as it is kept now."""

    id: str
    revision: int
    job_id: str | None = Field(description="The job that looks at it again; null when nothing changed.")


class TurnsBody(Body):
    """Turns to add, and ids of turns that their sender took back."""

    turns: list[dict[str, Any]] = Field(default=[], max_length=500)
    recalled: list[Identifier] = Field(default=[], max_length=500)


class TurnsStored(BaseModel):
    """What became of added turns."""

    id: str
    changed: list[str] = Field(description="Ids of turns that were new, edited or taken back.")
    revision: int


class AskBody(Body):
    """A question, or a customer's words to reply to, with what is known around it."""

    text: str = Field(min_length=1, max_length=20_000, examples=["客户说太贵了，怎么回？"])
    conversation: InlineTranscript | None = Field(default=None, description="A Transcript, or only its turns.")
    conversation_id: Identifier | None = Field(default=None, description="A stored conversation instead.")
    deal: DealBody | None = None
    deal_id: Identifier | None = None
    account: AccountBody | None = None
    account_id: Identifier | None = None


class BriefBody(Body):
    """Whose brief, and from which conversations."""

    account: AccountBody | None = None
    account_id: Identifier | None = None
    conversations: list[TranscriptBody] = Field(default=[], max_length=50)
    conversation_ids: list[Identifier] = Field(default=[], max_length=50)


class PreparationBody(BriefBody):
    """What to prepare, for whom, and from what."""

    kind: Literal["practice", "first_call", "follow_up", "summary"] = Field(
        description="Three talk lines with risks, a first-call outline, a follow-up plan, or a summary for the CRM."
    )
    text: str = Field(default="", max_length=20_000, description="A note: what the talk is about.")


class FeedbackBody(Body):
    """What a human did with a suggestion."""

    action: FeedbackAction
    suggestion_id: Identifier | None = None
    by: Identifier | None = Field(default=None, description="Who; the caller when absent.")
    text: str | None = Field(default=None, max_length=5000, description="The edited text, or why.")


class ConsentBody(Body):
    """A consent that a customer gave."""

    reference: Identifier
    subject: Identifier = Field(description="Whose: an account's or a person's id.")
    channel: Identifier = "call"
    wording_version: str = Field(default="", max_length=200)
    recording: Identifier | None = None
    granted_at: InstantBody | None = None
    call_ids: list[Identifier] = Field(default=[], max_length=500, description="Quarantined calls it covers.")


class WebhookBody(Body):
    """A subscription to make."""

    url: str = Field(min_length=8, max_length=2000, examples=["https://crm.example.com/zhanqing"])
    events: list[WebhookEvent] = Field(default=[], max_length=20, description="Which events; none means all.")
    description: str = Field(default="", max_length=500)


class KeyBody(Body):
    """An API key to make."""

    name: str = Field(min_length=1, max_length=200)
    role: Literal["rep", "manager", "admin", "integration"] = "integration"
    scopes: list[Literal["read", "write", "coach", "admin"]] = Field(min_length=1)
    rep_id: Identifier | None = None
    team_id: Identifier | None = None
    expires_at: InstantBody | None = None


class Page(BaseModel):
    """One page of a list."""

    data: list[dict[str, Any]]
    next_cursor: str | None
    has_more: bool


def answer(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> JSONResponse:
    """Answer with a domain value, a model, or plain JSON values."""
    content = value if isinstance(value, (dict, list)) else dump(value)
    return JSONResponse(content, status_code=status, headers=headers)


def location(kind: str, name: str) -> str:
    """Return the address of a thing for a `Location` header."""
    return f"/v1/{kind}/{quote(name, safe='')}"
