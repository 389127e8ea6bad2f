"""Messages as the platform's documentation shows them."""

from __future__ import annotations

import json
from typing import Any

NOW = 1_700_000_000.0
"""Unix seconds at which the messages are sent."""


def robot_message(**changed: Any) -> dict[str, Any]:
    """Return a message to the robot, with some fields changed."""
    message = {
        "conversationId": "cidX==",
        "conversationType": "1",
        "chatbotCorpId": "dingcorp",
        "chatbotUserId": "$:LWCP_v1:$bot",
        "robotCode": "dingbot",
        "msgId": "msgA==",
        "msgtype": "text",
        "text": {"content": " 客户说太贵了怎么回"},
        "senderNick": "张三",
        "senderStaffId": "user123",
        "senderId": "$:LWCP_v1:$u",
        "senderCorpId": "dingcorp",
        "isInAtList": True,
        "atUsers": [{"dingtalkId": "$:LWCP_v1:$bot", "staffId": ""}],
        "createAt": 1_700_000_000_000,
        "sessionWebhook": "https://oapi.dingtalk.com/robot/sendBySession?session=secret-session",
        "sessionWebhookExpiredTime": 1_700_005_400_000,
    }
    return {**message, **changed}


def press(key: str = "accept:dec_1:s1", **changed: Any) -> dict[str, Any]:
    """Return a press on a button of a card."""
    content = {"cardPrivateData": {"actionIds": ["accept"], "params": {"key": key}}}
    message = {
        "extension": "{}",
        "corpId": "dingcorp",
        "type": "actionCallback",
        "userId": "user123",
        "spaceId": "cidX==",
        "spaceType": "IM_ROBOT",
        "outTrackId": "card-1",
        "content": json.dumps(content),
    }
    return {**message, **changed}
