"""The engine that writes with a language model behind an OpenAI-compatible endpoint, hosted or local.

It may word freely; only what passes the same gate leaves. Whatever goes wrong there — an error, silence,
garbage, a refusal — the extractive engine answers within the same budget and the envelope says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog

from agent.briefs import open_questions
from agent.drafts import Draft, nothing
from agent.engines import Drafted, Engine, Hear, Heard
from agent.model_drafts import drafted
from agent.model_outlines import has_matter, is_short
from agent.model_replies import is_whole, read_part, read_reply, reply_schema
from agent.model_sources import MOST_CHARACTERS, NumberedSources, numbered_sources
from agent.tasks import Task
from domain.errors import ModelError
from domain.suggestions import AbstentionReason, PromptUse, SuggestionKind
from language.pii import mask
from prompts.registry import Prompt, PromptRegistry, RenderedPrompt, registry, render

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

log = structlog.get_logger(__name__)

_FALLBACK_SHARE = 0.15
"""Share of the budget that is kept for the extractive engine."""
_TOKENS_OUT = 1200
_WITH_QUESTIONS = (SuggestionKind.BRIEF, SuggestionKind.FIRST_CALL, SuggestionKind.FOLLOW_UP)
"""Kinds whose reader is told what to ask next; the questions are ours, from what the sources leave open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatEndpoint:
    """Where the model is and how long it may take.

    Attributes:
        timeout_s: Budget of one whole answer, fallback included.
        retries: Tries after the first on 429, 5xx and broken connections, with backoff.
        source_characters: Most that the model is shown of all sources together; a small one reads slowly.
    """

    base_url: str
    model: str
    api_key: str = ""
    timeout_s: float = 20.0
    retries: int = 2
    max_tokens: int = _TOKENS_OUT
    source_characters: int = MOST_CHARACTERS


