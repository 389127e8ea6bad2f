"""A conversation with a customer: ordered turns of a call, a meeting or a chat."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

REP = "rep"
CUSTOMER = "customer"
_SPEAKER = re.compile(r"rep|customer|speaker_\d+")


class ConversationKind(StrEnum):
    """Where the words come from; only calls and meetings have times."""

    CALL = "call"
    MEETING = "meeting"
    CHAT = "chat"
    EMAIL = "email"
    NOTE = "note"
    MINUTES = "minutes"


class ConsentStatus(StrEnum):
    """What is known of the customer's consent to being recorded."""

    GRANTED = "granted"
    UNKNOWN = "unknown"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """The consent a conversation rests on; `reference` names the record that proves it."""

    status: ConsentStatus = ConsentStatus.UNKNOWN
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One recognised word with its times and the recogniser's probability in [0, 1]."""

    text: str
    start_ms: int
    end_ms: int
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prosody:
    """How a turn sounded. `relative_*` are in standard deviations of the speaker's own turns."""

    pitch_hz: float | None = None
    energy_db: float | None = None
    rate_chars_per_s: float | None = None
    pause_ms: int | None = None
    relative_pitch: float | None = None
    relative_energy: float | None = None
    relative_rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One unbroken stretch of one speaker.

    Attributes:
        speaker: `rep`, `customer`, or `speaker_n` where attribution is not certain.
        text: What was said; signal offsets refer to it, in code points.
        start_ms: First word's start; absent in text conversations, as is `end_ms`.
        original_text: The text before the lexicon corrected it; only where it did.
        normalized_text: Numbers in digits, on request.
        participant_id: The participant who spoke, where several share a side.
    """

    id: str
    speaker: str
    text: str
    start_ms: int | None = None
    end_ms: int | None = None
    confidence: float | None = None
    channel: int | None = None
    original_text: str | None = None
    normalized_text: str | None = None
    participant_id: str | None = None
    sent_at: datetime | None = None
    prosody: Prosody | None = None
    words: tuple[Word, ...] = ()

    def __post_init__(self) -> None:
        if not _SPEAKER.fullmatch(self.speaker):
            raise ValueError(f"speaker must be rep, customer or speaker_n, not {self.speaker!r}")
        if (self.start_ms is None) != (self.end_ms is None):
            raise ValueError("a turn has both times or neither")
        if self.start_ms is not None and self.end_ms is not None and not 0 <= self.start_ms <= self.end_ms:
            raise ValueError(f"turn times must be ordered, not {self.start_ms}..{self.end_ms}")

    @property
    def duration_ms(self) -> int | None:
        """Length of a timed turn in milliseconds."""
        if self.start_ms is None or self.end_ms is None:
            return None
        return self.end_ms - self.start_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """A person in the conversation."""

    id: str
    speaker: str
    name: str | None = None
    title: str | None = None
    buying_role: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptNote:
    """Something the transcriber left out or doubts, kept so that nobody has to guess."""

    kind: str
    why: str
    text: str = ""
    start_ms: int | None = None
    end_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """A conversation as text, turns in order of time.

    Attributes:
        duration_ms: Length of the recording; absent in text conversations.
        started_at: The conversation's date; relative dates ("周五前") are resolved against it.
        models: What made it, by role, each `name@version` or a content hash.
        notes: What was removed or is doubtful.
    """

    id: str
    turns: tuple[Turn, ...]
    kind: ConversationKind = ConversationKind.CALL
    language: str = "zh"
    duration_ms: int | None = None
    consent: Consent = field(default_factory=Consent)
    started_at: datetime | None = None
    account_id: str | None = None
    deal_id: str | None = None
    rep_id: str | None = None
    participants: tuple[Participant, ...] = ()
    notes: tuple[TranscriptNote, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ids = [turn.id for turn in self.turns]
        if len(set(ids)) != len(ids):
            raise ValueError("turn ids must be distinct")

    def turn(self, turn_id: str) -> Turn:
        """Return the turn with this id, or raise KeyError."""
        for turn in self.turns:
            if turn.id == turn_id:
                return turn
        raise KeyError(turn_id)
