"""One form for text and JSON values that are kept or hashed."""

from __future__ import annotations

import hashlib
import json

from domain.errors import InputError


def storable(value: str) -> str:
    """Return plain text; refuse what PostgreSQL cannot keep: NUL characters and lone surrogates.

    Raises:
        InputError: `store.unstorable_text`.
    """
    if "\0" in value:
        raise InputError("store.unstorable_text")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError("store.unstorable_text") from error
    return str(value)


def canonical(value: object) -> bytes:
    """UTF-8 JSON with sorted keys and no spaces.

    Raises:
        InputError: `store.unstorable_text`.
    """
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return storable(text).encode("utf-8")


def compact(value: object) -> str:
    """JSON as it is stored: keys in their own order, no spaces.

    Raises:
        InputError: `store.unstorable_text`.
    """
    return storable(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def digest(content: bytes) -> str:
    """Return `sha256:` and the hex digest."""
    return "sha256:" + hashlib.sha256(content).hexdigest()
