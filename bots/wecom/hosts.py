"""Which addresses are the platform's; a message must not make us call others."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit


def may_reach(url: str, domains: Iterable[str], *, secure: str = "https", local: bool = False) -> bool:
    """Whether a URL is at one of the domains or beneath it, encrypted and without a login in it.

    Args:
        secure: The scheme that is asked for, `https` or `wss`.
        local: Loopback addresses are allowed too, plain or not; for an installation whose platform is a local one.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower().rstrip(".")
        is_plain = parts.username is None and parts.password is None and (parts.port or 1) > 0
    except ValueError:
        return False
    if not host or not is_plain:
        return False
    if is_loopback(host):
        return local and parts.scheme in (secure, secure.removesuffix("s"))
    return parts.scheme == secure and any(host == domain or host.endswith(f".{domain}") for domain in domains)


def is_loopback(host: str) -> bool:
    """Whether a host name is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_local(url: str) -> bool:
    """Whether a URL is on this machine."""
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False
