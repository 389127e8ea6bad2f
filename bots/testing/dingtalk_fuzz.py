"""Callbacks with something wrong in them: what is mutated and what comes of it.

`python -m bots.testing.dingtalk_fuzz 20000` prints how many were refused, accepted and broke something.
"""

from __future__ import annotations

import base64
import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from structlog.testing import capture_logs

from bots.dingtalk.callback import DingtalkCallback
from bots.dingtalk.config import DingtalkConfig
from bots.dingtalk.signature import sign
from bots.platform import CallbackRequest
from bots.testing.clock import LeapingClock
from bots.testing.dingtalk_callbacks import event_callback, robot_callback
from bots.testing.dingtalk_messages import robot_message
from bots.wecom.crypto import MessageCrypto
from domain.errors import SignatureError

SECRET, TOKEN, KEY = "app-secret", "123456", "4g5j64qlyl3zvetqxz5jiocdr586fn2zvjpa8zls3ij"

Mutation = Callable[[random.Random, CallbackRequest], CallbackRequest]


def fuzz(count: int, *, seed: int = 1) -> Counter[str]:
    """Send so many wrong callbacks.

    Returns:
        `refused`; `accepted` if one brought a message or an encrypted answer; `empty` for signed calls whose body
        says nothing (the signature does not cover the body); the name of any other exception.
    """
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    clock = LeapingClock()
    config = DingtalkConfig(client_id="app-1", client_secret=SECRET, event_token=TOKEN, event_aes_key=KEY)
    platform = DingtalkCallback(config, clock)
    outcomes: Counter[str] = Counter()
    for _ in range(count):
        request, mutations = _start(chance, clock)
        outcomes[_outcome(platform, chance.choice(mutations)(chance, request))] += 1
        clock.skip(chance.choice([0.0, 0.001, 61.0]))
    return outcomes


def _start(chance: random.Random, clock: LeapingClock) -> tuple[CallbackRequest, tuple[Mutation, ...]]:
    if chance.random() < 0.5:
        return robot_callback(robot_message(), secret=SECRET, now=clock.now()), _ROBOT
    crypto = MessageCrypto(token=TOKEN, encoding_aes_key=KEY, receive_id="app-1")
    return event_callback({"EventType": "check_url"}, crypto, now=clock.now()), _EVENT


def _outcome(platform: DingtalkCallback, request: CallbackRequest) -> str:
    try:
        answer = platform.receive(request)
    except SignatureError:
        return "refused"
    except Exception as error:  # what a fuzz run is for
        return type(error).__name__
    return "empty" if answer.body == b"{}" and not answer.messages else "accepted"


def _flip(chance: random.Random, text: str) -> str:
    """Change one character into another."""
    at = chance.randrange(len(text))
    other = chance.choice([char for char in "Aa0+/=\n\0客\ud800 " if char != text[at]])
    return text[:at] + other + text[at + 1 :]


def _header(name: str) -> Mutation:
    def mutate(chance: random.Random, request: CallbackRequest) -> CallbackRequest:
        return replace(request, headers={**request.headers, name: _flip(chance, request.headers[name])})

    return mutate


def _query(name: str) -> Mutation:
    def mutate(chance: random.Random, request: CallbackRequest) -> CallbackRequest:
        return replace(request, query={**request.query, name: _flip(chance, request.query[name])})

    return mutate


def _missing_header(chance: random.Random, request: CallbackRequest) -> CallbackRequest:
    gone = chance.choice(["timestamp", "sign"])
    return replace(request, headers={name: value for name, value in request.headers.items() if name != gone})


def _old(chance: random.Random, request: CallbackRequest) -> CallbackRequest:
    away_ms = chance.choice([-1, 1]) * chance.randrange(3_600_001, 10**9)
    timestamp = str(int(request.headers["timestamp"]) + away_ms)
    return replace(request, headers={**request.headers, "timestamp": timestamp, "sign": sign(SECRET, timestamp)})


def _other_secret(chance: random.Random, request: CallbackRequest) -> CallbackRequest:
    timestamp = request.headers["timestamp"]
    return replace(request, headers={**request.headers, "sign": sign(f"{SECRET}{chance.random()}", timestamp)})


def _broken_body(chance: random.Random, request: CallbackRequest) -> CallbackRequest:
    bodies = [
        b"",
        b"{",
        b"[" * 50_000,
        b"\xff" * 100,
        request.body[: chance.randrange(1, len(request.body) - 1)],
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        b"x" * (1024 * 1024 + 1),
        json.dumps({**robot_message(), "msgId": "x" * 600}).encode(),
        json.dumps({**robot_message(), "msgId": {"a": 1}}).encode(),
    ]
    return replace(request, body=chance.choice(bodies))


def _method(chance: random.Random, request: CallbackRequest) -> CallbackRequest:
    return replace(request, method=chance.choice(["GET", "PUT", "", "post"]))


def _encrypted(change: Callable[[random.Random, bytes], bytes], *, signed: bool) -> Mutation:
    """Change the bytes of what is encrypted; `signed` as if somebody knew the token but not the key."""

    def mutate(chance: random.Random, request: CallbackRequest) -> CallbackRequest:
        raw = base64.b64decode(json.loads(request.body)["encrypt"])
        text = base64.b64encode(change(chance, raw)).decode()
        query = dict(request.query)
        if signed:
            crypto = MessageCrypto(token=TOKEN, encoding_aes_key=KEY, receive_id="app-1")
            query["msg_signature"] = crypto.signature(query["timestamp"], query["nonce"], text)
        return replace(request, query=query, body=json.dumps({"encrypt": text}).encode())

    return mutate


def _shorter(chance: random.Random, raw: bytes) -> bytes:
    return raw[: chance.randrange(len(raw))]


def _garbled_end(chance: random.Random, raw: bytes) -> bytes:
    """Garble the last block: the padding and the receiver no longer fit."""
    at = len(raw) - chance.randrange(1, 17)
    return raw[:at] + bytes([raw[at] ^ chance.randrange(1, 256)]) + raw[at + 1 :]


def _noise(chance: random.Random, raw: bytes) -> bytes:
    return chance.randbytes(len(raw))


def _other_receiver(chance: random.Random, request: CallbackRequest) -> CallbackRequest:
    receiver = chance.choice(["", "app-2", "app-10", "APP-1"])
    crypto = MessageCrypto(token=TOKEN, encoding_aes_key=KEY, receive_id=receiver)
    return event_callback({"EventType": "check_url"}, crypto, now=int(request.query["timestamp"]) / 1000)


def _not_encrypted(chance: random.Random, request: CallbackRequest) -> CallbackRequest:
    bodies: list[object] = [{}, [], None, {"encrypt": None}, {"encrypt": ""}, {"encrypt": ["a"]}, {"encrypt": "客"}]
    return replace(request, body=json.dumps(chance.choice(bodies)).encode())


_ROBOT: tuple[Mutation, ...] = (
    _header("timestamp"),
    _header("sign"),
    _missing_header,
    _old,
    _other_secret,
    _broken_body,
    _method,
)
_EVENT: tuple[Mutation, ...] = (
    _query("msg_signature"),
    _query("timestamp"),
    _query("nonce"),
    _encrypted(_shorter, signed=False),
    _encrypted(_shorter, signed=True),
    _encrypted(_garbled_end, signed=True),
    _encrypted(_noise, signed=True),
    _other_receiver,
    _not_encrypted,
    _method,
)


if __name__ == "__main__":
    with capture_logs():
        found = fuzz(int(sys.argv[1]))
    print(json.dumps(found))  # noqa: T201 - the figure
