"""The signature of the robot's HTTP callbacks. It does not cover the body, so old or reused ones are refused too."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import OrderedDict

from domain.errors import SignatureError

FRESH_S = 60.0
"""A signature that was seen this long ago with another body is a copy: the platform signs each call anew."""
_REMEMBERED = 10_000


def sign(secret: str, timestamp_ms: str) -> str:
    """Return base64(HMAC-SHA256(key=secret, timestamp + newline + secret))."""
    digest = hmac.digest(secret.encode(), f"{timestamp_ms}\n{secret}".encode(), hashlib.sha256)
    return base64.b64encode(digest).decode("ascii")


class SignatureGuard:
    """Believes a callback's `timestamp` and `sign` headers or refuses them.

    Args:
        skew_s: How far the timestamp may lie from now.
    """

    def __init__(self, secret: str, *, skew_s: float) -> None:
        self._secret = secret
        self._skew_s = skew_s
        self._first_seen: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    def check(self, timestamp_ms: str, given: str, body: bytes, *, now: float) -> None:
        """Return when the call is the platform's.

        Raises:
            SignatureError: The signature is wrong, too old, from the future, or a copy with another body.
        """
        expected = sign(self._secret, timestamp_ms) if timestamp_ms.isdecimal() and len(timestamp_ms) <= 16 else ""
        if not expected or not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
            raise SignatureError("bots.dingtalk_not_signed")
        if abs(now - int(timestamp_ms) / 1000) > self._skew_s:
            raise SignatureError("bots.dingtalk_not_signed")
        self._refuse_copy(str(int(timestamp_ms)), hashlib.sha256(body).digest(), now)

    def _refuse_copy(self, timestamp_ms: str, digest: bytes, now: float) -> None:
        seen_at, seen = self._first_seen.setdefault(timestamp_ms, (now, digest))
        if digest != seen and now - seen_at > FRESH_S:
            raise SignatureError("bots.dingtalk_not_signed")
        while len(self._first_seen) > _REMEMBERED:
            self._first_seen.popitem(last=False)
