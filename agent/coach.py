"""The coach: one facade over the graph for everybody above this room."""

from __future__ import annotations

from collections.abc import Sequence

from agent.engines import Engine, ExtractiveEngine
from agent.graph import build_graph
from agent.nodes import Parts
from agent.shelf import Shelves
from agent.support import SupportScorer
from agent.tasks import Request
from agent.vectors import Vectors
from domain.accounts import Account, Deal
from domain.conversation import Transcript
from domain.errors import NotFoundError
from domain.lexicon import Lexicon
from domain.signals import Metric, Signal
from domain.suggestions import Decision, Envelope, ErasedDecision, SuggestionKind
from language.encoder import Encoder
from retrieval.results import Search
from signals.pipeline import SignalDetector
from store.work import Store


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
        self._store = store
        self._graph = build_graph(
            Parts(
                store=store,
                search=search,
                shelves=Shelves(store),
                scorer=SupportScorer(vectors),
                engine=engine or ExtractiveEngine(vectors),
                detector=detector,
            )
        )

    async def ask(
        self,
        tenant: str,
        text: str,
        *,
        conversation: Transcript | None = None,
        deal: Deal | None = None,
        account: Account | None = None,
        lexicon: Lexicon = (),
    ) -> Envelope:
        """Answer a question about the case base, a deal, a customer or a document."""
        talks = (conversation,) if conversation else ()
        return await self._run(
            Request(
                tenant=tenant,
                kind=SuggestionKind.ASK,
                text=text,
                conversations=talks,
                deal=deal,
                account=account,
                lexicon=lexicon,
            )
        )

    async def reply(
        self,
        tenant: str,
        text: str,
        *,
        conversation: Transcript | None = None,
        deal: Deal | None = None,
        account: Account | None = None,
        lexicon: Lexicon = (),
    ) -> Envelope:
        """Recommend up to three replies to the customer's words."""
        talks = (conversation,) if conversation else ()
        return await self._run(
            Request(
                tenant=tenant,
                kind=SuggestionKind.REPLY,
                text=text,
                conversations=talks,
                deal=deal,
                account=account,
                lexicon=lexicon,
            )
        )

    async def brief(
        self, tenant: str, *, conversations: Sequence[Transcript], account: Account | None = None, lexicon: Lexicon = ()
    ) -> Envelope:
        """Draft the 战情简报 of a customer."""
        return await self._run(
            Request(
                tenant=tenant,
                kind=SuggestionKind.BRIEF,
                conversations=tuple(conversations),
                account=account,
                lexicon=lexicon,
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

    async def _run(self, request: Request) -> Envelope:
        state = await self._graph.ainvoke({"request": request})
        envelope: Envelope = state["envelope"]
        return envelope
