"""How a platform can fail us."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from domain.errors import PlatformError


class RefusedError(PlatformError):
    """The platform will not, and asking again will not help: a wrong secret, an unknown user, a text it forbids."""

    retryable: ClassVar[bool] = False


class PartlyDeliveredError(PlatformError):
    """Some of an answer went out; the next try with `notes` goes on after it."""

    def __init__(self, key: str, *, notes: Mapping[str, str], **params: object) -> None:
        super().__init__(key, **params)
        self.notes = dict(notes)
