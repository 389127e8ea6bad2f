"""Ids that we give out: a prefix that says of what, then time and chance, so that they sort by age."""

from __future__ import annotations

import secrets
from datetime import datetime


def new_id(prefix: str, at: datetime) -> str:
    """Return `<prefix>-<11 hex digits of milliseconds><13 random hex digits>`."""
    return f"{prefix}-{int(at.timestamp() * 1000):011x}{secrets.randbits(52):013x}"