class ChatEngine:
    """`Engine` over a chat endpoint.

    Args:
        fallback: Answers where the model does not, kinds that have no prompt, and requests about nothing.
        prompts: The registered prompts.
    """

    def __init__(self, endpoint: ChatEndpoint, fallback: Engine, *, prompts: PromptRegistry | None = None) -> None:
        self._endpoint = endpoint
        self._fallback = fallback
        self._prompts = prompts or registry()

    @property
    def name(self) -> str:
        """`llm:<model>`."""
        return f"llm:{self._endpoint.model}"

    async def draft(self, task: Task, *, hear: Hear | None = None) -> Drafted:
        """Return the model's draft, or the fallback's with a note.

        A sentence that was heard and left stays said: where the model fails after it, what it wrote so far stands.
        """
        kind = task.request.kind
        if kind.value not in self._prompts.names() or not has_matter(task):
            return await self._fallback.draft(task)
        sources = numbered_sources(task, most_characters=self._endpoint.source_characters)
        writing = _Writing(task=task, prompt=self._prompts.find(kind.value), hear=hear, sources=sources)
        try:
            async with asyncio.timeout(self._endpoint.timeout_s * (1 - _FALLBACK_SHARE)):
                await self._write(writing)
                return writing.drafted(self.name)
        except (ModelError, TimeoutError) as error:
            log.warning("model.fell_back", engine=self.name, why=getattr(error, "code", "timeout"))
        if writing.has_left:
            return replace(writing.drafted(self.name), notes=("cut",))
        drafted = await self._fallback.draft(task)
        return replace(drafted, notes=(*drafted.notes, "fallback"))

    async def _write(self, writing: _Writing) -> None:
        async for piece in self._stream(writing.rendered()):
            await writing.take(piece)
        writing.finish()

    async def _stream(self, prompt: RenderedPrompt) -> AsyncIterator[_Piece]:
        """Yield pieces of the answer; an endpoint that knows no schema is asked without one."""
        import openai

        try:
            async for piece in self._pieces(prompt, with_schema=True):
                yield piece
        except ModelError as error:
            if not isinstance(error.__cause__, openai.BadRequestError):
                raise
            async for piece in self._pieces(prompt, with_schema=False):
                yield piece

    async def _pieces(self, prompt: RenderedPrompt, *, with_schema: bool) -> AsyncIterator[_Piece]:
        import httpx
        import openai

        messages = [("system", prompt.system), ("user", prompt.user)]
        try:
            async for chunk in self._model(with_schema=with_schema).astream(messages):
                if chunk.additional_kwargs.get("refusal"):
                    raise ModelError("agent.model_refused", model=self._endpoint.model)
                ended = bool(chunk.response_metadata.get("finish_reason"))
                yield _Piece(str(chunk.text), _usage(chunk.usage_metadata), ended)
        except openai.OpenAIError as error:
            raise ModelError("agent.model_failed", model=self._endpoint.model, why=type(error).__name__) from error
        except (httpx.HTTPError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelError("agent.model_garbage") from error

    def _model(self, *, with_schema: bool) -> ChatOpenAI:
        # The schema goes in as a plain field: the SDK's own handling of it parses the stream and breaks on endpoints
        # that leave out what it expects.
        from langchain_openai import ChatOpenAI
        from pydantic import SecretStr

        body: dict[str, Any] = {"max_tokens": self._endpoint.max_tokens}
        return ChatOpenAI(
            base_url=self._endpoint.base_url,
            api_key=SecretStr(self._endpoint.api_key or "none"),
            model=self._endpoint.model,
            temperature=0,
            timeout=self._endpoint.timeout_s,
            max_retries=self._endpoint.retries,
            stream_chunk_timeout=None,  # the budget of the whole answer is ours; a slow reader says nothing for minutes
            stream_usage=True,
            extra_body=body | ({"response_format": _response_format()} if with_schema else {}),
        )


class _Piece(NamedTuple):
    """A piece of a stream, the tokens spent so far where it says so, and whether it is the last."""

    text: str
    usage: dict[str, int]
    is_last: bool


@dataclass(slots=True, kw_only=True)
class _Writing:
    """An answer while it is being written: its text, the draft it makes so far, and what was told of it."""

    task: Task
    prompt: Prompt
    hear: Hear | None
    sources: NumberedSources
    text: str = ""
    usage: dict[str, int] = field(default_factory=dict)
    has_ended: bool = False
    has_left: bool = False
    draft: Draft = field(default_factory=lambda: nothing(AbstentionReason.NO_EVIDENCE))
    told: dict[int, int] = field(default_factory=dict)

    def rendered(self) -> RenderedPrompt:
        """The prompt with the task's values."""
        return render(self.prompt, _values(self.prompt, self.task, self.sources))

    async def take(self, piece: _Piece) -> None:
        """Add a piece, and tell of the sentences that it completed."""
        self.text += piece.text
        self.usage = piece.usage or self.usage
        self.has_ended |= piece.is_last
        if self.hear is None or "}" not in piece.text:
            return
        reply = read_part(self.text)
        if reply is not None and not reply.abstain:
            await self._tell(drafted(reply, self.sources, self.task.request.kind), self.hear)

    async def _tell(self, so_far: Draft, hear: Hear) -> None:
        self.draft = so_far
        for number, suggestion in enumerate(so_far.suggestions, start=1):
            for sentence in suggestion.sentences[self.told.get(number, 0) :]:
                self.told[number] = self.told.get(number, 0) + 1
                heard = Heard(number=number, tactic=suggestion.tactic, sentence=sentence)
                self.has_left |= await hear(heard)

    def finish(self) -> None:
        """Read the whole answer.

        Raises:
            ModelError: There is none, the stream broke before its end, or a practice has too few lines.
        """
        if not self.has_ended and not is_whole(self.text):
            raise ModelError("agent.model_garbage")
        whole = drafted(read_reply(self.text), self.sources, self.task.request.kind)
        if is_short(whole, self.task.request.kind):
            raise ModelError("agent.model_garbage")
        if whole.suggestions or not self.has_left:
            self.draft = whole

    def drafted(self, engine: str) -> Drafted:
        """Return the draft with what wrote it."""
        use = PromptUse(name=self.prompt.name, version=self.prompt.version, sha256=self.prompt.sha256)
        missing = open_questions(self.task) if self.task.request.kind in _WITH_QUESTIONS else ()
        draft = replace(self.draft, missing=missing)
        return Drafted(draft=draft, engine=engine, prompt=use, usage=self.usage)


def _response_format() -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": reply_schema(), "strict": False}}


def _values(prompt: Prompt, task: Task, sources: NumberedSources) -> dict[str, object]:
    situation = {
        "阶段": mask(task.stage),
        "行业": mask(task.industry),
        "客户意图": [intent.value for intent in task.intents],
        "情绪线索": list(dict.fromkeys(task.emotions)),
        "提到的竞品": list(task.competitors),
    }
    asked = mask(task.request.text)
    given: dict[str, object] = {"sources": list(sources.shown), "situation": situation, "request": asked}
    return {name: given[name] for name in prompt.inputs}


def _usage(metadata: Any) -> dict[str, int]:
    if not metadata:
        return {}
    return {"tokens_in": int(metadata["input_tokens"]), "tokens_out": int(metadata["output_tokens"])}
