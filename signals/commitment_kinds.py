"""What a commitment is: a task, a standing undertaking, a meeting or a request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

BOTH = "both"


class Force(StrEnum):
    """What kind of undertaking it is."""

    TASK = "task"
    STANDING = "standing"
    MEETING = "meeting"
    REQUEST = "request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """Something undertaken in turn number `turn` at `[start, end)`.

    Attributes:
        who: `rep`, `customer` or `both`.
        what: The clause without its actor and its date.
        due: The date's own words; None where none was said.
        due_on: The day meant; None where it cannot be known.
        is_dated: Whether the words name a time at all, however vague.
    """

    turn: int
    start: int
    end: int
    force: Force
    who: str
    what: str
    due: str | None
    due_on: date | None
    is_dated: bool

    @property
    def is_promise(self) -> bool:
        """A task or a standing undertaking of one side."""
        return self.force in (Force.TASK, Force.STANDING)

    @property
    def is_next_step(self) -> bool:
        """A meeting, a request, or a task with a time."""
        return self.force in (Force.MEETING, Force.REQUEST) or (self.force is Force.TASK and self.is_dated)
