"""Envelopes, decisions and inline talks of the contract's JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from domain.conversation import ConversationKind, Transcript
from domain.suggestions import Decision, Envelope
from wire.documents import dump, read, read_transcript


def dump_envelope(envelope: Envelope) -> dict[str, Any]:
    """Return the envelope's JSON as the contract has it."""
    document: dict[str, Any] = dump(envelope)
    return document


def read_envelope(document: object) -> Envelope:
    """Read an envelope.

    Raises:
        InputError: Not an envelope, or one that breaks its invariants.
    """
    envelope: Envelope = read(Envelope, document, what="envelope")
    return envelope


def dump_decision(decision: Decision) -> dict[str, Any]:
    """Return the decision's JSON."""
    document: dict[str, Any] = dump(decision)
    return document


def read_turns(turns: Sequence[Mapping[str, Any]], *, kind: ConversationKind = ConversationKind.CHAT) -> Transcript:
    """Read an inline talk `[{"speaker","text"}]`; its id is made of its words, so the same talk is the same again.

    Raises:
        InputError: Not turns.
    """
    said = json.dumps(list(turns), ensure_ascii=False, sort_keys=True, default=str)
    digest = hashlib.sha256(said.encode("utf-8")).hexdigest()[:16]
    return read_transcript({"id": f"inline-{digest}", "kind": kind.value, "turns": list(turns)})
