"""Answers that grow in their bubble over the long connection: what was shown, and when the bubble must be closed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bots.outgoing import Outgoing
from bots.splitting import Limit, split
from domain.messages import text

LIMIT = Limit(max_bytes=20000)
_ROOM_FOR_WORDS = Limit(max_bytes=19500)
STREAM_S = 360.0
"""A stream lives six minutes from its first frame."""
OPEN_FOR_S = STREAM_S - 30.0
"""We close it half a minute before."""


@dataclass(slots=True)
class Stream:
    """One open bubble.

    Attributes:
        words: The newest text we were given, `shown` the newest that was shown.
        turn: One frame at a time; frames of one callback share its id.
        newest: Counts the texts given, so that a text that waited while a newer one came is passed over.
        begun_at: When its first frame went out, also one whose fate is unknown: the platform may count from there.
        is_begun: The platform took a frame of it.
        is_closed: The bubble has its end, and the rest of the answer goes out as messages.
    """

    answer_id: str
    req_id: str
    begun_at: float
    words: str = ""
    shown: str = ""
    is_begun: bool = False
    is_tried: bool = False
    is_closed: bool = False
    last_frame_at: float = 0.0
    newest: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    watch: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, outgoing: Outgoing, *, now: float) -> Stream:
        """Take up an answer: a new one, or one that another process had begun."""
        notes = outgoing.notes
        return cls(
            answer_id=outgoing.answer_id,
            req_id=outgoing.reply_to.get("req_id", ""),
            begun_at=float(notes.get("begun_at", now)),
            is_begun="begun_at" in notes,
            is_tried="begun_at" in notes,
            is_closed="closed" in notes,
        )

    def begin(self, now: float) -> None:
        """Count its six minutes from here, unless a frame went out before."""
        if not self.is_tried:
            self.begun_at, self.is_tried = now, True

    def frame(self, content: str, *, finish: bool) -> dict[str, Any]:
        """Return a frame's body; the first one asks for the reader's thumbs."""
        stream: dict[str, Any] = {"id": self.answer_id, "finish": finish, "content": content}
        if not self.is_begun:
            stream["feedback"] = {"id": self.answer_id}
        return {"msgtype": "stream", "stream": stream}

    def notes(self, before: Mapping[str, str]) -> dict[str, str]:
        """Return what the next delivery has to know, in whatever process it is."""
        told = {**before, "begun_at": str(self.begun_at)} if self.is_tried else dict(before)
        if self.shown:
            told |= {"shown": str(len(self.shown)), "digest": _digest(self.shown)}
        return told | {"closed": "1"} if self.is_closed else told

    def stop_watching(self) -> None:
        """Nobody has to close it any more."""
        if self.watch is not None and self.watch is not asyncio.current_task():
            self.watch.cancel()


def growing(words: str, lang: str = "zh") -> str:
    """Return what a bubble shows of an unfinished text."""
    return held(words) or text("bots.wecom_thinking", lang)


def held(words: str) -> str:
    """Return as much of an unfinished text as a bubble shows."""
    return split(words, _ROOM_FOR_WORDS)[0]


def closing(words: str, key: str, lang: str = "zh") -> str:
    """Return the end of a bubble whose answer is not finished."""
    shown = held(words)
    return f"{shown}\n\n{text(key, lang)}" if shown.strip() else text(key, lang)


def missing_part(words: str, notes: Mapping[str, str]) -> str:
    """Return what a closed bubble did not show; everything where its text was another one."""
    count = int(notes.get("shown", "0"))
    is_same = count and _digest(words[:count]) == notes.get("digest")
    return words[count:].strip() if is_same else words


def _digest(words: str) -> str:
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:16]
