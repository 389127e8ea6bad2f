"""A rep's chat with the coach: it knows what was said before, and still does after a restart.

What is checkpointed is small and holds no customer words but the subject of the last question: everything
else is in the decision log, under the id that is kept here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, cast

from langgraph.channels import UntrackedValue
from langgraph.graph import END, START, StateGraph
from langgraph.types import StreamWriter

from agent.commands import Step, StepKind, chat_words, read_step, subject_of
from domain.accounts import Account
from domain.conversation import Transcript
from domain.lexicon import Lexicon
from domain.suggestions import PREPARATIONS, Decision, Envelope, StartedOver, SuggestionKind, VerifiedSentence

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

    from agent.coach import Around, Coach


_PREPARED = {kind.value: kind for kind in PREPARATIONS}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatAnswer:
    """What the coach answers: an envelope, or lines of its own (help, why)."""

    envelope: Envelope | None = None
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    """A rep's line with what it is about, if the channel knows.

    Attributes:
        key: The same key again gets the same answer, as a job that runs twice needs.
        is_quote: The line is a customer's own words, handed on: what is wanted is a reply to them.
    """

    tenant: str
    thread: str
    text: str
    account: Account | None = None
    conversations: tuple[Transcript, ...] = ()
    lexicon: Lexicon = ()
    rep_id: str | None = None
    key: str = ""
    is_quote: bool = False


ChatEvent = VerifiedSentence | StartedOver | ChatAnswer
"""What a streamed line of a chat is made of; the answer comes last and is whole."""


class ChatState(TypedDict, total=False):
    """What a thread remembers, and what one turn hands on (not kept)."""

    last_decision_id: str
    last_subject: str
    message: Annotated[ChatMessage, UntrackedValue]
    step: Annotated[Step, UntrackedValue]
    answer: Annotated[ChatAnswer, UntrackedValue]


class CoachChat:
    """Answers lines of chat threads.

    Args:
        checkpointer: Where threads are kept (SQLite, PostgreSQL or memory).
    """

    def __init__(self, coach: Coach, checkpointer: BaseCheckpointSaver[Any]) -> None:
        self._coach = coach
        graph: StateGraph[ChatState, None, ChatState, ChatState] = StateGraph(ChatState)
        graph.add_node("understand", self._understand)
        graph.add_node("respond", self._respond)
        graph.add_edge(START, "understand")
        graph.add_edge("understand", "respond")
        graph.add_edge("respond", END)
        self._graph = graph.compile(checkpointer=checkpointer)

    async def say(self, message: ChatMessage) -> ChatAnswer:
        """Answer one line; the thread is the tenant's own."""
        config: Any = {"configurable": {"thread_id": f"{message.tenant}:{message.thread}"}}
        state = await self._graph.ainvoke({"message": message}, config)
        answer: ChatAnswer = state["answer"]
        return answer

    async def talk(self, message: ChatMessage) -> AsyncIterator[ChatEvent]:
        """Answer one line sentence by sentence, each as soon as it is verified; the whole answer comes last."""
        config: Any = {"configurable": {"thread_id": f"{message.tenant}:{message.thread}"}}
        answer: ChatAnswer | None = None
        async for part in self._graph.astream({"message": message}, config, stream_mode=["custom", "values"]):
            mode, event = cast("tuple[str, Any]", part)
            if mode == "custom":
                yield event
            else:
                answer = event.get("answer", answer)
        if answer is None:
            raise RuntimeError("the graph ended without an answer")
        yield answer

    async def _understand(self, state: ChatState) -> dict[str, Any]:
        message = state["message"]
        if message.is_quote:
            return {"step": Step(kind=StepKind.REPLY, text=message.text)}
        return {"step": read_step(message.text, last_subject=state.get("last_subject", ""))}

    async def _respond(self, state: ChatState, writer: StreamWriter) -> dict[str, Any]:
        message, step = state["message"], state["step"]
        if step.kind is StepKind.HELP:
            return {"answer": ChatAnswer(lines=(chat_words("help"),))}
        if step.kind is StepKind.WHY:
            lines = await self._why(message.tenant, state.get("last_decision_id", ""), step.number)
            return {"answer": ChatAnswer(lines=tuple(lines))}
        envelope = await self._envelope(message, step, writer)
        subject = subject_of(step.text) if step.kind is StepKind.ASK else ""
        kept = {"last_decision_id": envelope.decision_id, "last_subject": subject or state.get("last_subject", "")}
        return {"answer": ChatAnswer(envelope=envelope), **kept}

    async def _envelope(self, message: ChatMessage, step: Step, writer: StreamWriter) -> Envelope:
        if step.kind is StepKind.BRIEF:
            return await self._coach.brief(
                message.tenant,
                conversations=message.conversations,
                account=message.account,
                lexicon=message.lexicon,
                rep_id=message.rep_id,
                key=message.key,
            )
        prepared = _PREPARED.get(step.kind.value)
        if prepared is not None:
            return await self._coach.prepare(
                message.tenant,
                prepared,
                text=step.text,
                conversations=message.conversations,
                account=message.account,
                lexicon=message.lexicon,
                rep_id=message.rep_id,
                key=message.key,
            )
        kind = SuggestionKind.REPLY if step.kind is StepKind.REPLY else SuggestionKind.ASK
        return await self._streamed(kind, message, step.text, writer)

    async def _streamed(self, kind: SuggestionKind, message: ChatMessage, text: str, writer: StreamWriter) -> Envelope:
        around: Around = {
            "conversation": message.conversations[-1] if message.conversations else None,
            "account": message.account,
            "lexicon": message.lexicon,
            "rep_id": message.rep_id,
            "key": message.key,
        }
        stream = self._coach.stream_reply if kind is SuggestionKind.REPLY else self._coach.stream_ask
        async for event in stream(message.tenant, text, **around):
            if isinstance(event, Envelope):
                return event
            writer(event)
        raise RuntimeError("the stream ended without an envelope")

    async def _why(self, tenant: str, decision_id: str, number: int | None) -> Sequence[str]:
        if not decision_id:
            return [chat_words("nothing_yet")]
        decision = await self._coach.why(tenant, decision_id)
        if number is not None and isinstance(decision, Decision) and number > len(decision.envelope.suggestions):
            return [chat_words("no_such")]
        return await self._coach.explain(tenant, decision_id, number=number)
