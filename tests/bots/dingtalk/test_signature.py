from __future__ import annotations

import pytest

from bots.dingtalk.signature import SignatureGuard, sign
from domain.errors import SignatureError

SECRET, TIMESTAMP = "this is secret", "1577262236757"
SIGN = "hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM="
NOW = 1_577_262_236.757


def guard() -> SignatureGuard:
    return SignatureGuard(SECRET, skew_s=3600)


def test_the_signature_is_the_documented_one() -> None:
    assert sign(SECRET, TIMESTAMP) == SIGN


def test_a_signed_call_is_believed() -> None:
    guard().check(TIMESTAMP, SIGN, b"{}", now=NOW)


@pytest.mark.parametrize(
    ("timestamp", "given"),
    [
        (TIMESTAMP, SIGN[:-2] + "A="),
        (TIMESTAMP, ""),
        (TIMESTAMP, "客" * 44),
        ("1577262236758", SIGN),
        ("", sign(SECRET, "")),
        ("-1", sign(SECRET, "-1")),
        ("٣", sign(SECRET, "٣")),
        ("9" * 400, sign(SECRET, "9" * 400)),
    ],
)
def test_any_other_signature_is_refused(timestamp: str, given: str) -> None:
    with pytest.raises(SignatureError):
        guard().check(timestamp, given, b"{}", now=NOW)


@pytest.mark.parametrize("away_s", [-3601, 3601])
def test_an_hour_away_is_too_far(away_s: float) -> None:
    with pytest.raises(SignatureError):
        guard().check(TIMESTAMP, SIGN, b"{}", now=NOW + away_s)


def test_the_platform_may_repeat_the_same_call_later() -> None:
    one = guard()
    one.check(TIMESTAMP, SIGN, b"{}", now=NOW)
    one.check(TIMESTAMP, SIGN, b"{}", now=NOW + 600)


def test_two_calls_of_the_same_millisecond_are_both_believed() -> None:
    one = guard()
    one.check(TIMESTAMP, SIGN, b"{}", now=NOW)
    one.check(TIMESTAMP, SIGN, b'{"a": 1}', now=NOW + 5)


def test_a_copied_signature_on_another_body_is_refused() -> None:
    one = guard()
    one.check(TIMESTAMP, SIGN, b"{}", now=NOW)
    with pytest.raises(SignatureError):
        one.check(TIMESTAMP, SIGN, b'{"a": 1}', now=NOW + 61)
