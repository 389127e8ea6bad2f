"""HTTP callbacks as the platform makes them."""

from __future__ import annotations

import json
import secrets
from typing import Any

from bots.dingtalk.signature import sign
from bots.platform import CallbackRequest
from bots.wecom.crypto import MessageCrypto


def robot_callback(message: dict[str, Any], *, secret: str, now: float) -> CallbackRequest:
    """Return a signed call with a message to the robot."""
    timestamp = str(int(now * 1000))
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "timestamp": timestamp,
        "sign": sign(secret, timestamp),
    }
    return CallbackRequest(
        method="POST", query={}, headers=headers, body=json.dumps(message, ensure_ascii=False).encode()
    )


def event_callback(event: dict[str, Any], crypto: MessageCrypto, *, now: float) -> CallbackRequest:
    """Return an encrypted call with an event."""
    sealed = crypto.sealed(json.dumps(event), timestamp=str(int(now * 1000)), nonce=secrets.token_hex(4))
    query = {"msg_signature": sealed.signature, "timestamp": sealed.timestamp, "nonce": sealed.nonce}
    return CallbackRequest(
        method="POST", query=query, headers={}, body=json.dumps({"encrypt": sealed.encrypted}).encode()
    )
