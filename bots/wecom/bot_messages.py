"""What a smart bot's callbacks mean; the same in both of its modes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bots.inbound import Attachment, Channel, Click, InboundKind, InboundMessage, Sender
from bots.wecom.cards import DONE_KEY
from bots.wecom.mentions import without_mention

_RATINGS = {1: "up", 2: "down", 3: "withdrawn"}
_FILES = ("file", "video")


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


class _Words(_Part):
    content: str = ""


class _File(_Part):
    url: str = ""
    aeskey: str = ""
    filename: str = ""


class _Content(_Part):
    msgtype: str = ""
    text: _Words = Field(default_factory=_Words)
    voice: _Words = Field(default_factory=_Words)
    image: _File = Field(default_factory=_File)
    file: _File = Field(default_factory=_File)
    video: _File = Field(default_factory=_File)
    mixed: _Mixed | None = None

    def words(self) -> str:
        """All words in it, line by line."""
        if self.msgtype == "mixed" and self.mixed:
            return "\n".join(filter(None, (item.words() for item in self.mixed.msg_item)))
        return {"text": self.text, "voice": self.voice}.get(self.msgtype, _Words()).content

    def attachment(self) -> Attachment | None:
        """The recording or document in it."""
        held = getattr(self, self.msgtype) if self.msgtype in _FILES else None
        if held is None or not held.url:
            return None
        return Attachment(locator=held.url, file_name=held.filename, key=held.aeskey)


class _Mixed(_Part):
    msg_item: list[_Content] = Field(default_factory=list)


class _From(_Part):
    userid: str = ""


class _Press(_Part):
    event_key: str = ""
    task_id: str = ""


class _Rating(_Part):
    id: str = ""
    type: int = 0
    content: str = ""


class _Event(_Press):
    """The press is nested in the documents and flat in the official SDK's types; both are read."""

    eventtype: str = ""
    template_card_event: _Press | None = None
    feedback_event: _Rating | None = None


class _Stream(_Part):
    id: str = ""


class BotMessage(_Content):
    """A smart bot's callback."""

    msgid: str
    aibotid: str = ""
    chatid: str = ""
    chattype: str = "single"
    create_time: float | None = None
    response_url: str = ""
    sender: _From = Field(default_factory=_From, alias="from")
    quote: _Content | None = None
    event: _Event | None = None
    stream: _Stream | None = None


def parse_bot_message(body: Mapping[str, Any]) -> BotMessage | None:
    """Return a callback's body; None if it is not what the platform documents."""
    try:
        return BotMessage.model_validate(body)
    except ValidationError:
        return None


def read_bot_message(
    said: BotMessage, *, channel: Channel, bot_id: str, bot_name: str, reply_to: Mapping[str, str], now: float
) -> InboundMessage | None:
    """Return a message, or None for an event that says nothing to a coach.

    A rating's `click` names the answer that was rated and `up`, `down` or `withdrawn`; its `text` is the reason.
    """
    kind = _kind(said)
    user = said.sender.userid
    if kind is None or not user:
        return None
    click = _click(said)
    is_group = said.chattype == "group" and bool(said.chatid)
    return InboundMessage(
        channel=channel,
        account_id=bot_id,
        dedupe_keys=_dedupe_keys(said, kind, click),
        sender=Sender(user_id=user, conversation_id=said.chatid if is_group else user, is_group=is_group),
        kind=kind,
        sent_at=said.create_time if said.create_time else now,
        text=_text(said, kind, bot_name),
        quoted=said.quote.words() if said.quote else "",
        attachment=_attachment(said),
        click=click,
        reply_to={**reply_to, "kind": kind.value, **_response_url(said)},
    )


def _kind(said: BotMessage) -> InboundKind | None:
    if said.msgtype == "event":
        return _event_kind(said.event or _Event())
    if _attachment(said):
        return InboundKind.FILE
    if said.words().strip():
        return InboundKind.TEXT
    return InboundKind.OTHER if said.msgtype else None


def _event_kind(event: _Event) -> InboundKind | None:
    if event.eventtype == "template_card_event":
        return None if _press(event).event_key in ("", DONE_KEY) else InboundKind.CLICK
    if event.eventtype == "feedback_event":
        return InboundKind.RATING if event.feedback_event else None
    return InboundKind.ENTER if event.eventtype == "enter_chat" else None


def _attachment(said: BotMessage) -> Attachment | None:
    """Files come in single chats; in a group a rep quotes one and mentions us."""
    return said.attachment() or (said.quote.attachment() if said.quote else None)


def _press(event: _Event) -> _Press:
    return event.template_card_event or event


def _click(said: BotMessage) -> Click | None:
    event = said.event or _Event()
    if event.eventtype == "template_card_event":
        return Click(task_id=_press(event).task_id, key=_press(event).event_key)
    if event.eventtype == "feedback_event" and event.feedback_event:
        return Click(task_id=event.feedback_event.id, key=_RATINGS.get(event.feedback_event.type, "other"))
    return None


def _text(said: BotMessage, kind: InboundKind, bot_name: str) -> str:
    if kind is InboundKind.RATING and said.event and said.event.feedback_event:
        return said.event.feedback_event.content
    return without_mention(said.words(), [bot_name])


def _dedupe_keys(said: BotMessage, kind: InboundKind, click: Click | None) -> tuple[str, ...]:
    if click and kind is InboundKind.CLICK:
        return (said.msgid, f"click:{click.task_id}:{click.key}:{said.sender.userid}")
    return (said.msgid,)


def _response_url(said: BotMessage) -> dict[str, str]:
    return {"response_url": said.response_url} if said.response_url else {}
