"""What the routes need, and how they get at it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Unpack, cast

from fastapi import Request
from starlette.requests import HTTPConnection

from agent.drills import DrillCoach
from api.chat_door import ChatDoor
from api.console.options import ConsoleOptions
from api.rate_limit import RateLimiter
from domain.accounts import Account
from domain.conversation import Transcript
from domain.lexicon import Lexicon
from domain.suggestions import Envelope, StreamEvent, SuggestionKind
from retrieval.results import LibrarySearch
from speech.live import LiveTranscriber
from speech.voiceprints import Voiceprint
from store.sealing import Sealer
from store.webhook_urls import WebhookUrls
from store.work import Store

if TYPE_CHECKING:
    from agent.coach import Around


class Coach(Protocol):
    """Writes cited answers, replies and briefs, each recorded as a decision."""

    async def ask(self, tenant: str, text: str, **around: Unpack[Around]) -> Envelope:
        """Answer a question."""
        ...

    def stream_ask(self, tenant: str, text: str, **around: Unpack[Around]) -> AsyncIterator[StreamEvent]:
        """Answer a question sentence by sentence, the envelope last."""
        ...

    async def reply(self, tenant: str, text: str, **around: Unpack[Around]) -> Envelope:
        """Recommend replies to the customer's words."""
        ...

    def stream_reply(self, tenant: str, text: str, **around: Unpack[Around]) -> AsyncIterator[StreamEvent]:
        """Recommend replies to the customer's words sentence by sentence, the envelope last."""
        ...

    async def brief(
        self,
        tenant: str,
        *,
        conversations: Sequence[Transcript],
        account: Account | None = None,
        lexicon: Lexicon = (),
        rep_id: str | None = None,
    ) -> Envelope:
        """Draft the brief of a customer."""
        ...

    async def prepare(
        self,
        tenant: str,
        kind: SuggestionKind,
        *,
        text: str = "",
        conversations: Sequence[Transcript] = (),
        account: Account | None = None,
        lexicon: Lexicon = (),
        rep_id: str | None = None,
    ) -> Envelope:
        """Draft talk lines, a first-call outline, a follow-up plan or a summary."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiLimits:
    """What a caller may ask of the service.

    Attributes:
        max_upload_bytes: Largest recording.
        max_body_bytes: Largest other request body.
        requests_per_minute: By key.
        live_calls: Calls listened to at once; each takes about one core.
        live_call_s: Longest of them, in seconds.
        cors_origins: Origins that browsers may call from; none by default.
    """

    max_upload_bytes: int = 512 << 20
    max_body_bytes: int = 32 << 20
    requests_per_minute: int = 1200
    live_calls: int = 4
    live_call_s: float = 3 * 3600.0
    cors_origins: tuple[str, ...] = ()


class ApiParts(Protocol):
    """The parts of the product behind the routes. `coach` and `search` may be built when first asked for."""

    @property
    def store(self) -> Store:
        """The database."""
        ...

    @property
    def sealer(self) -> Sealer:
        """The installation's key."""
        ...

    @property
    def coach(self) -> Coach:
        """Writes suggestions."""
        ...

    @property
    def drills(self) -> DrillCoach:
        """Plays drills."""
        ...

    @property
    def search(self) -> LibrarySearch:
        """Finds war cases and documents."""
        ...

    @property
    def limits(self) -> ApiLimits:
        """What a caller may ask."""
        ...

    @property
    def webhook_urls(self) -> WebhookUrls:
        """Which addresses may be subscribed."""
        ...

    @property
    def console(self) -> ConsoleOptions:
        """What is set about the console."""
        ...

    @property
    def chats(self) -> ChatDoor | None:
        """Where chat platforms come in; None while no channel is set up."""
        ...

    def live_transcriber(
        self, *, channels: int, roles: Sequence[str] | None = None, lexicon: Lexicon = ()
    ) -> LiveTranscriber:
        """Make what listens to one call as it happens; models may be loaded.

        Raises:
            MissingError: Its models have not been pulled.
        """
        ...

    def voiceprint(self, path: Path) -> Voiceprint:
        """Return what a person is known by, from a recording in which only they speak.

        Raises:
            InputError: The recording cannot be used, or holds too little speech.
            MissingError: Voices cannot be told apart here.
        """
        ...

    @property
    def limiter(self) -> RateLimiter:
        """Counts requests by key."""
        ...


def parts_of(request: HTTPConnection) -> ApiParts:
    """Return the parts that the application was made with."""
    return cast(ApiParts, request.app.state.parts)


async def coach_of(request: Request) -> Coach:
    """Return the coach; building it loads models, which happens in a thread, once.

    Raises:
        MissingError: Its models have not been pulled.
    """
    parts = parts_of(request)
    return await asyncio.to_thread(lambda: parts.coach)


async def drills_of(request: Request) -> DrillCoach:
    """Return what plays drills; building it loads models, which happens in a thread, once.

    Raises:
        MissingError: Its models have not been pulled.
    """
    parts = parts_of(request)
    return await asyncio.to_thread(lambda: parts.drills)


async def search_of(request: Request) -> LibrarySearch:
    """Return the search; building it loads models, which happens in a thread, once.

    Raises:
        MissingError: Its models have not been pulled.
    """
    parts = parts_of(request)
    return await asyncio.to_thread(lambda: parts.search)
