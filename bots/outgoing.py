"""What goes out: an answer as far as it has come, in one form that every adapter brings down to its platform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bots.inbound import Sender


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A press we can read again.

    Attributes:
        key: Comes back in `Click.key`; at most 128 bytes.
        style: 1 plain, 2 blue, 3 red, 4 framed (WeCom's numbers).
    """

    text: str
    key: str
    style: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card: a title, a few lines, buttons.

    Attributes:
        task_id: Unique in the account; at most 128 bytes of [0-9A-Za-z_@-].
        lines: CommonMark lines beneath the title; adapters cut them to what the card can hold.
        link: A page with everything, where the installation has a public address.
        done: The text that replaces the buttons after a press; empty while they can be pressed.
    """

    task_id: str
    title: str
    lines: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()
    link: str = ""
    done: str = ""


class State(StrEnum):
    """How far an answer has come."""

    THINKING = "thinking"
    WRITING = "writing"
    FINISHED = "finished"
    FAILED = "failed"
    """Finished too: `text` says so in words for the rep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """An answer, or a push when `reply_to` is empty.

    Attributes:
        answer_id: Ours, unique; the stream's id where a platform streams.
        text: The whole CommonMark text so far, verified sentences only; each delivery replaces the one before.
        card: Shown with or after the finished text.
        replaces: Update the card with `card.task_id` instead of sending one (after a press).
        notes: What this adapter's `deliver` returned last time (parts sent, card made); empty at first.
        asked_at: Unix seconds of the rep's message; of the push, for pushes.
    """

    answer_id: str
    to: Sender
    text: str = field(repr=False)
    state: State
    asked_at: float
    reply_to: Mapping[str, str] = field(default_factory=dict, repr=False)
    card: Card | None = None
    replaces: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        """Whether nothing more will come."""
        return self.state in (State.FINISHED, State.FAILED)
