"""What an installation may set about its console."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcOptions:
    """An OpenID provider that people sign in with.

    Attributes:
        issuer: Its address; `<issuer>/.well-known/openid-configuration` describes it.
        name: What the button calls it.
        claim: Which claim of its ID token is the login here.
        redirect_url: Our callback as the provider knows it: `https://…/console/oidc/callback`.
        tenant: The tenant whose users sign in through it.
    """

    issuer: str
    client_id: str
    client_secret: str
    redirect_url: str
    name: str = "OIDC"
    claim: str = "email"
    tenant: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleOptions:
    """The console's settings.

    Attributes:
        time_zone: In which instants are written.
        secure_cookies: Send cookies over https only, whatever the request came over.
    """

    time_zone: str = "Asia/Shanghai"
    secure_cookies: bool = False
    oidc: OidcOptions | None = None
