"""The outer form of callbacks: what is encrypted where, as XML for apps and as JSON for smart bots."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from xml.parsers import expat

from bots.platform import CallbackRequest
from bots.wecom.crypto import MessageCrypto, Sealed
from domain.errors import SignatureError

_MAX_BYTES = 1 << 20
_MAX_DEPTH = 8


def opened_echo(request: CallbackRequest, crypto: MessageCrypto) -> str:
    """Return what the address check wants to hear back.

    Raises:
        SignatureError: It is not the platform that asks.
    """
    return crypto.opened(_sealed(request.query, request.query.get("echostr", "")))


def opened_xml(request: CallbackRequest, crypto: MessageCrypto) -> dict[str, str]:
    """Return a message's elements by path below the root, e.g. `SelectedItems/SelectedItem/QuestionKey`.

    Raises:
        SignatureError: It is not from the platform, or is no such XML.
    """
    encrypted = _xml(_bounded(request.body)).get("Encrypt", "")
    return _xml(crypto.opened(_sealed(request.query, encrypted)).encode())


def opened_json(request: CallbackRequest, crypto: MessageCrypto) -> dict[str, Any]:
    """Return a message's object.

    Raises:
        SignatureError: It is not from the platform, or is no JSON object.
    """
    encrypted = _json_object(_bounded(request.body)).get("encrypt")
    if not isinstance(encrypted, str):
        raise SignatureError("bots.wecom_not_signed")
    return _json_object(crypto.opened(_sealed(request.query, encrypted)).encode())


def refuse_old(request: CallbackRequest, skew_s: float | None, *, now: float) -> None:
    """Refuse a request whose signed time is more than `skew_s` away from ours; None refuses nothing.

    Raises:
        SignatureError: It is too old, too new, or says no time.
    """
    stamp = request.query.get("timestamp", "")
    if skew_s is None:
        return
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12 and abs(now - int(stamp)) <= skew_s):
        raise SignatureError("bots.wecom_not_signed")


def sealed_json(message: Mapping[str, Any], request: CallbackRequest, crypto: MessageCrypto, *, now: float) -> bytes:
    """Return the body that answers a smart bot's callback."""
    nonce = request.query.get("nonce", "")
    sealed = crypto.sealed(json.dumps(message, ensure_ascii=False), timestamp=str(int(now)), nonce=nonce)
    body = {"encrypt": sealed.encrypted, "msgsignature": sealed.signature, "timestamp": int(now), "nonce": nonce}
    return json.dumps(body).encode()


def _sealed(query: Mapping[str, str], encrypted: str) -> Sealed:
    if not encrypted:
        raise SignatureError("bots.wecom_not_signed")
    return Sealed(
        encrypted=encrypted,
        signature=query.get("msg_signature", ""),
        timestamp=query.get("timestamp", ""),
        nonce=query.get("nonce", ""),
    )


def _bounded(body: bytes) -> bytes:
    if len(body) > _MAX_BYTES:
        raise SignatureError("bots.wecom_not_signed")
    return body


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise SignatureError("bots.wecom_not_signed") from error
    if not isinstance(found, dict):
        raise SignatureError("bots.wecom_not_signed")
    return found


def _xml(body: bytes) -> dict[str, str]:
    reader = _Reader()
    try:
        reader.parser.Parse(body, True)
    except (expat.ExpatError, ValueError) as error:
        raise SignatureError("bots.wecom_not_signed") from error
    return {path: "".join(words) for path, words in reader.found.items()}


class _Reader:
    """Collects the text of each path's first element; refuses document types, entities and deep nesting."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}
        self._path: list[str] = []
        self._target: list[str] | None = None
        self.parser = expat.ParserCreate("utf-8")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._words
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        if len(self._path) > _MAX_DEPTH:
            self._refuse()
        path = "/".join(self._path[1:])
        self._target = None if path in self.found else self.found.setdefault(path, [])

    def _end(self, name: str) -> None:
        self._path.pop()
        self._target = None

    def _words(self, words: str) -> None:
        if self._target is not None:
            self._target.append(words)

    @staticmethod
    def _refuse(*declared: object) -> None:
        raise SignatureError("bots.wecom_not_signed")
