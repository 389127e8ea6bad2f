"""What a platform brings: a rep's words, a recording, a press on a button; one form for every channel."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Channel(StrEnum):
    """The ways in which a rep reaches the coach; the value is what the inbox keeps."""

    WECOM_BOT = "wecom_bot"
    """WeCom 智能机器人 over its long connection."""
    WECOM_BOT_URL = "wecom_bot_url"
    """WeCom 智能机器人 by URL callback."""
    WECOM_APP = "wecom_app"
    """WeCom self-built app: callback in, `message/send` out."""
    DINGTALK_STREAM = "dingtalk_stream"
    DINGTALK_HTTP = "dingtalk_http"


class InboundKind(StrEnum):
    """What happened."""

    TEXT = "text"
    """Words: typed, forwarded, or a voice message that the platform wrote down."""
    FILE = "file"
    """A recording or a document to fetch."""
    CLICK = "click"
    """A press on a button of one of our cards."""
    ENTER = "enter"
    """The rep opened the chat; a welcome is due."""
    RATING = "rating"
    """Thumbs up or down beneath an answer."""
    OTHER = "other"
    """Something we do not read (a picture, a location): say so kindly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that the platform holds for us.

    Attributes:
        locator: What the adapter's `fetch` needs: a URL, a media id or a download code. Short-lived.
        key: The file's own key, where it is sent encrypted; else empty.
    """

    locator: str = field(repr=False)
    file_name: str = ""
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """A press on a button.

    Attributes:
        task_id: The card's id, as we sent it.
        key: The button's key, as we sent it, e.g. `accept:dec_01…:s1`.
    """

    task_id: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Where an answer goes.

    Attributes:
        user_id: The person's id on the platform.
        conversation_id: The platform's id of the group; in a single chat the person's own id.
        is_group: Whether others read along.
    """

    user_id: str
    conversation_id: str
    is_group: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage:
    """One thing that happened in a chat, verified and decrypted.

    Attributes:
        account_id: Our bot or app on that platform.
        dedupe_keys: Ids by which a redelivery is known; any one of them seen before means it is one.
        text: The sender's own words, our mention taken off; never anybody's instruction to the machine.
        quoted: Words of the message that was replied to or forwarded.
        reply_to: What the adapter needs to answer here (request id, session webhook and its expiry, …), JSON
            strings only. Secret: kept sealed with the message, never logged.
        sent_at: Unix seconds by the platform's clock.
    """

    channel: Channel
    account_id: str
    dedupe_keys: tuple[str, ...]
    sender: Sender
    kind: InboundKind
    sent_at: float
    text: str = field(default="", repr=False)
    quoted: str = field(default="", repr=False)
    attachment: Attachment | None = None
    click: Click | None = None
    reply_to: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def answer_id(self) -> str:
        """The id of the answer to come, the same for every delivery of this message; fit as a stream's id."""
        told = "\n".join((self.channel, self.account_id, self.dedupe_keys[0]))
        return f"ans_{hashlib.sha256(told.encode()).hexdigest()[:32]}"
