"""WeCom as the caller: signed and encrypted requests to our callback address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from bots.clock import Clock
from bots.platform import CallbackAnswer, CallbackRequest
from bots.wecom.crypto import MessageCrypto, Sealed

_Fields = Mapping[str, Any]


@dataclass(slots=True)
class FakeCaller:
    """Signs as the platform does; for apps in XML, for smart bots in JSON."""

    crypto: MessageCrypto
    clock: Clock
    _nonces: count[int] = field(default_factory=lambda: count(1372623149))

    def address_check(self, word: str) -> CallbackRequest:
        """Return the console's check of our address, which wants `word` back."""
        sealed = self._sealed(word)
        return CallbackRequest(
            method="GET", query={**_query(sealed), "echostr": sealed.encrypted}, headers={}, body=b""
        )

    def app(self, fields: _Fields) -> CallbackRequest:
        """Return an app's message."""
        sealed = self._sealed(f"<xml>{_xml(fields)}</xml>")
        body = _xml({"xml": {"ToUserName": self.crypto.receive_id, "Encrypt": sealed.encrypted}})
        return CallbackRequest(method="POST", query=_query(sealed), headers={}, body=body.encode())

    def bot(self, message: _Fields) -> CallbackRequest:
        """Return a smart bot's message, event or request for the present text."""
        sealed = self._sealed(json.dumps(message, ensure_ascii=False))
        body = json.dumps({"encrypt": sealed.encrypted}).encode()
        return CallbackRequest(method="POST", query=_query(sealed), headers={}, body=body)

    def read(self, answer: CallbackAnswer) -> dict[str, Any]:
        """Verify and decrypt our answer to a smart bot's callback; empty if there is none."""
        if not answer.body:
            return {}
        found = json.loads(answer.body)
        sealed = Sealed(
            encrypted=found["encrypt"],
            signature=found["msgsignature"],
            timestamp=str(found["timestamp"]),
            nonce=found["nonce"],
        )
        said: dict[str, Any] = json.loads(self.crypto.opened(sealed))
        return said

    def _sealed(self, message: str) -> Sealed:
        return self.crypto.sealed(message, timestamp=str(int(self.clock.now())), nonce=str(next(self._nonces)))


def app_text(text: str, *, user: str = "zhangsan", message_id: str = "4561255354251345929") -> dict[str, Any]:
    """Return the elements of a text message."""
    return {
        "ToUserName": "wx5823bf96d3bd56c7",
        "FromUserName": user,
        "CreateTime": 1795311000,
        "MsgType": "text",
        "Content": text,
        "MsgId": message_id,
        "AgentID": 1000002,
    }


def app_event(event: str, **more: Any) -> dict[str, Any]:
    """Return the elements of an event."""
    common = {"FromUserName": "zhangsan", "CreateTime": 1795311000, "MsgType": "event", "AgentID": 1000002}
    return {**common, "Event": event, **more}


def _query(sealed: Sealed) -> dict[str, str]:
    return {"msg_signature": sealed.signature, "timestamp": sealed.timestamp, "nonce": sealed.nonce}


def _xml(fields: _Fields) -> str:
    return "".join(f"<{name}>{_element(value)}</{name}>" for name, value in fields.items())


def _element(value: Any) -> str:
    if isinstance(value, Mapping):
        return _xml(value)
    if isinstance(value, int):
        return str(value)
    return f"<![CDATA[{str(value).replace(']]>', ']]]]><![CDATA[>')}]]>"
