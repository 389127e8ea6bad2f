"""A platform of a test's own: it keeps what is shown, and fails when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bots.inbound import Attachment, Channel, InboundKind, InboundMessage, Sender
from bots.outgoing import Outgoing
from bots.platform import Finding
from domain.errors import PlatformError


@dataclass(kw_only=True)
class ScriptedPlatform:
    """Shows at once.

    Attributes:
        shown: Every delivery, in order.
        faults: What the next deliveries raise, one after another.
        files: What attachments hold, by locator.
    """

    channel: Channel = Channel.WECOM_BOT
    account_id: str = "bot1"
    shown: list[Outgoing] = field(default_factory=list)
    faults: list[PlatformError] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def finals(self) -> list[Outgoing]:
        """What was shown as finished."""
        return [one for one in self.shown if one.is_final]

    async def deliver(self, outgoing: Outgoing) -> Mapping[str, str]:
        """Keep it, or fail as told."""
        if self.faults:
            raise self.faults.pop(0)
        self.shown.append(outgoing)
        return {"times": str(int(outgoing.notes.get("times", "0")) + 1)}

    async def fetch(self, attachment: Attachment, into: Path) -> str:
        """Write the file that the test gave."""
        await asyncio.to_thread(into.write_bytes, self.files[attachment.locator])
        return attachment.file_name

    async def check(self) -> list[Finding]:
        """Find nothing."""
        return []

    async def close(self) -> None:
        """Nothing to let go."""


def a_message(text: str = "", **changes: object) -> InboundMessage:
    """Return a message of user `zhang` to `bot1`; its dedupe key is its text unless one is given."""
    values: dict[str, object] = {
        "channel": Channel.WECOM_BOT,
        "account_id": "bot1",
        "dedupe_keys": (text or "m1",),
        "sender": Sender(user_id="zhang", conversation_id="zhang"),
        "kind": InboundKind.TEXT,
        "sent_at": 1_795_311_000.0,
        "text": text,
    }
    return InboundMessage(**{**values, **changes})  # type: ignore[arg-type]  # a test's own values
