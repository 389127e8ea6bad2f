"""The error tree. An error names its text by key; the edge that shows it picks the language.

ZhanqingError
├── InputError          what was given cannot be used             (exit 2)
│   └── ConflictError   it contradicts what is already there
│       └── TakenError  somebody else was quicker by a moment
├── NotFoundError       no such thing for this caller              (exit 2)
├── DeniedError         the caller may not do this                 (exit 2)
├── SignatureError      a message is not from whom it claims       (exit 2)
├── MissingError        a needed model or service is not there yet (exit 3)
├── StorageError        our own disk is full or cannot be written  (exit 1)
├── IntegrityError      what is stored is not what was written     (exit 1)
└── UpstreamError       somebody we call failed                    (exit 1)
    ├── ModelError
    └── PlatformError

Errors do not know HTTP: one table in `api/errors.py` maps them to statuses.
"""

from __future__ import annotations

from typing import ClassVar

from domain.messages import text


class ZhanqingError(Exception):
    """Base of all our errors.

    Args:
        key: `<room>.<name>`, an entry of that room's `messages.toml`; stable, shown as `code`.
        params: Values for the text; never customer words, tokens or secrets.
    """

    retryable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 1

    def __init__(self, key: str, **params: object) -> None:
        super().__init__(key, params)
        self.code = key
        self.params = params

    def line(self, lang: str = "zh") -> str:
        """Return cause and remedy in one line."""
        return text(self.code, lang, **self.params)

    def __str__(self) -> str:
        return self.line("en")


class InputError(ZhanqingError):
    """What was given cannot be used; the same input will fail again."""

    exit_code = 2


class ConflictError(InputError):
    """The request contradicts what is already there."""


class TakenError(ConflictError):
    """Somebody else was quicker by a moment; trying again finds what they made."""

    retryable = True


class NotFoundError(ZhanqingError):
    """No such thing for this caller; another tenant's thing looks the same."""

    exit_code = 2


class DeniedError(ZhanqingError):
    """The caller is known and may not do this."""

    exit_code = 2


class SignatureError(ZhanqingError):
    """A message or token is not from whom it claims to be."""

    exit_code = 2


class MissingError(ZhanqingError):
    """A needed model or service is absent; the line names the command that brings it."""

    exit_code = 3


class StorageError(ZhanqingError):
    """Our own disk is full or cannot be written."""


class IntegrityError(ZhanqingError):
    """What is stored or downloaded is not what it must be."""


class UpstreamError(ZhanqingError):
    """Somebody we call failed; trying again may help."""

    retryable = True


class ModelError(UpstreamError):
    """A speech, embedding or language model failed."""


class PlatformError(UpstreamError):
    """A chat platform or CRM failed."""
