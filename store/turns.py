"""Turns as rows and as sources."""

from __future__ import annotations

from typing import Any

from domain.conversation import Transcript, Turn
from domain.sources import SourceKind, safe_part, turn_source_id
from store.sources import SourceDraft
from store.tables import TurnRow
from store.titles import turn_title
from wire.documents import dump

_OWN_COLUMNS = ("id", "speaker", "text", "start_ms", "end_ms")


def turn_values(conversation_id: str, turn: Turn) -> dict[str, Any]:
    """Return a turn's row, all but its place."""
    document = dump(turn, keep_none=False)
    if not turn.words:
        del document["words"]
    return {
        "conversation_id": conversation_id,
        "turn_id": turn.id,
        "source_part": safe_part(turn.id),
        "speaker": turn.speaker,
        "text": turn.text,
        "start_ms": turn.start_ms,
        "end_ms": turn.end_ms,
        "document": {key: value for key, value in document.items() if key not in _OWN_COLUMNS},
    }


def turn_document(row: TurnRow) -> dict[str, Any]:
    """Return a turn as the contract's JSON has it."""
    times = {"start_ms": row.start_ms, "end_ms": row.end_ms}
    return {"id": row.turn_id, "speaker": row.speaker, "text": row.text, **times, **row.document}


def turn_draft(transcript: Transcript, turn: Turn) -> SourceDraft:
    """Return the source that quotes a turn; of the transcript only what a title names is read."""
    return SourceDraft(
        source_id=turn_source_id(transcript.id, turn.id),
        kind=SourceKind.TURN,
        title=turn_title(transcript, turn),
        text=turn.text,
        start_ms=turn.start_ms,
        end_ms=turn.end_ms,
        speaker=turn.speaker,
    )
