"""Under whose name something is written."""

from __future__ import annotations

from api.callers import Caller


def name_of(caller: Caller) -> str:
    """Return the rep the key stands for, else the key itself."""
    return caller.rep_id or caller.principal
