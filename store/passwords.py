"""Passwords of console users: kept as argon2id, never as they are."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from domain.errors import InputError

SHORTEST = 10
LONGEST = 200

_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


def hash_password(password: str) -> str:
    """Return the argon2id hash to keep; takes tens of milliseconds of computing on purpose.

    Raises:
        InputError: `store.weak_password`: shorter than ten characters, or absurdly long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError("store.weak_password", shortest=SHORTEST)
    return _HASHER.hash(password)


def is_password(password: str, kept: str | None) -> bool:
    """Whether this is the password; as slow for a user who is not there, so that time tells nothing."""
    try:
        return _HASHER.verify(kept or _nobodys(), password[: LONGEST + 1]) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return _HASHER.hash("nobody has this one")
