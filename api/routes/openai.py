"""The coach behind OpenAI's chat interface, so that any chat client can ask it.

The last user message is the question (model `zhanqing`) or the customer's words (`zhanqing-reply`).
Citations stand in the text as [1], [2] with their sources below it, and whole in the field `zhanqing`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from api.callers import SECURED, Caller, Reader, Rep
from api.documents import answer
from api.errors import openai_error, status_of
from api.events import heartbeats_until, started
from api.parts import Coach, coach_of, parts_of
from domain.errors import InputError, NotFoundError, ZhanqingError
from domain.messages import text
from domain.sources import Citation
from domain.suggestions import Envelope
from store.ids import new_id
from wire.documents import dump

router = APIRouter(prefix="/v1", tags=["openai"], dependencies=SECURED)

ASK, REPLY = "zhanqing", "zhanqing-reply"
_MODELS = (ASK, REPLY)
_MADE = 1763600000  # when these models came into being, as OpenAI's shape wants to know


class Message(BaseModel):
    """One message; content may be text or parts of which the text counts."""

    model_config = ConfigDict(extra="allow")

    role: str = Field(max_length=50)
    content: str | list[dict[str, Any]] | None = None

    @property
    def words(self) -> str:
        """The message's text."""
        if isinstance(self.content, list):
            return "".join(str(part.get("text", "")) for part in self.content if part.get("type") == "text")
        return self.content or ""


class StreamOptions(BaseModel):
    """What a stream ends with."""

    model_config = ConfigDict(extra="allow")

    include_usage: bool = False


class ChatBody(BaseModel):
    """A chat completion request; fields that the coach has no use for are ignored."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(default=ASK, max_length=200)
    messages: list[Message] = Field(min_length=1, max_length=500)
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: int | None = None


class OpenAiError(BaseModel):
    """An error as OpenAI's clients understand it."""

    error: dict[str, Any]


_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": OpenAiError} for status in (400, 401, 403, 404, 413, 429, 500, 503)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What every piece of an answer repeats."""

    id: str
    created: int
    model: str

    def chunk(self, choices: list[dict[str, Any]], **more: object) -> dict[str, Any]:
        """One piece of a stream."""
        return {**self._head("chat.completion.chunk"), "choices": choices, **more}

    def whole(self, envelope: Envelope, content: str) -> dict[str, Any]:
        """The answer in one piece."""
        message = {"role": "assistant", "content": content}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        return {
            **self._head("chat.completion"),
            "choices": choices,
            "usage": usage(envelope),
            "zhanqing": dump(envelope),
        }

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


@router.get("/models", responses=_ERRORS, response_model=dict[str, Any])
async def list_models(_caller: Reader) -> JSONResponse:
    """List what can be chatted with."""
    models = [{"id": name, "object": "model", "created": _MADE, "owned_by": "zhanqing"} for name in _MODELS]
    return answer({"object": "list", "data": models})


@router.post("/chat/completions", responses=_ERRORS, response_model=dict[str, Any])
async def complete(request: Request, caller: Rep, body: ChatBody) -> Response:
    """Answer the last user message, in one piece or as a stream of verified sentences."""
    question = _question(body)
    coach = await coach_of(request)
    now = parts_of(request).store.clock()
    completion = Completion(id=new_id("chatcmpl", now), created=int(now.timestamp()), model=body.model)
    say = partial(_say, coach, caller, body.model, question)
    if body.stream:
        with_usage = body.stream_options is not None and body.stream_options.include_usage
        pieces = _pieces(completion, say, with_usage=with_usage)
        return StreamingResponse(pieces, media_type="text/event-stream", headers={"cache-control": "no-cache"})
    envelope = await say()
    return answer(completion.whole(envelope, "".join(parts_of_answer(envelope))))


def _question(body: ChatBody) -> str:
    if body.model not in _MODELS:
        raise NotFoundError("api.no_model", model=body.model)
    if body.n not in (None, 1):
        raise InputError("api.one_choice_only")
    words = [message.words for message in body.messages if message.role == "user" and message.words.strip()]
    if not words:
        raise InputError("api.no_question")
    return words[-1][:20_000]


async def _say(coach: Coach, caller: Caller, model: str, question: str) -> Envelope:
    if model == REPLY:
        return await coach.reply(caller.tenant, question)
    return await coach.ask(caller.tenant, question)


async def _pieces(
    completion: Completion, say: Callable[[], Awaitable[Envelope]], *, with_usage: bool
) -> AsyncIterator[bytes]:
    """Yield the stream as OpenAI's clients read it; comment lines keep it open while the coach thinks."""
    said = started(say())
    yield _line(completion.chunk([_choice({"role": "assistant", "content": ""})]))
    async for _ in heartbeats_until(said):
        yield b": keep-alive\n\n"
    try:
        envelope = await said
    except ZhanqingError as error:
        yield _line(openai_error(status_of(error), error.code, error.line()))
        return
    for part in parts_of_answer(envelope):
        yield _line(completion.chunk([_choice({"content": part})]))
    yield _line(completion.chunk([_choice({}, finish="stop")], zhanqing=dump(envelope)))
    if with_usage:
        yield _line(completion.chunk([], usage=usage(envelope)))
    yield b"data: [DONE]\n\n"


def parts_of_answer(envelope: Envelope) -> list[str]:
    """Return the answer sentence by sentence with numbered citations, then the sources and the AI label."""
    if envelope.abstained:
        return [f"{envelope.reason or ''}\n\n{envelope.label}"]
    numbers: dict[tuple[str, int, int, int], int] = {}
    cited: list[Citation] = []
    parts = []
    for position, suggestion in enumerate(envelope.suggestions):
        parts.append("\n\n" * (position > 0) + f"【{suggestion.tactic}】" * bool(suggestion.tactic))
        for claim in suggestion.claims:
            marks = [_number(citation, numbers, cited) for citation in claim.citations]
            parts.append(claim.text + "".join(f"[{mark}]" for mark in marks))
    return [part for part in parts if part] + [f"\n\n{_sources(cited)}\n\n{envelope.label}"]


def usage(envelope: Envelope) -> dict[str, int] | None:
    """Return the tokens spent: none with the extractive composer; with an LLM they are not measured here."""
    if envelope.engine != "extractive":
        return None
    return {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def _number(citation: Citation, numbers: dict[tuple[str, int, int, int], int], cited: list[Citation]) -> int:
    place = (citation.source_id, citation.version, citation.start, citation.end)
    if place not in numbers:
        cited.append(citation)
        numbers[place] = len(cited)
    return numbers[place]


def _sources(cited: Sequence[Citation]) -> str:
    lines = [
        f"[{number}] {each.title}：“{each.quote}”（{each.source_id}）" for number, each in enumerate(cited, start=1)
    ]
    return "\n".join([text("api.sources"), *lines])


def _choice(delta: dict[str, Any], *, finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish}


def _line(document: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(document, ensure_ascii=False)}\n\n".encode()
