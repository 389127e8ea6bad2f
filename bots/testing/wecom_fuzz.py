"""Callbacks with something wrong in them: what is mutated and what comes of it.

`python -m bots.testing.wecom_fuzz 20000` prints how many were refused, accepted and broke something.
"""

from __future__ import annotations

import base64
import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from bots.platform import CallbackPlatform, CallbackRequest
from bots.testing.clock import LeapingClock
from bots.testing.wecom_callbacks import FakeCaller, app_text
from bots.wecom.app import WecomApp
from bots.wecom.bot_url import WecomBotUrl
from bots.wecom.config import WecomAppConfig, WecomBotUrlConfig
from bots.wecom.crypto import MessageCrypto
from domain.errors import SignatureError

_CORP = "wx5823bf96d3bd56c7"
_TOKEN = "QDG6eK"  # noqa: S105 - of the platform's own sample data
_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
_TEXT = {"msgid": "M1", "chattype": "single", "from": {"userid": "u"}, "msgtype": "text", "text": {"content": "喂"}}
_ENTITY = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
_HUGE = 1_100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Door:
    """One channel's callback address and those who call it."""

    platform: CallbackPlatform
    caller: FakeCaller
    stranger: FakeCaller
    is_xml: bool

    def good(self, chance: random.Random, caller: FakeCaller | None = None) -> CallbackRequest:
        """Return a call that is right, if the caller is."""
        caller = caller or self.caller
        if chance.random() < 0.2:
            return caller.address_check("1616140317555161061")
        return caller.app(app_text("客户嫌贵")) if self.is_xml else caller.bot(_TEXT)

    def body(self, encrypted: str) -> bytes:
        """Return a body that holds this."""
        if self.is_xml:
            return f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>".encode("utf-8", "surrogatepass")
        return json.dumps({"encrypt": encrypted}).encode()

    def signed(self, encrypted: str) -> CallbackRequest:
        """Return a call whose signature is right, whatever it holds."""
        signature = self.caller.crypto.signature("1795311000", "7", encrypted)
        query = {"msg_signature": signature, "timestamp": "1795311000", "nonce": "7"}
        return CallbackRequest(method="POST", query=query, headers={}, body=self.body(encrypted))


Mutation = Callable[[random.Random, _Door], CallbackRequest]


def fuzz(count: int, *, seed: int = 1) -> Counter[str]:
    """Send so many wrong callbacks to an app and a smart bot.

    Returns:
        `refused`; `accepted` if one brought a message or an answer; the name of any exception but `SignatureError`;
        `another refusal` if one was refused in other words than the rest.
    """
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    doors = _doors()
    return Counter(_outcome(door, chance.choice(_MUTATIONS)(chance, door)) for door in chance.choices(doors, k=count))


def _doors() -> list[_Door]:
    clock = LeapingClock()
    stranger = FakeCaller(MessageCrypto(token=_TOKEN, encoding_aes_key=_KEY, receive_id="wxsomebodyelse000"), clock)
    app = WecomAppConfig(corp_id=_CORP, agent_id=1000002, secret="s", token=_TOKEN, aes_key=_KEY)  # noqa: S106
    bot = WecomBotUrlConfig(bot_id="BOT", token=_TOKEN, aes_key=_KEY)
    for_app = FakeCaller(MessageCrypto(token=_TOKEN, encoding_aes_key=_KEY, receive_id=_CORP), clock)
    for_bot = FakeCaller(MessageCrypto(token=_TOKEN, encoding_aes_key=_KEY, receive_id=""), clock)
    return [
        _Door(platform=WecomApp(app, clock), caller=for_app, stranger=stranger, is_xml=True),
        _Door(platform=WecomBotUrl(bot, clock), caller=for_bot, stranger=stranger, is_xml=False),
    ]


def _outcome(door: _Door, request: CallbackRequest) -> str:
    try:
        answer = door.platform.receive(request)
    except SignatureError as error:
        return "refused" if (error.code, error.params) == ("bots.wecom_not_signed", {}) else "another refusal"
    except Exception as error:  # what a fuzz run is for
        return type(error).__name__
    return "accepted" if answer.messages or answer.body or answer.refresh else "accepted and left"


