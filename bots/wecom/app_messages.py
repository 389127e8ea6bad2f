"""What a self-built app's callbacks mean."""

from __future__ import annotations

from collections.abc import Mapping

from bots.inbound import Attachment, Channel, Click, InboundKind, InboundMessage, Sender
from bots.wecom.cards import DONE_KEY

_IDENTITY = ("FromUserName", "CreateTime", "Event", "EventKey", "ChangeType", "ExternalUserID", "UserID", "TaskId")


def read_app_message(fields: Mapping[str, str], account_id: str, *, now: float) -> InboundMessage | None:
    """Return a message, or None for an event that says nothing to a coach.

    Args:
        fields: The decrypted XML's elements.
        now: Unix seconds, where the message has no time of its own.
    """
    user = fields.get("FromUserName", "")
    kind = _kind(fields)
    if not user or kind is None:
        return None
    click = _click(fields) if kind is InboundKind.CLICK else None
    return InboundMessage(
        channel=Channel.WECOM_APP,
        account_id=account_id,
        dedupe_keys=_dedupe_keys(fields, click),
        sender=Sender(user_id=user, conversation_id=user),
        kind=kind,
        sent_at=_seconds(fields.get("CreateTime", ""), now),
        text=_text(fields, kind),
        attachment=_attachment(fields) if kind is InboundKind.FILE else None,
        click=click,
        reply_to=_reply_to(fields, kind),
    )


def _kind(fields: Mapping[str, str]) -> InboundKind | None:
    kind = fields.get("MsgType", "")
    if kind == "event":
        return _event_kind(fields)
    if kind == "text":
        return InboundKind.TEXT
    if kind == "voice":
        return InboundKind.TEXT if fields.get("Recognition", "").strip() else InboundKind.FILE
    if kind in ("video", "file"):
        return InboundKind.FILE
    return InboundKind.OTHER if kind else None


def _event_kind(fields: Mapping[str, str]) -> InboundKind | None:
    event = fields.get("Event", "")
    if event in ("enter_agent", "subscribe"):
        return InboundKind.ENTER
    if event == "template_card_event":
        return None if fields.get("EventKey") == DONE_KEY else InboundKind.CLICK
    return InboundKind.TEXT if event == "click" and fields.get("EventKey") else None


def _text(fields: Mapping[str, str], kind: InboundKind) -> str:
    if kind is not InboundKind.TEXT:
        return ""
    # A press on the app's menu says what its key says.
    words = fields.get("Content") or fields.get("Recognition") or fields.get("EventKey") or ""
    return words.strip()


def _click(fields: Mapping[str, str]) -> Click:
    return Click(task_id=fields.get("TaskId", ""), key=fields.get("EventKey", ""))


def _attachment(fields: Mapping[str, str]) -> Attachment:
    endings = {"voice": fields.get("Format") or "amr", "video": "mp4"}
    name = fields.get("FileName") or fields.get("Title", "")
    kind = fields.get("MsgType", "")
    return Attachment(
        locator=fields.get("MediaId", ""), file_name=name or (f"{kind}.{endings[kind]}" if kind in endings else "")
    )


def _dedupe_keys(fields: Mapping[str, str], click: Click | None) -> tuple[str, ...]:
    if message_id := fields.get("MsgId"):
        return (message_id,)
    # "FromUserName + CreateTime" alone loses the second of two events in one second.
    key = ":".join(("event", *(fields.get(name, "") for name in _IDENTITY), fields.get("AgentID", "")))
    return (key, f"click:{click.task_id}:{click.key}:{fields['FromUserName']}") if click else (key,)


def _reply_to(fields: Mapping[str, str], kind: InboundKind) -> dict[str, str]:
    code = fields.get("ResponseCode", "")
    return {"kind": kind.value, **({"response_code": code} if code else {})}


def _seconds(text: str, otherwise: float) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 12 else otherwise
