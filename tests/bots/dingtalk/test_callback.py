from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from bots.dingtalk.callback import DingtalkCallback
from bots.dingtalk.config import DingtalkConfig
from bots.inbound import Channel
from bots.platform import CallbackRequest
from bots.testing.clock import LeapingClock
from bots.testing.dingtalk_callbacks import event_callback, robot_callback
from bots.testing.dingtalk_messages import robot_message
from bots.wecom.crypto import MessageCrypto, Sealed, decrypt_media, encrypt_media
from domain.errors import InputError, SignatureError

SECRET, TOKEN = "app-secret", "123456"
KEY = "4g5j64qlyl3zvetqxz5jiocdr586fn2zvjpa8zls3ij"
CRYPTO = MessageCrypto(token=TOKEN, encoding_aes_key=KEY, receive_id="app-1")

# Official vectors: D1 and D2 are the platform's events, D3 its encrypted answer.
D1 = (
    "0vJiX6vliEpwG3U45CtXqi+m8PXbQRARJ8p8BbDuD1EMTDf0jKpQ79QS93qEk7XHpP6u+oTTrd15NRPvNvmBKyDCYxxOK+HZeKju4yhELOFch"
    "zNukR+t8SB/qk4ROMu3"
)
D2 = (
    "1a3NBxmCFwkCJvfoQ7WhJHB+iX3qHPsc9JbaDznE1i03peOk1LaOQoRz3+nlyGNhwmwJ3vDMG+OzrHMeiZI7gTRWVdUBmfxjZ8Ej23JV"
    "Ya9VrYeJ5as7XM/ZpulX8NEQis44w53h1qAgnC3PRzM7Zc/D6Ibr0rgUathB6zRHP8PYrfgnNOS9PhSBdHlegK+AGGanfwjXuQ9+0pZcy0w9lQ=="
)
D3 = "DwCJ9BMxu4r+VTe9TD+AWc1yfxqs7d2YgepFe4XruMgh1+6pTjCCq4nqAM6StRcafOx5a1OfwmX3ckSBifatlA=="
CRYPTO_D1 = MessageCrypto(
    token="mryue", encoding_aes_key="Yue0EfdN5900c1ce5cf6A152c63DDe1808a60c5ecd7", receive_id="ding6ccabc44d2c8d38b"
)
CRYPTO_D2 = MessageCrypto(token=TOKEN, encoding_aes_key=KEY, receive_id="suite4xxxxxxxxxxxxxxx")
SEALED_D1 = Sealed(
    encrypted=D1, signature="03044561471240d4a14bb09372dfcfd4fd0e40cb", timestamp="1608001896814", nonce="WL4PK6yA"
)
SEALED_D2 = Sealed(
    encrypted=D2, signature="5a65ceeef9aab2d149439f82dc191dd6c5cbe2c0", timestamp="1445827045067", nonce="nEXhMP4r"
)


def test_the_official_events_are_opened() -> None:
    assert CRYPTO_D1.opened(SEALED_D1) == '{"EventType":"check_url"}'
    assert json.loads(CRYPTO_D2.opened(SEALED_D2))["EventType"] == "check_create_suite_url"


def test_the_official_events_may_have_line_breaks_in_their_base64() -> None:
    broken = base64.encodebytes(base64.b64decode(D1)).decode()
    signature = CRYPTO_D1.signature("1608001896814", "WL4PK6yA", broken)
    assert CRYPTO_D1.opened(replace(SEALED_D1, encrypted=broken, signature=signature)) == '{"EventType":"check_url"}'


def test_the_official_cipher_text_is_made_and_opened() -> None:
    plain = b"5p7b4jXMWUshiBCosucc111esssuite4xxxxxxxxxxxxxxx221"
    assert base64.b64encode(encrypt_media(plain, KEY)).decode() == D3
    assert decrypt_media(base64.b64decode(D3), KEY) == plain


@pytest.fixture
def clock() -> LeapingClock:
    return LeapingClock()


@pytest.fixture
def platform(clock: LeapingClock) -> DingtalkCallback:
    return DingtalkCallback(
        DingtalkConfig(client_id="app-1", client_secret=SECRET, event_token=TOKEN, event_aes_key=KEY), clock
    )


def call(clock: LeapingClock, **changed: object) -> CallbackRequest:
    return robot_callback(robot_message(**changed), secret=SECRET, now=clock.now())


