"""What the scenarios that every adapter must pass need of a channel: an adapter, its platform and a rep in a chat.

A channel's rigs are async context managers that yield a `Rig`; `tests/bots/test_scenarios.py` lists them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from enum import StrEnum

from bots.inbound import InboundMessage
from bots.outgoing import Outgoing, State
from bots.platform import Platform


class Can(StrEnum):
    """What a platform does that others do not; scenarios run where it applies."""

    EXPIRE_TOKENS = "expire tokens"
    REFUSE_TOO_MUCH = "refuse too many calls"
    END_STREAMS = "end streams that last too long"
    BREAK_LINES = "break connections"
    REFUSE_SECRETS = "refuse secrets"


class Rig(ABC):
    """One channel under test.

    Attributes:
        platform: Our adapter.
        part_bytes: What one message of the platform holds.
        hidden: Secrets, tokens and addresses that no log may show.
        can: What its fake platform does.
    """

    platform: Platform
    part_bytes: int
    hidden: tuple[str, ...]
    can: frozenset[Can]

    @abstractmethod
    async def ask(self, text: str) -> InboundMessage:
        """Let a rep ask; returns what our adapter made of it."""

    @abstractmethod
    async def show(self, outgoing: Outgoing) -> Outgoing:
        """Deliver, and let the platform do its part (ask again, let the pace pass); returns it with its notes."""

    @abstractmethod
    def seen(self) -> list[str]:
        """The texts before the rep, oldest first, part numbers taken off; a bubble counts as it stands now."""

    @abstractmethod
    def faults(self) -> list[str]:
        """What our adapter did against the protocol."""

    @abstractmethod
    def open_bubbles(self) -> int:
        """Answers that still seem to be written."""

    @abstractmethod
    async def let_pass(self, seconds: float) -> None:
        """Let time pass on both sides."""

    @abstractmethod
    async def restart(self) -> None:
        """Stop our process properly and start another."""

    async def expire_token(self) -> None:
        """End the token before its time."""
        raise NotImplementedError

    def token_fetches(self) -> int:
        """How often a token was fetched."""
        raise NotImplementedError

    async def refuse_next(self) -> None:
        """Refuse the next call as one too many."""
        raise NotImplementedError

    async def break_line(self, code: int) -> None:
        """Close our connection with this code; 1006 breaks it off. Returns when our adapter is back."""
        raise NotImplementedError

    async def attempts_with_a_wrong_secret(self, minutes: int) -> int:
        """Run an adapter with a wrong secret for so long; returns how often it tried."""
        raise NotImplementedError


def begun(message: InboundMessage) -> Outgoing:
    """Return the answer to a message before there is anything in it."""
    return Outgoing(
        answer_id=message.answer_id,
        to=message.sender,
        text="",
        state=State.THINKING,
        asked_at=message.sent_at,
        reply_to=message.reply_to,
    )


def writing(outgoing: Outgoing, text: str) -> Outgoing:
    """Return the answer as far as it has come."""
    return replace(outgoing, text=text, state=State.WRITING)


def finished(outgoing: Outgoing, text: str) -> Outgoing:
    """Return the whole answer."""
    return replace(outgoing, text=text, state=State.FINISHED)
