"""What the callback routes need of the bots of this process."""

from __future__ import annotations

from typing import Protocol

from bots.inbound import InboundMessage
from bots.outgoing import Outgoing
from bots.platform import CallbackPlatform


class ChatDoor(Protocol):
    """The bots, as the platforms' calls reach them."""

    def platform(self, channel: str) -> CallbackPlatform | None:
        """Return the platform that calls this address, or None."""
        ...

    async def keep(self, message: InboundMessage) -> None:
        """Keep a message for good; again is harmless."""
        ...

    async def outgoing(self, answer_id: str) -> Outgoing | None:
        """Return an answer as it is now, or None."""
        ...
