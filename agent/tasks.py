"""What is asked of the agent, and what it is answered from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.moments import LostMoment
from agent.shelf import Shelf
from domain.accounts import Account, Deal
from domain.cases import CaseHit
from domain.conversation import CUSTOMER, Transcript, Turn
from domain.lexicon import Lexicon
from domain.signals import Intent, Metric, Signal, SignalKind
from domain.sources import Source
from domain.suggestions import Audience, Retrieved, SuggestionKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request of one tenant.

    Attributes:
        text: The question, the customer's words, or empty for a brief.
        conversations: Given with the request; stored as sources before anything is answered.
        metrics: Of the first conversation; only tips read them.
        rep_id: The rep that asks, or that the conversation belongs to.
        key: A request of a key that was answered before gets that answer again: a job that runs twice.
    """

    tenant: str
    kind: SuggestionKind
    text: str = ""
    conversations: tuple[Transcript, ...] = ()
    account: Account | None = None
    deal: Deal | None = None
    lexicon: Lexicon = ()
    signals: tuple[Signal, ...] = ()
    metrics: tuple[Metric, ...] = ()
    audience: Audience = Audience.INTERNAL
    rep_id: str | None = None
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A conversation with its signals and its turns as sources."""

    transcript: Transcript
    signals: tuple[Signal, ...]
    sources: tuple[Source, ...]

    def source(self, turn_id: str) -> Source | None:
        """Return a turn's source; an empty turn has none."""
        return next((one for one in self.sources if one.source_id.rsplit(":", 1)[-1] == turn_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Everything a drafter works from; what is not here is not known.

    Attributes:
        fields: The account's and the deal's fields as sources.
        hits: What the search found, best first.
        trace: The same as the lines of the decision's record.
        concerns: Case id → what its customer wanted, of the cases found; only replies have them.
        moments: Where the conversation could have gone better, dearest first; only tips have them.
        moment_hits: Turn id of a moment → what the search found for it.
        revisions: Conversation id → how often it had changed when it was read.
    """

    request: Request
    shelf: Shelf
    hits: tuple[CaseHit, ...] = ()
    trace: tuple[Retrieved, ...] = ()
    talks: tuple[Talk, ...] = ()
    fields: tuple[Source, ...] = field(default=())
    account: Account | None = None
    deal: Deal | None = None
    concerns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    moments: tuple[LostMoment, ...] = ()
    moment_hits: Mapping[str, tuple[CaseHit, ...]] = field(default_factory=dict)
    revisions: Mapping[str, int] = field(default_factory=dict)

    @property
    def here(self) -> tuple[Source, ...]:
        """The sources of this customer: CRM fields, then turns."""
        return (*self.fields, *(source for talk in self.talks for source in talk.sources))

    @property
    def signals(self) -> tuple[Signal, ...]:
        """Signals of all talks."""
        return tuple(signal for talk in self.talks for signal in talk.signals)

    @property
    def stage(self) -> str:
        """The deal's stage as the CRM has it."""
        return (self.deal.stage if self.deal else "") or (self.account.stage if self.account else "")

    @property
    def industry(self) -> str:
        """The customer's industry as the CRM has it."""
        return (self.deal.industry if self.deal else "") or (self.account.industry if self.account else "")

    @property
    def own_names(self) -> set[str]:
        """Names that belong to this very customer, or came with the request."""
        named = {entry.name for entry in self.request.lexicon}
        return named | {one.name for one in (self.deal, self.account) if one is not None and one.name}

    @property
    def intents(self) -> tuple[Intent, ...]:
        """What the customer's words asked about want, surest first; without such words, their last turn."""
        talk = self.talks[-1] if self.talks else None
        found = asked_intents(talk.transcript, talk.signals, self.request.text) if talk else []
        labels = [signal.label for signal in sorted(found, key=lambda signal: -signal.score)]
        return tuple(Intent(label) for label in dict.fromkeys(labels) if label in set(Intent))

    @property
    def emotions(self) -> tuple[str, ...]:
        """Emotion labels of the customer's turns, in order."""
        return tuple(
            signal.label
            for talk in self.talks
            for signal in talk.signals
            if signal.kind is SignalKind.EMOTION and talk.transcript.turn(signal.turn_id).speaker == CUSTOMER
        )

    @property
    def competitors(self) -> tuple[str, ...]:
        """Competitors named in the talks."""
        found = (signal.label for signal in self.signals if signal.kind is SignalKind.COMPETITOR)
        return tuple(dict.fromkeys(found))


def asked_turn(transcript: Transcript, words: str) -> Turn | None:
    """Return the customer's latest turn of these words, else their last turn, if they said anything."""
    said = [turn for turn in reversed(transcript.turns) if turn.speaker == CUSTOMER]
    return next((turn for turn in said if turn.text.strip() == words.strip()), said[0] if said else None)


def asked_intents(transcript: Transcript, signals: Iterable[Signal], words: str) -> list[Signal]:
    """Return the intents of the turn that is asked about, in the order of the signals."""
    meant = asked_turn(transcript, words)
    return [one for one in signals if one.kind is SignalKind.INTENT and meant is not None and one.turn_id == meant.id]


def trace_of(query: str, hits: Sequence[CaseHit]) -> tuple[Retrieved, ...]:
    """Return the retrieval trace of a search: the best passage of each case, none used yet."""
    return tuple(
        Retrieved(
            query=query,
            passage_id=hit.best.passage.id,
            source_id=hit.best.passage.source_id,
            dense=hit.dense,
            lexical=hit.lexical,
            fused_rank=rank,
            used=False,
        )
        for rank, hit in enumerate(hits, start=1)
    )
