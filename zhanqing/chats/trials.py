"""A secret whose trying would end the running connection, tried only where none runs."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from bots.platform import Finding, Platform
from store.locks import Locks


@runtime_checkable
class SecretTrial(Protocol):
    """A platform that tells a wrong secret only when somebody logs in."""

    async def check_secret(self) -> Finding:
        """Log in once; it ends any other connection of this bot."""
        ...


def lock_name(platform: Platform) -> str:
    """Return the lock that whoever is connected for this account holds."""
    return f"chat:{platform.channel}:{platform.account_id}"


async def secret_findings(platform: Platform, locks: Locks) -> list[Finding]:
    """Log in once, while this process holds the account; whoever else holds it is logged in, so the secret is right."""
    if not isinstance(platform, SecretTrial):
        return []
    if not await locks.take(lock_name(platform)):
        return [Finding(ok=True, key="bots.line_in_use", params={})]
    try:
        return [await platform.check_secret()]
    finally:
        await locks.release(lock_name(platform))
