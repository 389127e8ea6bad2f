"""The platform's own vectors (V1, V2, V6), ours (V3 to V5, V7) and a library that others wrote, in both directions."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.wecom.crypto import MessageCrypto, Sealed, decrypt_media, encrypt_media
from domain.errors import InputError, SignatureError

CORP = "wx5823bf96d3bd56c7"
TOKEN, KEY = "QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
APP = MessageCrypto(token=TOKEN, encoding_aes_key=KEY, receive_id=CORP)
BOT = MessageCrypto(token=TOKEN, encoding_aes_key=KEY, receive_id="")
PREFIX, TIMESTAMP, NONCE = b"0123456789abcdef", "1409659813", "1372623149"

V1 = "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=="
V2 = (
    "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/s"
    "YYvuJTs3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJ"
    "YuR+LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGU"
    "callcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDY"
    "A5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q=="
)
V2_PLAIN = (
    "<xml><ToUserName><![CDATA[wx5823bf96d3bd56c7]]></ToUserName>\n"
    "<FromUserName><![CDATA[mycreate]]></FromUserName>\n<CreateTime>1409659813</CreateTime>\n"
    "<MsgType><![CDATA[text]]></MsgType>\n<Content><![CDATA[hello]]></Content>\n"
    "<MsgId>4561255354251345929</MsgId>\n<AgentID>218</AgentID>\n</xml>"
)
V6 = (
    "CZWs4CWRpI4VolQlvn4dlEC1alN2MUEY2VklGehgBVLBrlVF7SyT+SV+Toj43l4ayJ9UMGKphktKKmP7B2j/P1ey67XB8PBgS7Wr5/8+"
    "w/yWriZv3Vmoo/MH3/1HsIWZrPQ3N2mJrelStIfI2Y8kLKXA7EhfZgZX4o+ffdkZDM76SEl79Ib9mw7TGjZ9Aw/x/A2VjNbV1E8BtEbR"
    "xYYcQippYNw7hr8sFfa3nW1xLdxokt8QkRX83vK3DFP2F6TQFPL2Tu98UwhcUpPvdJBuu1/yiOQIScppV3eOuLWEsko="
)
V6_PLAIN = (
    '{"ToUserName":"wx5823bf96d3bd56c7","FromUserName":"mycreate","CreateTime": 1409659813,'
    '"MsgType":"text","Content":"hello","MsgId":4561255354251345929,"AgentID": 218}'
)


@pytest.mark.parametrize(
    ("signature", "timestamp", "nonce", "encrypted", "plain"),
    [
        ("5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3", "1409659589", "263014780", V1, "1616140317555161061"),
        ("477715d11cdb4164915debcba66cb864d751f3e6", TIMESTAMP, NONCE, V2, V2_PLAIN),
        ("0623cbc5a8cbee5bcc137c70de99575366fc2af3", TIMESTAMP, NONCE, V6, V6_PLAIN),
    ],
)
def test_the_platforms_vectors_open(signature: str, timestamp: str, nonce: str, encrypted: str, plain: str) -> None:
    sealed = Sealed(encrypted=encrypted, signature=signature, timestamp=timestamp, nonce=nonce)

    assert APP.opened(sealed) == plain


@pytest.mark.parametrize(
    ("encrypted", "plain"), [(V1, "1616140317555161061"), (V2, V2_PLAIN), (V6, V6_PLAIN)], ids=["V1", "V2", "V6"]
)
def test_the_platforms_vectors_are_made_again_from_their_own_random_bytes(encrypted: str, plain: str) -> None:
    from bots.wecom.crypto import _decrypted

    prefix = _decrypted(base64.b64decode(KEY + "="), base64.b64decode(encrypted))[:16]

    assert APP.encrypt(plain, prefix=prefix) == encrypted


@pytest.mark.parametrize(
    ("crypto", "plain", "encrypted", "signature"),
    [
        (
            APP,
            "<xml><Content><![CDATA[你好]]></Content></xml>",
            "sKqRbbiSUnDhFHOvPjtUMUEzloWPcaYNMsicnqLJL3iI+01AYWwMhwhsbWcmXPZpVcrcG+btVni9ei4Csvb3fNLgbN3fZ326ti6/QEJNgQAGf4V6LskOfIRT3lvm5cKY",
            "df96a87f59abd4e3f83d6c880bbf5db16407c9f5",
        ),
        (
            BOT,
            '{"msgtype":"stream","stream":{"id":"s1","finish":true,"content":"你好"}}',
            "sKqRbbiSUnDhFHOvPjtUMTyjUwe2MrmqVjeWqmzykPIgrJiyR3Mh55RQvnI0y4m+Xed4jwA5sQwzy6V3183d2MS8mrLMrt3HNL+dvMDWTYi1bcs9HIpq6BEmr8Qd1bi7",
            "9970217def286b1fd8efc00eff2643c1070a9707",
        ),
        (
            BOT,
            "x" * 12,
            "sKqRbbiSUnDhFHOvPjtUMT04SBXqyecnV0R+mVLqu11Se0CAxtEP8Zs4hONFU+GhnY2XmfYUSF/20UR5dRgc0w==",
            None,
        ),
    ],
    ids=["V3", "V4", "V5"],
)
def test_our_vectors_hold_both_ways(crypto: MessageCrypto, plain: str, encrypted: str, signature: str | None) -> None:
    assert crypto.encrypt(plain, prefix=PREFIX) == encrypted
    assert crypto.decrypt(encrypted) == plain
    assert signature in (None, crypto.signature(TIMESTAMP, NONCE, encrypted))


@pytest.mark.parametrize("key", [KEY, KEY + "="])
def test_a_media_file_opens_with_its_key_padded_or_not(key: str) -> None:
    media = "通话录音".encode() + b"\x00\x01"
    encrypted = base64.b64decode("wPFtBoUg9NQVTdKXxEEugdZ4i6Jmv+aNJgo/N79Ntx4=")

    assert encrypt_media(media, key) == encrypted
    assert decrypt_media(encrypted, key) == media


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
@settings(max_examples=60, deadline=None)
def test_what_we_seal_wechatpy_opens_and_the_other_way_round(message: str) -> None:
    wechatpy = pytest.importorskip("wechatpy.enterprise.crypto", reason="dev extra: wechatpy")
    theirs = wechatpy.WeChatCrypto(TOKEN, KEY, CORP)
    xml = json.dumps(message, ensure_ascii=False)

    ours = APP.sealed(xml, timestamp=TIMESTAMP, nonce=NONCE)
    body = f"<xml><Encrypt><![CDATA[{ours.encrypted}]]></Encrypt></xml>"
    assert theirs.decrypt_message(body, ours.signature, TIMESTAMP, NONCE) == xml

    sealed = theirs.encrypt_message(xml, NONCE, TIMESTAMP)
    encrypted = sealed.split("<Encrypt><![CDATA[")[1].split("]]>")[0]
    signature = sealed.split("<MsgSignature><![CDATA[")[1].split("]]>")[0]
    opened = APP.opened(Sealed(encrypted=encrypted, signature=signature, timestamp=TIMESTAMP, nonce=NONCE))
    assert opened == xml


def test_another_receiver_is_refused_even_with_a_right_signature() -> None:
    other = MessageCrypto(token=TOKEN, encoding_aes_key=KEY, receive_id="wxsomebodyelse0000")

    for ours, theirs in ((APP, other), (BOT, APP), (APP, BOT)):
        with pytest.raises(SignatureError):
            ours.opened(theirs.sealed("hello", timestamp=TIMESTAMP, nonce=NONCE))


def test_every_refusal_reads_the_same() -> None:
    good = APP.sealed("hello", timestamp=TIMESTAMP, nonce=NONCE)
    block = base64.b64encode(b"\x00" * 64).decode()
    bad = [
        Sealed(encrypted=good.encrypted, signature="0" * 40, timestamp=TIMESTAMP, nonce=NONCE),
        *(
            Sealed(encrypted=text, signature=APP.signature(TIMESTAMP, NONCE, text), timestamp=TIMESTAMP, nonce=NONCE)
            for text in ("", "!", good.encrypted[:-8], good.encrypted[:24], block, "\ud800", "é" * 4)
        ),
    ]

    errors = []
    for sealed in bad:
        with pytest.raises(SignatureError) as caught:
            APP.opened(sealed)
        errors.append((caught.value.code, tuple(caught.value.params)))

    assert len(set(errors)) == 1


@pytest.mark.parametrize("key", ["", "short", KEY + "A", KEY[:-1] + "!"])
def test_a_key_of_another_length_is_said_at_once(key: str) -> None:
    with pytest.raises(InputError):
        MessageCrypto(token=TOKEN, encoding_aes_key=key, receive_id="")


def test_keys_are_not_shown() -> None:
    assert TOKEN not in repr(APP)
    assert KEY not in repr(APP)
