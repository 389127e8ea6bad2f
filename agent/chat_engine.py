"""The engine that writes with a language model behind an OpenAI-compatible endpoint, hosted or local.

It may word freely; only what passes the same gate leaves. Whatever goes wrong there — an error, silence,
garbage, a refusal — the extractive engine answers within the same budget and the envelope says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import structlog

from agent.drafts import Draft, DraftSentence, DraftSuggestion, nothing
from agent.engines import Drafted, Engine
from agent.model_replies import (
    ModelReply,
    ModelSentence,
    ModelSuggestion,
    complete_sentences,
    read_reply,
    reply_schema,
)
from agent.model_sources import NumberedSources, numbered_sources
from agent.replies import MOST_CHARACTERS, MOST_REPLIES
from agent.tasks import Task
from agent.templates import templates
from domain.errors import ModelError
from domain.suggestions import BRIEF_SECTIONS, AbstentionReason, PromptUse, SuggestionKind
from prompts.registry import Prompt, PromptRegistry, RenderedPrompt, registry, render

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

log = structlog.get_logger(__name__)

_FALLBACK_SHARE = 0.15
"""Share of the budget that is kept for the extractive engine."""
_TOKENS_OUT = 1200
_STEPS: Mapping[SuggestionKind, tuple[str, str]] = {
    SuggestionKind.ASK: ("ask.answer", "ask"),
    SuggestionKind.REPLY: ("reply", "reply"),
    SuggestionKind.BRIEF: ("brief.talk", "brief.account"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatEndpoint:
    """Where the model is and how long it may take.

    Attributes:
        timeout_s: Budget of one whole answer, fallback included.
        retries: Tries after the first on 429, 5xx and broken connections, with backoff.
    """

    base_url: str
    model: str
    api_key: str = ""
    timeout_s: float = 20.0
    retries: int = 2
    max_tokens: int = _TOKENS_OUT


class ChatEngine:
    """`Engine` over a chat endpoint.

    Args:
        fallback: Answers where the model does not, and kinds that have no prompt.
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

    async def draft(self, task: Task) -> Drafted:
        """Return the model's draft, or the fallback's with a note."""
        kind = task.request.kind
        if kind.value not in self._prompts.names():
            return await self._fallback.draft(task)
        prompt = self._prompts.find(kind.value)
        try:
            async with asyncio.timeout(self._endpoint.timeout_s * (1 - _FALLBACK_SHARE)):
                return await self._write(task, prompt)
        except (ModelError, TimeoutError) as error:
            log.warning("model.fell_back", engine=self.name, why=getattr(error, "code", "timeout"))
        drafted = await self._fallback.draft(task)
        return replace(drafted, notes=(*drafted.notes, "fallback"))

    async def sentences(self, task: Task) -> AsyncIterator[DraftSentence]:
        """Yield drafted sentences while the model is still writing the next ones.

        Raises:
            ModelError: The endpoint failed; what was yielded before stands.
        """
        prompt = self._prompts.find(task.request.kind.value)
        sources = numbered_sources(task)
        text, seen = "", 0
        async for piece, _ in self._stream(render(prompt, _values(prompt, task, sources))):
            text += piece
            for sentence in complete_sentences(text, seen=seen):
                seen += 1
                cited = _cited(sentence, sources)
                if cited is not None:
                    yield cited

    async def _write(self, task: Task, prompt: Prompt) -> Drafted:
        sources = numbered_sources(task)
        text = ""
        usage: dict[str, int] = {}
        async for piece, used in self._stream(render(prompt, _values(prompt, task, sources))):
            text += piece
            usage = used or usage
        draft = _drafted(read_reply(text), sources, task.request.kind)
        use = PromptUse(name=prompt.name, version=prompt.version, sha256=prompt.sha256)
        return Drafted(draft=draft, engine=self.name, prompt=use, usage=usage)

    async def _stream(self, prompt: RenderedPrompt) -> AsyncIterator[tuple[str, dict[str, int]]]:
        """Yield pieces of the answer, and the usage; an endpoint that knows no schema is asked without one."""
        import openai

        try:
            async for piece in self._pieces(prompt, with_schema=True):
                yield piece
        except ModelError as error:
            if not isinstance(error.__cause__, openai.BadRequestError):
                raise
            async for piece in self._pieces(prompt, with_schema=False):
                yield piece

    async def _pieces(self, prompt: RenderedPrompt, *, with_schema: bool) -> AsyncIterator[tuple[str, dict[str, int]]]:
        import httpx
        import openai

        messages = [("system", prompt.system), ("user", prompt.user)]
        try:
            async for chunk in self._model(with_schema=with_schema).astream(messages):
                if chunk.additional_kwargs.get("refusal"):
                    raise ModelError("agent.model_refused", model=self._endpoint.model)
                yield str(chunk.text), _usage(chunk.usage_metadata)
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
            stream_usage=True,
            extra_body=body | ({"response_format": _response_format()} if with_schema else {}),
        )


def _response_format() -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": reply_schema(), "strict": False}}


def _values(prompt: Prompt, task: Task, sources: NumberedSources) -> dict[str, object]:
    situation = {
        "阶段": task.stage,
        "行业": task.industry,
        "客户意图": [intent.value for intent in task.intents],
        "情绪线索": list(dict.fromkeys(task.emotions)),
        "提到的竞品": list(task.competitors),
    }
    given: dict[str, object] = {"sources": list(sources.shown), "situation": situation, "request": task.request.text}
    return {name: given[name] for name in prompt.inputs}


def _drafted(reply: ModelReply, sources: NumberedSources, kind: SuggestionKind) -> Draft:
    read = (_suggestion(one, sources, kind) for one in reply.suggestions)
    suggestions = [one for one in read if one is not None]
    if kind is SuggestionKind.BRIEF:
        by_section = {one.tactic: one for one in suggestions}
        suggestions = [by_section.get(name, _empty_section(name)) for name in BRIEF_SECTIONS] if suggestions else []
    if reply.abstain or not suggestions:
        return nothing(AbstentionReason.NO_EVIDENCE)
    return Draft(suggestions=tuple(suggestions[:MOST_REPLIES] if kind is SuggestionKind.REPLY else suggestions))


def _suggestion(one: ModelSuggestion, sources: NumberedSources, kind: SuggestionKind) -> DraftSuggestion | None:
    said = [cited for sentence in one.sentences if (cited := _cited(sentence, sources)) is not None]
    too_long = kind is SuggestionKind.REPLY and sum(len(sentence.text) for sentence in said) > MOST_CHARACTERS
    if not said or too_long:
        return None
    reason, step = _STEPS[kind]
    return DraftSuggestion(
        tactic=one.tactic or templates()["kinds"]["case"],
        sentences=tuple(said),
        confidence=0.7,
        reason=reason,
        step=step,
    )


def _empty_section(name: str) -> DraftSuggestion:
    reason, step = _STEPS[SuggestionKind.BRIEF]
    return DraftSuggestion(tactic=name, sentences=(), confidence=0.0, reason=reason, step=step)


def _cited(sentence: ModelSentence, sources: NumberedSources) -> DraftSentence | None:
    """Return a sentence with our citations; numbers that were not shown count for nothing."""
    citations = [sources.citations[number] for number in dict.fromkeys(sentence.sources) if number in sources.citations]
    return DraftSentence(text=sentence.text.strip(), citations=tuple(citations)) if citations else None


def _usage(metadata: Any) -> dict[str, int]:
    if not metadata:
        return {}
    return {"tokens_in": int(metadata["input_tokens"]), "tokens_out": int(metadata["output_tokens"])}
