"""Signing in through an OpenID provider: the authorization code flow with PKCE, state and nonce.

The provider says who somebody is; who may sign in is decided here: only users that were added.
OpenID Connect Core 1.0, RFC 7636 (PKCE).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

import httpx
import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from fastapi import APIRouter, Query, Request, Response

from api.console.answers import go_to, inside
from api.console.options import OidcOptions
from api.console.signed import keep_cookie, lang_of
from api.console.signing_in import open_session, sign_in_form
from api.parts import parts_of
from domain.errors import NotFoundError, SignatureError, UpstreamError
from domain.messages import text

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/console/oidc", include_in_schema=False)

TIMEOUT_S = 10.0
_COOKIE = "zq_oidc"
_PURPOSE = "console oidc"
_FOR_S = 600
_LEEWAY_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One sign-in under way, kept in a signed cookie until the provider sends the browser back."""

    state: str
    nonce: str
    verifier: str
    back: str


class Provider:
    """The OpenID provider of the settings."""

    def __init__(self, options: OidcOptions, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._options = options
        self._transport = transport

    async def sign_in_url(self, attempt: Attempt) -> str:
        """Return where the browser is sent.

        Raises:
            UpstreamError: `api.oidc_failed`: the provider does not answer as it should.
        """
        challenge = hashlib.sha256(attempt.verifier.encode()).digest()
        wanted = {
            "response_type": "code",
            "client_id": self._options.client_id,
            "redirect_uri": self._options.redirect_url,
            "scope": "openid email profile",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": _unpadded(challenge),
            "code_challenge_method": "S256",
        }
        async with self._client() as client:
            endpoint = (await self._described(client))["authorization_endpoint"]
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(wanted)}"

    async def login(self, code: str, attempt: Attempt, now: datetime) -> str:
        """Trade a code for an ID token, check it, and return whose it is.

        Raises:
            UpstreamError: `api.oidc_failed`: the provider does not answer as it should.
            SignatureError: `api.oidc_refused`: the token is not for us, not for this attempt, or not signed.
        """
        async with self._client() as client:
            described = await self._described(client)
            answered = await self._json(client.post(described["token_endpoint"], data=self._trade(code, attempt)))
            keys = await self._json(client.get(described["jwks_uri"]))
        claims = read_id_token(str(answered.get("id_token", "")), keys)
        self._check(claims, attempt, now)
        login = str(claims.get(self._options.claim) or "")
        if not login or (self._options.claim == "email" and claims.get("email_verified") is False):
            raise SignatureError("api.oidc_refused")
        return login

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=self._transport, timeout=TIMEOUT_S, trust_env=False)

    async def _described(self, client: httpx.AsyncClient) -> Mapping[str, Any]:
        described = await self._json(client.get(f"{self._options.issuer}/.well-known/openid-configuration"))
        if str(described.get("issuer", "")).rstrip("/") != self._options.issuer:
            raise UpstreamError("api.oidc_failed")
        return described

    async def _json(self, request: Any) -> Mapping[str, Any]:
        try:
            answered: httpx.Response = await request
            answered.raise_for_status()
            found = answered.json()
        except (httpx.HTTPError, ValueError) as error:
            raise UpstreamError("api.oidc_failed") from error
        if not isinstance(found, dict):
            raise UpstreamError("api.oidc_failed")
        return found

    def _trade(self, code: str, attempt: Attempt) -> dict[str, str]:
        return {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._options.redirect_url,
            "client_id": self._options.client_id,
            "client_secret": self._options.client_secret,
            "code_verifier": attempt.verifier,
        }

    def _check(self, claims: Mapping[str, Any], attempt: Attempt, now: datetime) -> None:
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        moment = now.timestamp()
        fits = (
            str(claims.get("iss", "")).rstrip("/") == self._options.issuer
            and self._options.client_id in audiences
            and (len(audiences) == 1 or claims.get("azp") == self._options.client_id)
            and hmac.compare_digest(str(claims.get("nonce", "")).encode(), attempt.nonce.encode())
            and isinstance(claims.get("exp"), (int, float))
            and moment < claims["exp"] + _LEEWAY_S
        )
        if not fits:
            raise SignatureError("api.oidc_refused")


