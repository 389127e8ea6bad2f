"""An answer of several messages: what went out is noted, so that a second try goes on behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from bots.errors import PartlyDeliveredError, RefusedError
from domain.errors import PlatformError

Step = Callable[[bool], Awaitable[None]]
"""Sends one message; True: it may have been sent before, nobody knows."""


class OutcomeUnknownError(PlatformError):
    """The call went out and no answer came: it may have been done."""


async def in_steps(steps: Sequence[Step], notes: Mapping[str, str]) -> dict[str, str]:
    """Take the steps that `notes` does not say were taken.

    Returns:
        Notes that say all were.

    Raises:
        PartlyDeliveredError: Some were taken, or one may have been; its notes say which.
        PlatformError: None was taken.
        RefusedError: The platform will not take one, whatever went before.
    """
    kept = {key: value for key, value in notes.items() if key not in ("sent", "unsure")}
    first = int(notes.get("sent", "0"))
    for index in range(first, len(steps)):
        try:
            await steps[index](index == first and "unsure" in notes)
        except RefusedError:
            raise
        except PlatformError as error:
            told = kept | {"sent": str(index)}
            if isinstance(error, OutcomeUnknownError):
                told["unsure"] = "1"
            elif index == 0 and not kept:
                raise
            raise PartlyDeliveredError(error.code, notes=told, **error.params) from error
    return kept | {"sent": str(len(steps))}
