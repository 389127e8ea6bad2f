"""Which addresses a webhook may go to: nothing inside the network, or anybody could look around in it (SSRF)."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from domain.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookUrls:
    """The rule for addresses of webhooks.

    Attributes:
        allow_private: For installations whose CRM is inside: private addresses and plain http pass.
    """

    allow_private: bool = False

    def check(self, url: str) -> None:
        """Refuse an address that can be seen to be unsafe before anything is resolved.

        Raises:
            InputError: `store.unsafe_url`.
        """
        try:
            parts = urlsplit(url)
            port_is_fine = parts.port is None or 0 < parts.port < 65536
        except ValueError as error:
            raise InputError("store.unsafe_url") from error
        schemes = ("https", "http") if self.allow_private else ("https",)
        if parts.scheme not in schemes or not parts.hostname or parts.username or parts.password or not port_is_fine:
            raise InputError("store.unsafe_url")
        if not self.allow_private and _is_inside(parts.hostname):
            raise InputError("store.unsafe_url")

    def resolve(self, host: str, port: int) -> str:
        """Return one address of a host that may be called; to be pinned, so that it cannot change after the check.

        Raises:
            InputError: `store.unsafe_url`: it does not resolve, or to an address inside.
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise InputError("store.unsafe_url") from error
        addresses = [str(entry[4][0]) for entry in found]
        if not self.allow_private and any(_is_inside(address) for address in addresses):
            raise InputError("store.unsafe_url")
        return addresses[0]


def _is_inside(host: str) -> bool:
    """Whether a host is an address that is not on the public internet, or a name for one."""
    if host.lower().rstrip(".") in ("localhost", "metadata.google.internal"):
        return True
    try:
        return not ipaddress.ip_address(host.partition("%")[0]).is_global
    except ValueError:
        return False
