"""The bodies of the card and message calls, as the platform's own SDK sends them; pure."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from bots.dingtalk.config import DingtalkConfig
from bots.inbound import Sender
from bots.outgoing import Card, State

CREATE = "/v1.0/card/instances"
DELIVER = "/v1.0/card/instances/deliver"
STREAMING = "/v1.0/card/streaming"
SEND_TO_PERSON = "/v1.0/robot/oToMessages/batchSend"
SEND_TO_GROUP = "/v1.0/robot/groupMessages/send"
DOWNLOAD = "/v1.0/robot/messageFiles/download"

_NAMESPACE = uuid.UUID("6a0c9d4e-5b8f-4f4e-9a51-0d6d8a1f7c11")
_FLOW = {State.THINKING: "1", State.WRITING: "2", State.FINISHED: "3", State.FAILED: "5"}


def card_id(answer_id: str) -> str:
    """Return the card's id for an answer: the same for every try, in whatever process."""
    return f"zq-{uuid.uuid5(_NAMESPACE, answer_id).hex}"


def create(config: DingtalkConfig, out_track_id: str) -> dict[str, Any]:
    """Return the body that makes an empty card."""
    return {
        "cardTemplateId": config.card_template_id,
        "outTrackId": out_track_id,
        "cardData": {"cardParamMap": {config.card_content_key: "", "flowStatus": _FLOW[State.THINKING]}},
        "callbackType": "STREAM",
        "imGroupOpenSpaceModel": {"supportForward": True},
        "imRobotOpenSpaceModel": {"supportForward": True},
    }


def deliver(config: DingtalkConfig, out_track_id: str, to: Sender) -> dict[str, Any]:
    """Return the body that shows a card in a chat."""
    body: dict[str, Any] = {"outTrackId": out_track_id, "userIdType": 1}
    if to.is_group:
        body["openSpaceId"] = f"dtv1.card//IM_GROUP.{to.conversation_id}"
        body["imGroupOpenDeliverModel"] = {"robotCode": config.robot}
    else:
        body["openSpaceId"] = f"dtv1.card//IM_ROBOT.{to.user_id}"
        body["imRobotOpenDeliverModel"] = {"spaceType": "IM_ROBOT"}
    return body


def streaming(config: DingtalkConfig, out_track_id: str, text: str, state: State) -> dict[str, Any]:
    """Return the body that shows a card's whole text so far.

    The `guid` is made of what is shown, so that a second try of the same call is known as one.
    """
    is_final = state in (State.FINISHED, State.FAILED)
    return {
        "outTrackId": out_track_id,
        "guid": str(uuid.uuid5(_NAMESPACE, f"{out_track_id}\n{state.value}\n{text}")),
        "key": config.card_content_key,
        "content": text,
        "isFull": True,
        "isFinalize": is_final,
        "isError": state is State.FAILED,
    }


def finish(
    config: DingtalkConfig, out_track_id: str, text: str, state: State, more: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the body that puts a card into its last state."""
    values = {config.card_content_key: text, **(more or {}), "flowStatus": _FLOW[state]}
    return {"outTrackId": out_track_id, "cardData": {"cardParamMap": values}}


def change(out_track_id: str, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the body that changes some variables of a card and leaves the others."""
    return {
        "outTrackId": out_track_id,
        "cardData": {"cardParamMap": dict(values)},
        "cardUpdateOptions": {"updateCardDataByKey": True},
    }


def buttons(card: Card) -> str:
    """Return the JSON text for the template's buttons; after a press one that cannot be pressed."""
    if card.done:
        rows: list[dict[str, object]] = [{"text": card.done, "key": "", "disabled": True}]
    else:
        rows = [{"text": button.text, "key": button.key, "style": button.style} for button in card.buttons]
    return json.dumps(rows, ensure_ascii=False)


def message(config: DingtalkConfig, to: Sender, *, title: str, text: str) -> tuple[str, dict[str, Any]]:
    """Return path and body of a markdown message by the open API."""
    body: dict[str, Any] = {
        "robotCode": config.robot,
        "msgKey": "sampleMarkdown",
        "msgParam": json.dumps({"title": title, "text": text}, ensure_ascii=False),
    }
    if to.is_group:
        return SEND_TO_GROUP, {**body, "openConversationId": to.conversation_id}
    return SEND_TO_PERSON, {**body, "userIds": [to.user_id]}


def webhook_message(*, title: str, text: str, mention: str = "") -> dict[str, Any]:
    """Return the body of a markdown message by session webhook; a mention shines only where the text has it too."""
    body: dict[str, Any] = {"msgtype": "markdown", "markdown": {"title": title, "text": text}}
    if mention:
        body["markdown"]["text"] = f"@{mention} \n\n{text}"
        body["at"] = {"atUserIds": [mention], "isAtAll": False}
    return body
