"""Parts for tests of the routes: a real store, a coach that quotes one source, a search with set hits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import httpx
import numpy as np

from agent.drills import DrillCoach
from api.app import create_app
from api.chat_door import ChatDoor
from api.console.options import ConsoleOptions
from api.parts import ApiLimits, Coach
from api.rate_limit import MemoryRateLimiter, RateLimiter
from domain.accounts import Account
from domain.cases import CaseHit, PassageHit
from domain.conversation import Transcript
from domain.errors import InputError, ZhanqingError
from domain.lexicon import Lexicon
from domain.sources import SourceKind, cite
from domain.suggestions import (
    AbstentionReason,
    Aigc,
    Claim,
    Decision,
    Envelope,
    PromptUse,
    StreamEvent,
    Suggestion,
    SuggestionKind,
    VerifiedSentence,
)
from retrieval.results import FacetFilter, LibrarySearch, SearchResult
from signals.pipeline import SignalDetector
from speech.live import LiveTranscriber
from speech.recognizer import Recognizer
from speech.testing import LoudnessDetector, ScriptedRecognizer
from speech.voiceprints import Voiceprint
from store.ids import new_id
from store.keys import ALL_SCOPES, ApiScope, Role
from store.sealing import Sealer
from store.webhook_urls import WebhookUrls
from store.work import Store

if TYPE_CHECKING:
    from agent.coach import Around

TALK = "先确认排期。再谈折扣。"


class QuotingCoach:
    """Answers everything with two sentences quoted from one document, and records the decision.

    Words that hold 没有 make it abstain; `failure` makes it raise.
    """

    def __init__(self, store: Store, *, failure: ZhanqingError | None = None) -> None:
        self._store = store
        self._failure = failure
        self.asked: list[dict[str, object]] = []

    async def ask(self, tenant: str, text: str, **around: Unpack[Around]) -> Envelope:
        """Answer a question."""
        self.asked.append(_asked(text, around))
        return await self._say(tenant, SuggestionKind.ASK, abstain="没有" in text, about=_known(around))

    async def reply(self, tenant: str, text: str, **around: Unpack[Around]) -> Envelope:
        """Recommend a reply."""
        self.asked.append(_asked(text, around))
        return await self._say(tenant, SuggestionKind.REPLY, abstain="没有" in text, about=_known(around))

    async def brief(
        self,
        tenant: str,
        *,
        conversations: Sequence[Transcript],
        account: Account | None = None,
        lexicon: Lexicon = (),
        rep_id: str | None = None,
    ) -> Envelope:
        """Draft a brief."""
        self.asked.append({"conversations": list(conversations), "account": account})
        return await self._say(tenant, SuggestionKind.BRIEF, abstain=False, about=_about(account, rep_id))

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
        """Prepare something for a talk."""
        self.asked.append({"kind": kind, "text": text, "conversations": list(conversations), "account": account})
        return await self._say(tenant, kind, abstain=False, about=_about(account, rep_id))

    def stream_ask(self, tenant: str, text: str, **around: Unpack[Around]) -> AsyncIterator[StreamEvent]:
        """Answer a question sentence by sentence."""
        return _streamed(self.ask(tenant, text, **around))

    def stream_reply(self, tenant: str, text: str, **around: Unpack[Around]) -> AsyncIterator[StreamEvent]:
        """Recommend a reply sentence by sentence."""
        return _streamed(self.reply(tenant, text, **around))

    async def _say(self, tenant: str, kind: SuggestionKind, *, abstain: bool, about: dict[str, object]) -> Envelope:
        if self._failure is not None:
            raise self._failure
        decision_id = new_id("d", self._store.clock())
        async with self._store.begin(tenant) as work:
            source = await work.sources.put("doc:talk", kind=SourceKind.DOCUMENT, title="话术", text=TALK)
            claims = tuple(
                Claim(text=TALK[start:end], start=start, end=end, citations=(cite(source, start, end),))
                for start, end in ((0, 6), (6, 11))
            )
            suggestion = Suggestion(
                id="s1", tactic="交换条件", what=TALK, why="", next="", confidence=0.8, claims=claims
            )
            envelope = Envelope(
                decision_id=decision_id,
                kind=kind,
                engine="extractive",
                suggestions=() if abstain else (suggestion,),
                aigc=Aigc(ContentProducer="zhanqing", ProduceID=decision_id),
                created_at=self._store.clock(),
                abstained=abstain,
                reason="没有找到依据，请补充资料。" if abstain else None,
                reason_code=AbstentionReason.NO_EVIDENCE if abstain else None,
            )
            await work.decisions.append(_decision(envelope, about))
        return envelope


async def _streamed(answer: Awaitable[Envelope]) -> AsyncIterator[StreamEvent]:
    envelope = await answer
    for said in envelope.suggestions:
        for claim in said.claims:
            yield VerifiedSentence(suggestion_id=said.id, tactic=said.tactic, claim=claim)
    yield envelope


class SetSearch:
    """Finds what it was given."""

    def __init__(self, hits: Sequence[CaseHit] = (), *, passages: Sequence[PassageHit] = ()) -> None:
        self._hits = tuple(hits)
        self._passages = tuple(passages)
        self.asked: list[dict[str, object]] = []

    async def search(
        self, tenant: str, text: str, *, top_k: int = 5, facets: FacetFilter | None = None
    ) -> SearchResult:
        """Return the first hits."""
        self.asked.append({"tenant": tenant, "text": text, "top_k": top_k, "facets": facets})
        return SearchResult(hits=self._hits[:top_k])

    async def search_documents(self, tenant: str, text: str, *, top_k: int = 5) -> tuple[PassageHit, ...]:
        """Return the first passages."""
        return self._passages[:top_k]


@dataclass(frozen=True, kw_only=True)
class TestParts:
    """Parts around a real store."""

    __test__ = False

    store: Store
    coach: Coach
    search: LibrarySearch = field(default_factory=SetSearch)
    sealer: Sealer = field(default_factory=lambda: Sealer(b"k" * 32))
    limits: ApiLimits = field(default_factory=ApiLimits)
    limiter: RateLimiter = field(default_factory=lambda: MemoryRateLimiter(100_000))
    webhook_urls: WebhookUrls = field(default_factory=WebhookUrls)
    live_recognizer: Recognizer = field(default_factory=lambda: ScriptedRecognizer(["您好", "太贵了"]))
    console: ConsoleOptions = field(default_factory=ConsoleOptions)
    chats: ChatDoor | None = None

    @property
    def drills(self) -> DrillCoach:
        """Play drills with detectors that find nothing."""
        return DrillCoach(self.store, SignalDetector([]), adviser=self.coach)

    def live_transcriber(
        self, *, channels: int, roles: Sequence[str] | None = None, lexicon: Lexicon = ()
    ) -> LiveTranscriber:
        """Hear what is loud as the recogniser's texts, final turns only."""
        return LiveTranscriber(
            self.live_recognizer,
            channels=channels,
            roles=roles,
            lexicon=lexicon,
            detector=LoudnessDetector,
            partial_every_s=0.0,
        )

    def voiceprint(self, path: Path) -> Voiceprint:
        """Take the first bytes of a recording for a voice; a recording without any holds too little speech."""
        heard = np.frombuffer(path.read_bytes()[:4].ljust(4, b"\0"), np.uint8).astype(np.float32)
        if not heard.any():
            raise InputError("speech.enrolment_too_short", seconds=5)
        return Voiceprint(wide=heard, telephone=heard)


