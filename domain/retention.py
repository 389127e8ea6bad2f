"""How long things are kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """How many days things are kept; None keeps them until somebody asks for their erasure.

    Attributes:
        recordings_days: The audio; its transcript and report stay.
        conversations_days: Everything that was said, and advice that rests on it.
        access_log_days: Who was refused.
    """

    recordings_days: int | None = None
    conversations_days: int | None = None
    access_log_days: int | None = None