def test_a_signed_message_is_read_and_answered_at_once(platform: DingtalkCallback, clock: LeapingClock) -> None:
    answer = platform.receive(call(clock))
    (message,) = answer.messages
    assert (message.channel, message.text) == (Channel.DINGTALK_HTTP, "客户说太贵了怎么回")
    assert message.dedupe_keys == ("msg:msgA==",)
    assert (answer.body, answer.media_type) == (b"{}", "application/json")


def test_header_names_may_be_written_in_any_case(platform: DingtalkCallback, clock: LeapingClock) -> None:
    request = call(clock)
    upper = replace(request, headers={name.upper(): value for name, value in request.headers.items()})
    assert len(platform.receive(upper).messages) == 1


def test_a_copied_signature_brings_no_other_message_in(platform: DingtalkCallback, clock: LeapingClock) -> None:
    request = call(clock)
    platform.receive(request)
    clock.skip(61)
    forged = replace(request, body=json.dumps(robot_message(msgId="forged")).encode())
    with pytest.raises(SignatureError):
        platform.receive(forged)
    assert platform.receive(request).messages[0].dedupe_keys == ("msg:msgA==",)


def test_an_old_call_is_refused(platform: DingtalkCallback, clock: LeapingClock) -> None:
    request = call(clock)
    clock.skip(3601)
    with pytest.raises(SignatureError):
        platform.receive(request)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe", b'{"msgId":1}', b"[" * 100_000])
def test_a_signed_call_without_a_message_brings_none(
    platform: DingtalkCallback, clock: LeapingClock, body: bytes
) -> None:
    assert platform.receive(replace(call(clock), body=body)).messages == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "GET"},
        {"headers": {}},
        {"headers": {"timestamp": "1", "sign": ""}},
        {"body": b"x" * (1024 * 1024 + 1)},
        {"query": {"signature": "x"}},
    ],
)
def test_everything_else_is_refused_alike(
    platform: DingtalkCallback, clock: LeapingClock, changed: dict[str, object]
) -> None:
    with pytest.raises(SignatureError):
        platform.receive(replace(call(clock), **changed))  # type: ignore[arg-type]


@pytest.mark.parametrize("event", [{"EventType": "check_url"}, {"EventType": "user_add_org", "UserId": ["a"]}])
def test_an_event_is_answered_with_an_encrypted_success(
    platform: DingtalkCallback, clock: LeapingClock, event: dict[str, object]
) -> None:
    answer = platform.receive(event_callback(event, CRYPTO, now=clock.now()))
    said = json.loads(answer.body)
    assert set(said) == {"msg_signature", "timeStamp", "nonce", "encrypt"}
    sealed = Sealed(
        encrypted=said["encrypt"], signature=said["msg_signature"], timestamp=said["timeStamp"], nonce=said["nonce"]
    )
    assert CRYPTO.opened(sealed) == "success"
    assert answer.messages == ()


def test_the_signature_may_have_its_short_name(platform: DingtalkCallback, clock: LeapingClock) -> None:
    request = event_callback({"EventType": "check_url"}, CRYPTO, now=clock.now())
    query = {"signature" if name == "msg_signature" else name: value for name, value in request.query.items()}
    assert platform.receive(replace(request, query=query)).body


def test_an_event_for_another_app_is_refused(platform: DingtalkCallback, clock: LeapingClock) -> None:
    other = MessageCrypto(token=TOKEN, encoding_aes_key=KEY, receive_id="app-2")
    with pytest.raises(SignatureError):
        platform.receive(event_callback({"EventType": "check_url"}, other, now=clock.now()))


def test_without_a_subscription_no_event_is_believed(clock: LeapingClock) -> None:
    platform = DingtalkCallback(DingtalkConfig(client_id="app-1", client_secret=SECRET), clock)
    with pytest.raises(SignatureError):
        platform.receive(event_callback({"EventType": "check_url"}, CRYPTO, now=clock.now()))


def test_a_key_of_the_wrong_length_is_said_at_the_start(clock: LeapingClock) -> None:
    with pytest.raises(InputError):
        DingtalkCallback(
            DingtalkConfig(client_id="app-1", client_secret=SECRET, event_token=TOKEN, event_aes_key=KEY[:-1]), clock
        )
