"""Our own callback address, called as the platform would call it."""

from __future__ import annotations

import secrets

import httpx

from bots.clock import Clock
from bots.platform import Finding
from bots.wecom.crypto import MessageCrypto


async def callback_findings(
    address: str, crypto: MessageCrypto, clock: Clock, *, timeout_s: float = 10.0
) -> list[Finding]:
    """Ask our public address to read an encrypted word back; nothing where no address is known."""
    if not address:
        return []
    word, nonce, timestamp = secrets.token_hex(8), secrets.token_hex(4), str(int(clock.now()))
    sealed = crypto.sealed(word, timestamp=timestamp, nonce=nonce)
    query = {
        "msg_signature": sealed.signature,
        "timestamp": timestamp,
        "nonce": nonce,
        "echostr": sealed.encrypted,
    }
    try:
        async with httpx.AsyncClient(timeout=timeout_s, trust_env=False) as client:
            answer = await client.get(address, params=query)
    except (httpx.HTTPError, httpx.InvalidURL):
        return [Finding(ok=False, key="bots.wecom_callback_unreachable", params={})]
    if answer.status_code != 200 or answer.text != word:
        return [Finding(ok=False, key="bots.wecom_callback_wrong", params={"status": answer.status_code})]
    return [Finding(ok=True, key="bots.wecom_callback_well", params={})]
