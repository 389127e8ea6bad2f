"""The contract's JSON documents as domain values, and back.

Reading is lenient where the contract is: only `id` and `turns[].id/speaker/text` are
required, unknown keys are ignored, a turn without an id becomes t001, t002, ….
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from domain.accounts import Account, Deal
from domain.conversation import Transcript
from domain.errors import InputError
from domain.lexicon import LexiconEntry
from domain.signals import Analysis

_QUOTED = re.compile(r"'.*'|\".*\"|“.*”|‘.*’", re.DOTALL)


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(Any, kind))


def first_fault(error: ValidationError) -> str:
    """Say where the first fault is and what it is, without repeating the value."""
    fault = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in fault["loc"]) or "document"
    # Domain values name what they refuse in quotation marks; that may be a customer's words.
    said = _QUOTED.sub("…", fault["msg"]) if fault["type"] == "value_error" else fault["msg"]
    return f"{place}: {said}"


def read(kind: Hashable, document: object, *, what: str) -> Any:
    """Validate JSON values into a domain value.

    Args:
        kind: A domain dataclass, or a `tuple[...]` of them.
        document: What `json.loads` gave.
        what: Name of the document for the error line.

    Raises:
        InputError: `wire.bad_document`, with the place and the fault.
    """
    try:
        return _adapter(kind).validate_python(document)
    except ValidationError as error:
        raise InputError("wire.bad_document", what=what, fault=first_fault(error)) from error


def dump(value: object, *, keep_none: bool = True) -> Any:
    """Return plain JSON values of a domain value; without `keep_none`, absent fields are left out."""
    return _adapter(cast(Hashable, type(value))).dump_python(value, mode="json", exclude_none=not keep_none)


def read_transcript(document: object) -> Transcript:
    """Read a Transcript; turns without an id are numbered.

    Raises:
        InputError: Not a Transcript.
    """
    if isinstance(document, Mapping) and isinstance(document.get("turns"), list):
        turns = [_with_id(turn, number) for number, turn in enumerate(document["turns"], start=1)]
        document = {**document, "turns": turns}
    transcript: Transcript = read(Transcript, document, what="Transcript")
    return transcript


def dump_transcript(transcript: Transcript) -> dict[str, Any]:
    """Return the Transcript's JSON; optional fields that are absent are left out."""
    document: dict[str, Any] = dump(transcript, keep_none=False)
    for turn in document["turns"]:
        if not turn["words"]:
            del turn["words"]
    return document


def dump_analysis(analysis: Analysis) -> dict[str, Any]:
    """Return the Analysis' JSON; absent metric values stay as null."""
    document: dict[str, Any] = dump(analysis)
    return document


def read_lexicon(document: object) -> tuple[LexiconEntry, ...]:
    """Read `[{"name","aliases","kind"}]`.

    Raises:
        InputError: Not a lexicon.
    """
    entries: tuple[LexiconEntry, ...] = read(tuple[LexiconEntry, ...], document, what="lexicon")
    return entries


def read_account(document: object) -> Account:
    """Read an account; unknown CRM fields are kept in `extra`.

    Raises:
        InputError: Not an account, or it has no name.
    """
    account: Account = read(Account, _crm_fields(document, Account), what="account")
    return account


def read_deal(document: object) -> Deal:
    """Read a deal; unknown CRM fields are kept in `extra`.

    Raises:
        InputError: Not a deal.
    """
    deal: Deal = read(Deal, _crm_fields(document, Deal), what="deal")
    return deal


def _crm_fields(document: object, kind: type) -> object:
    if not isinstance(document, Mapping):
        return document
    given = {key: value for key, value in document.items() if value is not None}
    if "amount" in given:
        given.setdefault("amount_cny", given.pop("amount"))
    names = {item.name for item in fields(kind)} - {"extra"}
    extra = {key: value for key, value in given.items() if key not in names and key != "extra"}
    more = given.get("extra", {})
    known = {key: value for key, value in given.items() if key in names}
    return {**known, "extra": {**extra, **more} if isinstance(more, Mapping) else more}


def _with_id(turn: object, number: int) -> object:
    if isinstance(turn, Mapping) and not turn.get("id"):
        return {**turn, "id": f"t{number:03d}"}
    return turn
