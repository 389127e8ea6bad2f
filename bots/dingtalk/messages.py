"""What a robot message or a press on a card says, from either way in.

Shapes: https://open.dingtalk.com/document/orgapp/receive-message and …/event-callback-card. Where tenants are known
to differ (the shape of a quoted message, a forwarded chat), every known form is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from bots.inbound import Attachment, Channel, Click, InboundKind, InboundMessage, Sender
from domain.errors import InputError

TEXT_CHARS = 20_000
"""What is kept of one message; the platform itself allows less."""
_FILES = {"audio": "audio.amr", "video": "video.mp4", "file": "file"}


_Id = Annotated[str, Field(max_length=512, pattern=r"^[^\x00]*$")]


class _Edge(BaseModel):
    model_config = ConfigDict(extra="ignore", alias_generator=to_camel, populate_by_name=True, allow_inf_nan=False)


_Read = TypeVar("_Read", bound=_Edge)


class RobotMessage(_Edge):
    """A message to the robot as the platform sends it."""

    msg_id: _Id = Field(min_length=1)
    msgtype: str = Field(alias="msgtype", max_length=64)
    conversation_id: _Id = Field(min_length=1)
    conversation_type: str = Field(max_length=8)
    sender_id: _Id = ""
    sender_staff_id: _Id | None = ""
    create_at: float = Field(default=0, ge=0, le=1e14)
    session_webhook: str | None = Field(default="", max_length=4096)
    session_webhook_expired_time: float | None = Field(default=0, ge=0, le=1e14)
    text: dict[str, Any] | None = None
    content: dict[str, Any] | None = None

    @field_validator("content", mode="before")
    @classmethod
    def _opened(cls, value: object) -> object:
        return _opened(value)

    @property
    def person(self) -> str:
        """The sender's id in the organisation; of people outside it their platform id."""
        return self.sender_staff_id or self.sender_id


class CardPress(_Edge):
    """A press on a button of a card."""

    out_track_id: _Id = Field(min_length=1)
    user_id: _Id = Field(min_length=1)
    space_id: _Id = ""
    space_type: str = Field(default="", max_length=64)
    content: dict[str, Any] = Field(default_factory=dict)

    @field_validator("content", mode="before")
    @classmethod
    def _opened(cls, value: object) -> object:
        return _opened(value)


def read_message(data: object, *, channel: Channel, account_id: str, message_id: str = "") -> InboundMessage:
    """Read a message to the robot.

    Args:
        message_id: Of the frame that brought it (Stream mode); redeliveries keep one of the two ids.

    Raises:
        InputError: Not such a message.
    """
    message = _read(RobotMessage, data)
    if not message.person:
        raise InputError("bots.dingtalk_unreadable")
    text, quoted = _words(message), _quoted(message)
    attachment = None if text else _attachment(message)
    kind = InboundKind.TEXT if text or quoted else InboundKind.FILE if attachment else InboundKind.OTHER
    return InboundMessage(
        channel=channel,
        account_id=account_id,
        dedupe_keys=(f"msg:{message.msg_id}", *_frame_key(message_id)),
        sender=_sender(message),
        kind=kind,
        sent_at=message.create_at / 1000,
        text=text,
        quoted=quoted,
        attachment=attachment,
        reply_to=_reply_to(message),
    )


def read_press(data: object, *, channel: Channel, account_id: str, message_id: str, now: float) -> InboundMessage:
    """Read a press on a card; the platform gives it no time, so it is now.

    Raises:
        InputError: Not such a press.
    """
    press = _read(CardPress, data)
    private = press.content.get("cardPrivateData")
    private = private if isinstance(private, dict) else {}
    params = private.get("params")
    params = params if isinstance(params, dict) else {}
    key = _first_text(params.get("key"), *_list(private.get("actionIds")))
    if not key:
        raise InputError("bots.dingtalk_unreadable")
    task_id = _first_text(params.get("taskId"), press.out_track_id)
    is_group = "GROUP" in press.space_type.upper()
    return InboundMessage(
        channel=channel,
        account_id=account_id,
        dedupe_keys=(*_frame_key(message_id), f"press:{task_id}:{key}:{press.user_id}"[:512]),
        sender=Sender(
            user_id=press.user_id,
            conversation_id=press.space_id if is_group else press.user_id,
            is_group=is_group,
        ),
        kind=InboundKind.CLICK,
        sent_at=now,
        click=Click(task_id=task_id, key=key),
        reply_to={"card": press.out_track_id, "staff_id": press.user_id},
    )


def _read(kind: type[_Read], data: object) -> _Read:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise InputError("bots.dingtalk_unreadable") from error


def _frame_key(message_id: str) -> tuple[str, ...]:
    return (f"frame:{message_id}",) if message_id else ()


def _sender(message: RobotMessage) -> Sender:
    is_group = message.conversation_type == "2"
    conversation = message.conversation_id if is_group else message.person
    return Sender(user_id=message.person, conversation_id=conversation, is_group=is_group)


def _reply_to(message: RobotMessage) -> dict[str, str]:
    way = {"staff_id": message.sender_staff_id or ""}
    if message.session_webhook:
        way["webhook"] = message.session_webhook
        way["webhook_expires_at"] = str((message.session_webhook_expired_time or 0) / 1000)
    return way


def _words(message: RobotMessage) -> str:
    content = message.content or {}
    match message.msgtype:
        case "text":
            # The leading mention is already gone; other people's mentions are part of what was said.
            words = _text((message.text or {}).get("content"))
        case "audio":
            words = _text(content.get("recognition"))
        case "richText":
            words = _rich(content.get("richText"))
        case _:
            words = ""
    return words.strip()[:TEXT_CHARS]


def _quoted(message: RobotMessage) -> str:
    content = message.content or {}
    if message.msgtype == "chatRecord":
        return _chat_record(content)[:TEXT_CHARS]
    for holder in (message.text or {}, content):
        replied = _opened(holder.get("repliedMsg"))
        if isinstance(replied, dict):
            return _said(_opened(replied.get("content"))).strip()[:TEXT_CHARS]
    return ""


def _chat_record(content: Mapping[str, Any]) -> str:
    lines = []
    for row in _list(_opened(content.get("chatRecord"))):
        words = _said(_opened(row.get("content"))).strip() if isinstance(row, dict) else ""
        name = _first_text(row.get("senderNick"), row.get("senderName")) if words else ""
        if words:
            lines.append(f"{name}：{words}" if name else words)
    return "\n".join(lines) or _text(content.get("summary")).strip()


def _said(content: object) -> str:
    if not isinstance(content, dict):
        return _text(content)
    return _first_text(content.get("text"), content.get("content"), content.get("recognition")) or _rich(
        content.get("richText")
    )


def _rich(parts: object) -> str:
    return "".join(
        _first_text(part.get("text"), part.get("content")) for part in _list(parts) if isinstance(part, dict)
    )


def _attachment(message: RobotMessage) -> Attachment | None:
    content = message.content or {}
    code = _text(content.get("downloadCode"))
    if message.msgtype not in _FILES or not code:
        return None
    return Attachment(locator=code[:4096], file_name=_text(content.get("fileName"))[:255] or _FILES[message.msgtype])


def _opened(value: object) -> object:
    """Values that are JSON in a string in some tenants and an object in others."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _first_text(*values: object) -> str:
    return next((_text(value) for value in values if _text(value)), "")


def _text(value: object) -> str:
    """Return text that every store can keep: no NUL, no half of a surrogate pair."""
    return value.replace("\0", "").encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
