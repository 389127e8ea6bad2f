"""What is said to a message: words and a card, and what else becomes true with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bots.outgoing import Card
from store.work import Work

Effect = Callable[[Work], Awaitable[None]]
"""Happens in the transaction that ends the message's job, so exactly once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer; without text and card nothing is shown.

    Attributes:
        replaces: The card takes the place of the one that was pressed.
        decision_id: What 为什么 and 采纳 after it are about.
    """

    text: str = field(default="", repr=False)
    card: Card | None = None
    replaces: bool = False
    decision_id: str | None = None
    effect: Effect | None = None
