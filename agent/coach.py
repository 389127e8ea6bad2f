"""The coach: one facade over the graph for everybody above this room."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TypedDict, Unpack

from agent.concerns import Concerns
from agent.engines import Engine, ExtractiveEngine
from agent.explaining import explained
from agent.graph import build_graph
from agent.nodes import Parts
from agent.shelf import Shelves
from agent.streaming import stream
from agent.support import SupportScorer
from agent.tasks import Request
from agent.vectors import Vectors
from domain.accounts import Account, Deal
from domain.conversation import Transcript
from domain.errors import NotFoundError
from domain.lexicon import Lexicon
from domain.signals import Metric, Signal
from domain.suggestions import Decision, Envelope, ErasedDecision, StreamEvent, SuggestionKind
from language.encoder import Encoder
from retrieval.results import Search
from signals.pipeline import SignalDetector
from store.work import Store


class Around(TypedDict, total=False):
    """What a question comes with. `key`: the same key again gets the same answer, as a job that runs twice needs."""

    conversation: Transcript | None
    deal: Deal | None
    account: Account | None
    lexicon: Lexicon
    rep_id: str | None
    key: str


class Coach:
    """Answers, replies, briefs and tips, every sentence cited, every answer on record.

    Args:
        detector: Without one, replies know no intents and briefs no needs.
        encoder: Without one, only words are compared.
        engine: Drafts; the extractive one by default.
    """

    def __init__(
        self,
        store: Store,
        search: Search,
        *,
        detector: SignalDetector | None = None,
        encoder: Encoder | None = None,
        engine: Engine | None = None,
    ) -> None:
        vectors = Vectors(encoder) if encoder else None
        composer = ExtractiveEngine(vectors)
        self._store = store
        self._graph = build_graph(
            Parts(
                store=store,
                search=search,
                shelves=Shelves(store),
                scorer=SupportScorer(vectors),
                engine=engine or composer,
                fallback=None if engine is None or isinstance(engine, ExtractiveEngine) else composer,
                detector=detector,
                concerns=Concerns(detector),
            )
        )

    async def ask(self, tenant: str, text: str, **around: Unpack[Around]) -> Envelope:
        """Answer a question about the case base, a deal, a customer or a document."""
        return await self._run(_request(SuggestionKind.ASK, tenant, text, around))

    async def reply(self, tenant: str, text: str, **around: Unpack[Around]) -> Envelope:
        """Recommend up to three replies to the customer's words."""
        return await self._run(_request(SuggestionKind.REPLY, tenant, text, around))

    def stream_ask(self, tenant: str, text: str, **around: Unpack[Around]) -> AsyncIterator[StreamEvent]:
        """Answer a question sentence by sentence, each as soon as it is verified; the envelope comes last."""
        return stream(self._graph, _request(SuggestionKind.ASK, tenant, text, around))

    def stream_reply(self, tenant: str, text: str, **around: Unpack[Around]) -> AsyncIterator[StreamEvent]:
        """Recommend replies sentence by sentence, each as soon as it is verified; the envelope comes last."""
        return stream(self._graph, _request(SuggestionKind.REPLY, tenant, text, around))

    async def brief(
        self,
        tenant: str,
        *,
        conversations: Sequence[Transcript],
        account: Account | None = None,
        lexicon: Lexicon = (),
        rep_id: str | None = None,
        key: str = "",
    ) -> Envelope:
        """Draft the 战情简报 of a customer."""
        return await self._run(
            Request(
                tenant=tenant,
                kind=SuggestionKind.BRIEF,
                conversations=tuple(conversations),
                account=account,
                lexicon=lexicon,
                rep_id=rep_id,
                key=key,
            )
        )

    async def tips(
        self,
        tenant: str,
        transcript: Transcript,
        *,
        signals: Sequence[Signal] = (),
        metrics: Sequence[Metric] = (),
        lexicon: Lexicon = (),
        key: str = "",
    ) -> Envelope:
        """Give coaching tips on a conversation, each at its moment."""
        return await self._run(
            Request(
                tenant=tenant,
                kind=SuggestionKind.TIPS,
                conversations=(transcript,),
                signals=tuple(signals),
                metrics=tuple(metrics),
                lexicon=lexicon,
                key=key,
            )
        )

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
        key: str = "",
    ) -> Envelope:
        """Draft one of the `PREPARATIONS` from a note, conversations or an account."""
        return await self._run(
            Request(
                tenant=tenant,
                kind=kind,
                text=text,
                conversations=tuple(conversations),
                account=account,
                lexicon=lexicon,
                rep_id=rep_id,
                key=key,
            )
        )

    async def why(self, tenant: str, decision_id: str) -> Decision | ErasedDecision:
        """Return the record of an earlier decision, from storage alone.

        Raises:
            NotFoundError: There is none of that id.
        """
        async with self._store.read(tenant) as work:
            decision = await work.decisions.get(decision_id)
        if decision is None:
            raise NotFoundError("agent.no_decision")
        return decision

    async def explain(self, tenant: str, decision_id: str, *, lang: str = "zh", number: int | None = None) -> list[str]:
        """Return the reason of an earlier decision as lines for people, with what became of its sources since.

        Raises:
            NotFoundError: There is none of that id.
        """
        decision = await self.why(tenant, decision_id)
        async with self._store.read(tenant) as work:
            return await explained(work, decision, lang, number=number)

    async def _run(self, request: Request) -> Envelope:
        state = await self._graph.ainvoke({"request": request})
        envelope: Envelope = state["envelope"]
        return envelope


def _request(kind: SuggestionKind, tenant: str, text: str, around: Around) -> Request:
    conversation = around.get("conversation")
    return Request(
        tenant=tenant,
        kind=kind,
        text=text,
        conversations=(conversation,) if conversation else (),
        deal=around.get("deal"),
        account=around.get("account"),
        lexicon=around.get("lexicon", ()),
        rep_id=around.get("rep_id"),
        key=around.get("key", ""),
    )