@router.get("")
async def begin(request: Request, back: Annotated[str, Query(max_length=500)] = "/console/") -> Response:
    """Send the browser to the provider."""
    attempt = Attempt(
        state=secrets.token_urlsafe(16),
        nonce=secrets.token_urlsafe(16),
        verifier=secrets.token_urlsafe(48),
        back=inside(back),
    )
    answered = go_to(await _provider(request).sign_in_url(attempt))
    content = json.dumps([attempt.state, attempt.nonce, attempt.verifier, attempt.back]).encode()
    token = parts_of(request).sealer.sign(content, purpose=_PURPOSE)
    keep_cookie(request, answered, _COOKIE, token, max_age_s=_FOR_S)
    return answered


@router.get("/callback")
async def finish(
    request: Request,
    code: Annotated[str, Query(max_length=2000)] = "",
    state: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Take the browser back from the provider; who is not known here does not get in."""
    provider = _provider(request)
    parts = parts_of(request)
    place = json.loads(parts.sealer.verify(request.cookies.get(_COOKIE, ""), purpose=_PURPOSE))
    attempt = Attempt(state=place[0], nonce=place[1], verifier=place[2], back=place[3])
    if not code or not hmac.compare_digest(attempt.state.encode(), state.encode()):
        raise SignatureError("api.oidc_refused")
    login = await provider.login(code, attempt, parts.store.clock())
    assert parts.console.oidc is not None  # noqa: S101  # there is a provider
    async with parts.store.read(parts.console.oidc.tenant) as work:
        user = await work.users.by_login(login)
    if user is None or user.disabled_at is not None:
        log.warning("user.refused", why="oidc_unknown_login")
        return sign_in_form(
            request, back=attempt.back, fault=text("console.not_known_here", lang_of(request)), http_status=403
        )
    answered = await open_session(request, user, back=attempt.back)
    keep_cookie(request, answered, _COOKIE, "", max_age_s=0)
    return answered


def _provider(request: Request) -> Provider:
    options = parts_of(request).console.oidc
    if options is None:
        raise NotFoundError("api.no_route")
    return Provider(options, transport=getattr(request.app.state, "oidc_transport", None))


def read_id_token(token: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims of a signed token (RS256 or ES256; nothing weaker, and never `none`).

    Raises:
        SignatureError: `api.oidc_refused`.
    """
    try:
        head, body, signature = token.split(".")
        header = json.loads(_padded(head))
        key = next(each for each in keys.get("keys", ()) if each.get("kid") == header.get("kid"))
        _verify(header["alg"], key, f"{head}.{body}".encode(), _padded(signature))
        claims: dict[str, Any] = json.loads(_padded(body))
    except (ValueError, KeyError, TypeError, StopIteration, InvalidSignature) as error:
        raise SignatureError("api.oidc_refused") from error
    return claims


def _verify(algorithm: str, key: Mapping[str, Any], content: bytes, signature: bytes) -> None:
    if algorithm == "RS256" and key["kty"] == "RSA":
        numbers = rsa.RSAPublicNumbers(e=_number(key["e"]), n=_number(key["n"]))
        numbers.public_key().verify(signature, content, padding.PKCS1v15(), SHA256())
    elif algorithm == "ES256" and key["kty"] == "EC" and key["crv"] == "P-256" and len(signature) == 64:
        curve = ec.EllipticCurvePublicNumbers(x=_number(key["x"]), y=_number(key["y"]), curve=ec.SECP256R1())
        halves = (int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
        curve.public_key().verify(encode_dss_signature(*halves), content, ec.ECDSA(SHA256()))
    else:
        raise InvalidSignature


def _number(encoded: str) -> int:
    return int.from_bytes(_padded(encoded))


def _padded(encoded: str) -> bytes:
    return base64.urlsafe_b64decode(encoded.encode("ascii") + b"=" * (-len(encoded) % 4))


def _unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")
