"""The frames of a Stream connection and what is answered to them; pure.

https://opensource.dingtalk.com/developerpedia/docs/learn/stream/protocol
"""

from __future__ import annotations

import json
from enum import StrEnum
from functools import cached_property

from pydantic import BaseModel, ConfigDict, Field, ValidationError

BOT = "/v1.0/im/bot/messages/get"
CARD = "/v1.0/card/instances/callback"
OK, NO_HANDLER = 200, 404


class FrameKind(StrEnum):
    """What a frame is for."""

    SYSTEM = "SYSTEM"
    EVENT = "EVENT"
    CALLBACK = "CALLBACK"


class FrameHeaders(BaseModel):
    """The part of the headers that we read."""

    model_config = ConfigDict(extra="ignore")

    message_id: str = Field(default="", alias="messageId", max_length=512)
    topic: str = Field(default="", max_length=512)


class Frame(BaseModel):
    """A frame as the platform sends it; `data` is JSON in a string."""

    model_config = ConfigDict(extra="ignore")

    type: str
    headers: FrameHeaders
    data: str = ""

    @property
    def is_leave(self) -> bool:
        """Whether the platform is about to close this connection."""
        return self.type == FrameKind.SYSTEM and self.headers.topic == "disconnect"

    @cached_property
    def opened(self) -> object:
        """The data as JSON values; None where it is none."""
        try:
            found: object = json.loads(self.data)
        except (ValueError, RecursionError):
            return None
        return found

    @property
    def conversation(self) -> str:
        """What it belongs to; the same for everything that must stay in order."""
        found = self.opened
        named = (found.get("conversationId") or found.get("outTrackId")) if isinstance(found, dict) else ""
        return named.encode("utf-8", "replace").decode() if isinstance(named, str) else ""


def read_frame(raw: str | bytes) -> Frame | None:
    """Read a frame; None where it is none."""
    try:
        return Frame.model_validate_json(raw)
    except ValidationError:
        return None


def answer(frame: Frame) -> str:
    """Return what is answered once a frame is kept: an echo, a receipt, or that nobody here takes it."""
    topic = frame.headers.topic
    if frame.type == FrameKind.SYSTEM:
        return _answer(frame, OK, frame.data)
    if frame.type == FrameKind.EVENT:
        return _answer(frame, OK, '{"status":"SUCCESS","message":"ok"}')
    if topic == BOT:
        return _answer(frame, OK, '{"response":null}')
    if topic == CARD:
        return _answer(frame, OK, '{"response":{}}')
    return _answer(frame, NO_HANDLER, '{"response":null}')


def _answer(frame: Frame, code: int, data: str) -> str:
    headers = {"contentType": "application/json", "messageId": frame.headers.message_id}
    message = "OK" if code == OK else "no handler"
    return json.dumps({"code": code, "headers": headers, "message": message, "data": data}, ensure_ascii=False)
