"""The seam between a chat platform and everything else: bytes in, messages out; answers in, bytes out. No decisions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from bots.inbound import Attachment, Channel, InboundMessage
from bots.outgoing import Outgoing

OnMessage = Callable[[InboundMessage], Awaitable[None]]
"""Keeps a message for good before it returns; quick, and harmless when called twice with the same one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of `zhanqing bots check`.

    Attributes:
        key: `bots.<name>` of the messages, which says what is wrong and what to do; or that it is well.
    """

    ok: bool
    key: str
    params: Mapping[str, object]


class Platform(Protocol):
    """One bot account on one platform."""

    @property
    def channel(self) -> Channel:
        """Which way in this is."""
        ...

    @property
    def account_id(self) -> str:
        """Our bot or app there."""
        ...

    async def deliver(self, outgoing: Outgoing) -> Mapping[str, str]:
        """Show the answer as it is now; what cannot be shown before its end waits for it.

        Returns:
            Notes for the next delivery of the same answer. A delivery that is called again with the notes of
            an earlier one repeats nothing that they say was sent.

        Raises:
            PartlyDeliveredError: Some of it was shown; trying again with its `notes` goes on from there.
            PlatformError: Nothing was shown; trying again may help.
            RefusedError: Nothing was shown and trying again will not help.
        """
        ...

    async def fetch(self, attachment: Attachment, into: Path) -> str:
        """Write the file to `into` and return its name; size and host are bounded by the configuration.

        Raises:
            PlatformError: It could not be fetched.
            InputError: It is too large, or its address is not the platform's.
        """
        ...

    async def check(self) -> list[Finding]:
        """Try the configuration against the platform, one finding for each thing that was tried."""
        ...

    async def close(self) -> None:
        """Let connections go."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRequest:
    """A request that claims to come from the platform; nothing of it is believed yet."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackAnswer:
    """What a callback brought and what to answer at once.

    Attributes:
        messages: To be kept before the answer is sent.
        refresh: Our answer id whose present text the platform asks for; the edge calls `refreshed` with it.
    """

    messages: tuple[InboundMessage, ...] = ()
    body: bytes = b""
    media_type: str = "text/plain"
    refresh: str = ""


@runtime_checkable
class CallbackPlatform(Platform, Protocol):
    """A platform that calls a URL of ours."""

    def receive(self, request: CallbackRequest) -> CallbackAnswer:
        """Verify, decrypt and read one request.

        Raises:
            SignatureError: It is not from the platform; the edge answers one constant 403 for whatever is wrong.
        """
        ...

    def refreshed(self, request: CallbackRequest, outgoing: Outgoing | None) -> CallbackAnswer:
        """Answer a request for an answer's present text; None: nobody knows that answer any more."""
        ...


@runtime_checkable
class ConnectedPlatform(Platform, Protocol):
    """A platform that we keep a connection to. `deliver` works only in the process that runs it.

    `exclusive` says that only one process may be connected at a time (it then runs under a lease).
    """

    exclusive: bool

    async def run(self, on_message: OnMessage) -> None:
        """Stay connected until cancelled, reconnecting as the platform wants it.

        Raises:
            PlatformError: The platform refuses us for good (bad secret, kicked out by another connection).
        """
        ...
