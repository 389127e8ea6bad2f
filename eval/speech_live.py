"""Live against batch: the same calls streamed in pieces of 20 ms and transcribed as files, with the same recogniser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from domain.conversation import Turn
from domain.lexicon import Lexicon
from eval.result import EvalResult, Figure
from eval.speech_heard import Parts, ScoredCall, heard
from eval.speech_scores import CharacterErrors, character_errors, error_difference, error_rate
from eval.speech_sets import Call, sales_calls
from speech.audio import RATE, AudioLimits, decode
from speech.live import LiveTranscriber

SUITE = "live"
_MESSAGE = RATE // 50
_SPEAKERS = ("rep", "customer")


class LiveParts(Parts, Protocol):
    """What this suite needs of the product."""

    def live_transcriber(
        self, *, channels: int, roles: Sequence[str] | None = None, lexicon: Lexicon = (), partials: bool = True
    ) -> LiveTranscriber:
        """Make a transcriber for one live call."""
        ...


def run(data: Path, *, half: str = "visible", parts: LiveParts) -> EvalResult:
    """Stream each sales call under `data`, without partial turns, and compare with its file."""
    calls = sales_calls(data)
    if not calls:
        return EvalResult(suite=SUITE, data=half, figures=(), skipped="no sales calls under the data folder")
    batch = [heard(parts.transcriber, call, call.lexicon) for call in calls]
    live = [streamed(parts.live_transcriber(channels=2, lexicon=call.lexicon, partials=False), call) for call in calls]
    return EvalResult(suite=SUITE, data="sales calls, 20 ms a message", figures=tuple(live_figures(batch, live)))


def streamed(transcriber: LiveTranscriber, call: Call) -> list[Turn]:
    """Feed a call to a live transcriber as it would come in, and return its final turns."""
    turns = []
    for block in decode(call.audio, limits=AudioLimits()):
        for at in range(0, block.shape[1], _MESSAGE):
            turns += transcriber.feed(np.ascontiguousarray(block[:, at : at + _MESSAGE]))
    turns += transcriber.finish()
    return [one.turn for one in turns if one.is_final]


def live_figures(batch: Sequence[ScoredCall], live: Sequence[Sequence[Turn]]) -> list[Figure]:
    """Both rates, their paired difference, and how far the live text is from the batch text."""
    pairs = list(zip(batch, live, strict=True))
    apart = [
        character_errors(
            _said(one.transcript.turns, speaker),
            _said(turns, speaker),
        )
        for one, turns in pairs
        for speaker in _SPEAKERS
    ]
    by_batch = [errors for one in batch for errors in one.by_speaker]
    by_live = [_errors(one.call, turns, speaker) for one, turns in pairs for speaker in _SPEAKERS]
    return [
        error_rate("batch.cer", by_batch),
        error_rate("live.cer", by_live),
        error_difference("live.cer_above_batch", by_batch, by_live),
        error_rate("live.distance_from_batch_text", apart),
    ]


def _errors(call: Call, turns: Sequence[Turn], speaker: str) -> CharacterErrors:
    return character_errors(call.text_of(speaker), _said(turns, speaker))


def _said(turns: Sequence[Turn], speaker: str) -> str:
    return "".join(turn.text for turn in turns if turn.speaker == speaker)
