"""Files of a smart bot: downloaded within five minutes, decrypted with the bot's or the file's own key."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from bots.downloads import discard, download
from bots.inbound import Attachment
from bots.wecom.config import WecomBotConfig, WecomBotUrlConfig
from bots.wecom.crypto import decrypt_media
from bots.wecom.hosts import may_reach
from domain.errors import InputError, PlatformError


async def fetch_media(
    client: httpx.AsyncClient,
    config: WecomBotConfig | WecomBotUrlConfig,
    attachment: Attachment,
    into: Path,
    *,
    key: str,
) -> str:
    """Write the decrypted file to `into` and return its name.

    Raises:
        InputError: It is too large, or its address is not the platform's.
        PlatformError: It could not be fetched or opened.
    """
    if not may_reach(attachment.locator, config.file_domains, local=config.local):
        raise InputError("bots.wecom_foreign_file")
    found = await download(client, attachment.locator, into, max_bytes=config.max_file_bytes)
    try:
        await asyncio.to_thread(_decrypt, into, key)
    except ValueError as error:
        discard(into)
        raise PlatformError("bots.wecom_file_unreadable") from error
    return found.name or attachment.file_name


def _decrypt(path: Path, key: str) -> None:
    path.write_bytes(decrypt_media(path.read_bytes(), key))