async def key_for(
    store: Store,
    tenant: str,
    *,
    role: Role = Role.INTEGRATION,
    scopes: frozenset[ApiScope] = ALL_SCOPES,
    rep_id: str | None = None,
    team_id: str | None = None,
) -> dict[str, str]:
    """Make a key and return the header that carries it."""
    async with store.begin(tenant) as work:
        made = await work.api_keys.create("test", role=role, scopes=scopes, rep_id=rep_id, team_id=team_id)
    return {"authorization": f"Bearer {made.secret}"}


@asynccontextmanager
async def client_of(parts: TestParts, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of an application over these parts."""
    transport = httpx.ASGITransport(create_app(parts), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        yield client


def _asked(text: str, around: Around) -> dict[str, object]:
    return {"text": text, **{name: around.get(name) for name in ("conversation", "deal", "account")}}


def _known(around: Around) -> dict[str, object]:
    return _about(around.get("account"), around.get("rep_id"))


def _about(account: Account | None, rep_id: str | None) -> dict[str, object]:
    return {"rep_id": rep_id, "account_id": account.account_id if account else None}


def _decision(envelope: Envelope, about: dict[str, object]) -> Decision:
    return Decision(
        decision_id=envelope.decision_id,
        envelope=envelope,
        inputs=("doc:talk",),
        retrieval=(),
        engine=envelope.engine,
        prompt=PromptUse(name="reply", version="1", sha256="0" * 64),
        checks=(),
        context=about,
    )
