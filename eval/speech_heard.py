"""Calls as the product heard them: transcribed once, scored by speaker."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from domain.conversation import Transcript
from domain.lexicon import Lexicon
from eval.speech_scores import CharacterErrors, Spoken, character_errors
from eval.speech_sets import Call
from speech.transcriber import Transcriber


class Parts(Protocol):
    """What the speech suites need of the product."""

    @property
    def transcriber(self) -> Transcriber:
        """The transcriber under test."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredCall:
    """One call as it was heard."""

    call: Call
    transcript: Transcript
    by_speaker: tuple[CharacterErrors, ...]
    seconds: float

    @property
    def turns(self) -> list[Spoken]:
        """The transcript's turns."""
        return [
            Spoken(speaker=turn.speaker, start_ms=turn.start_ms or 0, end_ms=turn.end_ms or 0)
            for turn in self.transcript.turns
        ]


def heard(transcriber: Transcriber, call: Call, lexicon: Lexicon) -> ScoredCall:
    """Transcribe a call and score each speaker's words against the reference."""
    started = time.perf_counter()
    transcript = transcriber.transcribe(call.audio, lexicon=lexicon)
    seconds = time.perf_counter() - started
    errors = tuple(
        character_errors(
            call.text_of(speaker), "".join(turn.text for turn in transcript.turns if turn.speaker == speaker)
        )
        for speaker in ("rep", "customer")
    )
    return ScoredCall(call=call, transcript=transcript, by_speaker=errors, seconds=seconds)
