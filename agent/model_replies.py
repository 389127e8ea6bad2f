"""What a language model answers: JSON by a schema, mended where it was cut, refused where it is none."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from domain.errors import ModelError

_FENCE = re.compile(r"^\s*```(?:json)?\s*|\s*```\s*$")


class ModelSentence(BaseModel):
    """One sentence with the numbers of its sources."""

    model_config = ConfigDict(extra="ignore")

    text: str = Field(min_length=1, max_length=400)
    sources: list[str] = Field(max_length=12)


class ModelSuggestion(BaseModel):
    """One suggestion; `tactic` names its way or section."""

    model_config = ConfigDict(extra="ignore")

    tactic: str = Field(default="", max_length=40)
    sentences: list[ModelSentence] = Field(default_factory=list, max_length=40)


class ModelReply(BaseModel):
    """The whole answer."""

    model_config = ConfigDict(extra="ignore")

    abstain: bool = False
    suggestions: list[ModelSuggestion] = Field(default_factory=list, max_length=12)


def reply_schema() -> dict[str, Any]:
    """Return the JSON schema that endpoints with structured output are given."""
    return ModelReply.model_json_schema()


def read_reply(text: str) -> ModelReply:
    """Read a model's answer, mending code fences, words around the object, and a cut end.

    Raises:
        ModelError: `agent.model_garbage`: there is no such object in it.
    """
    body = _FENCE.sub("", text.strip())
    start = body.find("{")
    candidates = [body, body[start:] if start >= 0 else ""]
    candidates += [_closed(candidate) for candidate in candidates if candidate]
    for candidate in candidates:
        reply = _parsed(candidate)
        if reply is not None:
            return reply
    raise ModelError("agent.model_garbage")


def read_part(text: str) -> ModelReply | None:
    """Read what a stream has brought so far, down to its last whole sentence; None before there is one."""
    start = text.find("{")
    return _parsed(_closed(text[start:])) if start >= 0 else None


def is_whole(text: str) -> bool:
    """Whether an answer came to its end, so that nothing needs mending."""
    start = text.find("{")
    return start >= 0 and _parsed(text[start:]) is not None


def _parsed(candidate: str) -> ModelReply | None:
    try:
        value, _ = json.JSONDecoder().raw_decode(candidate)
        reply = ModelReply.model_validate(value)
    except ValueError:
        return None
    return reply if isinstance(value, dict) and ("suggestions" in value or "abstain" in value) else None


def _closed(text: str) -> str:
    """Cut a broken end back to the last whole object and close what is open."""
    end = text.rfind("}")
    if end < 0:
        return ""
    stack: list[str] = []
    in_string = escaped = False
    for char in text[: end + 1]:
        if in_string:
            escaped, in_string = (char == "\\" and not escaped), not (char == '"' and not escaped)
        elif char == '"':
            in_string = True
        elif char in "{[":
            stack.append("}" if char == "{" else "]")
        elif char in "}]" and stack:
            stack.pop()
    return text[: end + 1] + "".join(reversed(stack))
