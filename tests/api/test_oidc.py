"""Signing in through an OpenID provider; the provider here signs real tokens, good ones and bad ones."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from api.app import create_app
from api.console.options import ConsoleOptions, OidcOptions
from api.testing import TestParts
from store.keys import Role
from store.work import Store

OPTIONS = OidcOptions(
    issuer="https://id.acme.cn",
    client_id="zhanqing",
    client_secret="s3cret",
    redirect_url="https://test/console/oidc/callback",
    name="企业统一登录",
    tenant="acme",
)
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def whole(number: int) -> str:
    return b64(number.to_bytes((number.bit_length() + 7) // 8))


@dataclass
class Provider:
    """Answers as an OpenID provider does; `change` bends the claims, `sign` signs them."""

    issuer: str = OPTIONS.issuer
    claims: dict[str, object] = field(default_factory=dict)
    sign: Callable[[bytes], tuple[str, str, bytes]] = field(default=lambda content: rs256(content))
    change: Callable[[dict[str, object]], dict[str, object]] = field(default=lambda claims: claims)
    seen: dict[str, str] = field(default_factory=dict)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/.well-known/openid-configuration":
            names = {"authorization_endpoint": "auth", "token_endpoint": "token", "jwks_uri": "keys"}
            found = {name: f"{OPTIONS.issuer}/{path}" for name, path in names.items()}
            return httpx.Response(200, json={"issuer": self.issuer, **found})
        if request.url.path == "/keys":
            return httpx.Response(200, json={"keys": [rsa_jwk(), ec_jwk()]})
        sent = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        self.seen = sent
        return httpx.Response(200, json={"id_token": self._token(), "access_token": "x"})

    def _token(self) -> str:
        kid, algorithm, _ = self.sign(b"")
        body = b64(json.dumps({"alg": algorithm, "kid": kid}).encode()) + "." + b64(json.dumps(self.claims).encode())
        return f"{body}.{b64(self.sign(body.encode())[2])}"


def rs256(content: bytes, key: rsa.RSAPrivateKey = RSA_KEY) -> tuple[str, str, bytes]:
    return "r", "RS256", key.sign(content, padding.PKCS1v15(), SHA256())


def es256(content: bytes) -> tuple[str, str, bytes]:
    first, second = decode_dss_signature(EC_KEY.sign(content, ec.ECDSA(SHA256())))
    return "e", "ES256", first.to_bytes(32) + second.to_bytes(32)


def rsa_jwk() -> dict[str, str]:
    numbers = RSA_KEY.public_key().public_numbers()
    return {"kty": "RSA", "kid": "r", "n": whole(numbers.n), "e": whole(numbers.e)}


def ec_jwk() -> dict[str, str]:
    numbers = EC_KEY.public_key().public_numbers()
    return {"kty": "EC", "kid": "e", "crv": "P-256", "x": b64(numbers.x.to_bytes(32)), "y": b64(numbers.y.to_bytes(32))}


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
async def browser(parts: TestParts, api_store: Store, provider: Provider) -> AsyncIterator[httpx.AsyncClient]:
    async with api_store.begin("acme") as work:
        await work.users.create("Wang@acme.cn", role=Role.REP, rep_id="r1")
    app = create_app(replace(parts, console=ConsoleOptions(oidc=OPTIONS)))
    app.state.oidc_transport = httpx.MockTransport(provider)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://test") as client:
        yield client


async def come_back(browser: httpx.AsyncClient, provider: Provider, api_store: Store, **bent: object) -> httpx.Response:
    """Go to the provider and come back with a code; `bent` changes claims, or the state."""
    sent = await browser.get("/console/oidc", params={"back": "/console/trust"})
    asked = {name: values[0] for name, values in parse_qs(urlsplit(sent.headers["location"]).query).items()}
    now = int(api_store.clock().timestamp())
    state = bent.pop("state", asked["state"])
    good = {"iss": OPTIONS.issuer, "aud": "zhanqing", "nonce": asked["nonce"], "exp": now + 300}
    provider.claims = {**good, "email": "wang@ACME.cn", "email_verified": True, **bent}
    answered = await browser.get("/console/oidc/callback", params={"code": "c-1", "state": str(state)})
    verifier = provider.seen.get("code_verifier", "")
    assert not verifier or b64(hashlib.sha256(verifier.encode()).digest()) == asked["code_challenge"]
    return answered


@pytest.mark.parametrize("sign", [rs256, es256])
async def test_a_known_user_signs_in_and_goes_where_they_wanted(
    browser: httpx.AsyncClient, provider: Provider, api_store: Store, sign: Callable[[bytes], tuple[str, str, bytes]]
) -> None:
    provider.sign = sign
    assert "企业统一登录" in (await browser.get("/console/login")).text
    answered = await come_back(browser, provider, api_store)
    assert (answered.status_code, answered.headers["location"]) == (303, "/console/trust")
    assert "wang@acme.cn" in (await browser.get("/console/trust")).text
    assert provider.seen["client_secret"] == OPTIONS.client_secret


@pytest.mark.parametrize(
    "bent",
    [
        {"iss": "https://id.evil.cn"},
        {"aud": "another"},
        {"aud": ["zhanqing", "another"]},
        {"nonce": "another"},
        {"exp": 1},
        {"exp": None},
        {"email": ""},
        {"email_verified": False},
        {"state": "another"},
    ],
    ids=str,
)
async def test_a_token_that_is_not_for_this_attempt_opens_nothing(
    browser: httpx.AsyncClient, provider: Provider, api_store: Store, bent: dict[str, object]
) -> None:
    answered = await come_back(browser, provider, api_store, **bent)
    assert answered.status_code == 403
    assert "zq_session" not in browser.cookies


@pytest.mark.parametrize(
    "sign",
    [
        lambda content: rs256(content, STRANGER),
        lambda content: ("r", "none", b""),
        lambda content: ("r", "HS256", b"x" * 32),
        lambda content: ("unknown", "RS256", rs256(content)[2]),
        lambda content: ("e", "RS256", rs256(content)[2]),
    ],
)
async def test_a_token_that_the_provider_did_not_sign_opens_nothing(
    browser: httpx.AsyncClient, provider: Provider, api_store: Store, sign: Callable[[bytes], tuple[str, str, bytes]]
) -> None:
    provider.sign = sign
    assert (await come_back(browser, provider, api_store)).status_code == 403
    assert "zq_session" not in browser.cookies


async def test_who_was_not_added_here_does_not_get_in(
    browser: httpx.AsyncClient, provider: Provider, api_store: Store
) -> None:
    answered = await come_back(browser, provider, api_store, email="stranger@acme.cn")
    assert answered.status_code == 403
    assert "还没有开通" in answered.text


async def test_a_provider_that_calls_itself_otherwise_is_not_followed(
    browser: httpx.AsyncClient, provider: Provider
) -> None:
    provider.issuer = "https://id.evil.cn"
    assert (await browser.get("/console/oidc")).status_code == 502


async def test_without_a_provider_there_is_no_such_page(parts: TestParts) -> None:
    transport = httpx.ASGITransport(create_app(parts))
    async with httpx.AsyncClient(transport=transport, base_url="https://test") as client:
        assert (await client.get("/console/oidc")).status_code == 404
