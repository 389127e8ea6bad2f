"""The coach behind OpenAI's chat interface, so that any chat client can ask it.

The last user message is the question (model `zhanqing`) or the customer's words (`zhanqing-reply`).
Citations stand in the text as [1], [2] with their sources below it, and whole in the field `zhanqing`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from api.callers import SECURED, Reader, Rep
from api.documents import answer
from api.errors import openai_error, status_of
from api.events import with_heartbeats
from api.parts import coach_of, parts_of
from domain.errors import InputError, NotFoundError, ZhanqingError
from domain.footnotes import Footnotes, marks
from domain.messages import text
from domain.suggestions import Envelope, StartedOver, StreamEvent, VerifiedSentence
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
    if body.stream:
        with_usage = body.stream_options is not None and body.stream_options.include_usage
        say = coach.stream_reply if body.model == REPLY else coach.stream_ask
        pieces = _pieces(completion, say(caller.tenant, question, rep_id=caller.rep_id), with_usage=with_usage)
        return StreamingResponse(pieces, media_type="text/event-stream", headers={"cache-control": "no-cache"})
    answered = coach.reply if body.model == REPLY else coach.ask
    envelope = await answered(caller.tenant, question, rep_id=caller.rep_id)
    return answer(completion.whole(envelope, whole_answer(envelope)))


def _question(body: ChatBody) -> str:
    if body.model not in _MODELS:
        raise NotFoundError("api.no_model", model=body.model)
    if body.n not in (None, 1):
        raise InputError("api.one_choice_only")
    words = [message.words for message in body.messages if message.role == "user" and message.words.strip()]
    if not words:
        raise InputError("api.no_question")
    return words[-1][:20_000]


async def _pieces(
    completion: Completion, said: AsyncIterator[StreamEvent], *, with_usage: bool
) -> AsyncIterator[bytes]:
    """Yield the stream as OpenAI's clients read it; comment lines keep it open while the coach thinks."""
    yield _line(completion.chunk([_choice({"role": "assistant", "content": ""})]))
    written = Written()
    try:
        async for event in with_heartbeats(said):
            match event:
                case None:
                    yield b": keep-alive\n\n"
                case VerifiedSentence():
                    yield _line(completion.chunk([_choice({"content": written.sentence(event)})]))
                case StartedOver():
                    written = Written()
                    yield _line(completion.chunk([_choice({"content": f"\n\n{text('api.started_over')}\n\n"})]))
                case Envelope():
                    yield _line(completion.chunk([_choice({"content": written.end(event)})]))
                    yield _line(completion.chunk([_choice({}, finish="stop")], zhanqing=dump(event)))
                    if with_usage:
                        yield _line(completion.chunk([], usage=usage(event)))
    except ZhanqingError as error:
        yield _line(openai_error(status_of(error), error.code, error.line()))
        return
    yield b"data: [DONE]\n\n"


def whole_answer(envelope: Envelope) -> str:
    """Return the answer sentence by sentence with numbered citations, then the sources and the AI label."""
    written = Written()
    said = [
        written.sentence(VerifiedSentence(suggestion_id=one.id, tactic=one.tactic, claim=claim))
        for one in envelope.suggestions
        for claim in one.claims
    ]
    return "".join([*said, written.end(envelope)])


class Written:
    """An answer's text so far: which suggestion it is in, and which sources it numbered."""

    def __init__(self) -> None:
        self._suggestion = ""
        self._footnotes = Footnotes()

    def sentence(self, said: VerifiedSentence) -> str:
        """Return a sentence with its numbers, under its suggestion's name where that is new."""
        head = ""
        if said.suggestion_id != self._suggestion:
            head = "\n\n" * bool(self._suggestion) + f"【{said.tactic}】" * bool(said.tactic)
            self._suggestion = said.suggestion_id
        return head + said.claim.text + marks(self._footnotes.numbers(said.claim))

    def end(self, envelope: Envelope) -> str:
        """Return what stands under an answer: why there is none, or its sources; and the AI label."""
        if envelope.abstained:
            return f"{envelope.reason or ''}\n\n{envelope.label}"
        return f"\n\n{_sources(self._footnotes)}\n\n{envelope.label}"


def usage(envelope: Envelope) -> dict[str, int] | None:
    """Return the tokens spent: none with the extractive composer; with an LLM they are not measured here."""
    if envelope.engine != "extractive":
        return None
    return {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def _sources(footnotes: Footnotes) -> str:
    lines = [f"[{note.number}] {note.first.title}：{note.quoted}（{note.source_id}）" for note in footnotes.notes]
    return "\n".join([text("api.sources"), *lines])


def _choice(delta: dict[str, Any], *, finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish}


def _line(document: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(document, ensure_ascii=False)}\n\n".encode()