def _flipped_query(chance: random.Random, door: _Door) -> CallbackRequest:
    request = door.good(chance)
    name = chance.choice(sorted(request.query))
    return replace(request, query={**request.query, name: _flip(chance, request.query[name])})


def _missing_query(chance: random.Random, door: _Door) -> CallbackRequest:
    request = door.good(chance)
    gone = chance.choice(sorted(request.query))
    return replace(request, query={name: value for name, value in request.query.items() if name != gone})


def _flipped_encrypted(chance: random.Random, door: _Door) -> CallbackRequest:
    encrypted = door.caller.crypto.encrypt("客户嫌贵")
    return replace(door.signed(encrypted), body=door.body(_flip(chance, encrypted)))


def _replayed_signature(chance: random.Random, door: _Door) -> CallbackRequest:
    earlier = door.signed(door.caller.crypto.encrypt("客户嫌贵"))
    return replace(earlier, body=door.body(door.caller.crypto.encrypt("给他打一折")))


def _other_receiver(chance: random.Random, door: _Door) -> CallbackRequest:
    return door.good(chance, door.stranger)


def _other_token(chance: random.Random, door: _Door) -> CallbackRequest:
    crypto = replace(door.caller.crypto, token=f"t{chance.random()}")
    return door.good(chance, FakeCaller(crypto, LeapingClock()))


def _signed_nonsense(chance: random.Random, door: _Door) -> CallbackRequest:
    """Bad base64, half blocks, wrong padding, wrong lengths: all with a right signature."""
    whole = door.caller.crypto.encrypt("客户嫌贵" * chance.randrange(1, 9))
    raw = base64.b64decode(whole)
    broken = [
        chance.choice(["", "=", "客户", "A", "!!!!", "\ud800", "A" * 64 + "\0"]),
        whole[: chance.randrange(1, len(whole) - 1)],
        base64.b64encode(raw[: chance.randrange(1, len(raw) - 1)]).decode(),
        base64.b64encode(raw[:-16] + chance.randbytes(16)).decode(),
        base64.b64encode(chance.randbytes(16 * chance.randrange(1, 20))).decode(),
    ]
    return door.signed(chance.choice(broken))


def _signed_inner(chance: random.Random, door: _Door) -> CallbackRequest:
    """A message that is rightly encrypted and signed, and is nothing we read."""
    inner = [f"{_ENTITY}<xml><Content>&b;</Content></xml>", "<xml>", "<a>" * 5000, "\0", "{", "[]", "3", "[" * 50_000]
    inner += ["", "\ud7ff", "x" * 4000]
    return door.signed(door.caller.crypto.encrypt(chance.choice(inner)))


def _broken_body(chance: random.Random, door: _Door) -> CallbackRequest:
    good = door.signed(door.caller.crypto.encrypt("客户嫌贵"))
    text = good.body.decode()
    bodies = [
        b"",
        b"{",
        b"[" * 50_000,
        b"<a>" * 5000,
        b"\xff" * 100,
        text.encode("utf-16"),
        good.body[: chance.randrange(1, len(good.body) // 2)],
        f"{_ENTITY}<xml><Encrypt>&b;</Encrypt></xml>".encode(),
        _ENTITY.encode() + good.body,
        b"x" * _HUGE,
        door.body("A" * _HUGE),
        json.dumps({"encrypt": chance.choice([None, 3, [], {}, True])}).encode(),
        json.dumps({"encrypt": {"a": 10**400}}).encode(),
    ]
    return replace(good, body=chance.choice(bodies))


def _flip(chance: random.Random, text: str) -> str:
    """Change one character into another, or put one in."""
    at = chance.randrange(len(text))
    other = chance.choice([char for char in "Aa0+/=\n\0客\ud800 " if char != text[at]])
    return text[:at] + other + text[at + chance.randrange(2) :]


_MUTATIONS: tuple[Mutation, ...] = (
    _flipped_query,
    _missing_query,
    _flipped_encrypted,
    _replayed_signature,
    _other_receiver,
    _other_token,
    _signed_nonsense,
    _signed_inner,
    _broken_body,
)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(fuzz(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)) + "\n")
