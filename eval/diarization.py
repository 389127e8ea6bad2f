"""Mono: the calls' two channels mixed to one, then attribution of attributed turns, share attributed, and DER.

Sales calls carry evidence of who sells. Real-voice calls are of unrelated sentences, so nobody can be named there:
what is measured on them is whether voices are told apart, not whose they are.
"""

from __future__ import annotations

import tempfile
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eval.result import EvalResult, Figure, mean, proportion
from eval.speech_heard import Parts
from eval.speech_scores import Spoken, attributed_rightly, diarization_error_rate
from eval.speech_sets import Call, real_voice_calls, sales_calls
from speech.audio import RATE, AudioLimits, decode
from speech.transcriber import Transcriber

SUITE = "diarization"


def run(data: Path, *, half: str = "visible", parts: Parts) -> EvalResult:
    """Mix each call to mono and measure."""
    sets = {"sales_calls": sales_calls(data), "real_voice_calls": real_voice_calls(data, half)}
    if not any(sets.values()):
        return EvalResult(suite=SUITE, data=half, figures=(), skipped="no calls under the data folder")
    figures = [figure for name, calls in sets.items() if calls for figure in _figures(name, calls, parts.transcriber)]
    return EvalResult(suite=SUITE, data=f"{half}, mixed to mono", figures=tuple(figures))


def _figures(name: str, calls: Sequence[Call], transcriber: Transcriber) -> list[Figure]:
    heard = [(call, _turns(call, transcriber)) for call in calls]
    turns = [(turn, [one.spoken for one in call.turns]) for call, found in heard for turn in found]
    named = [(turn, reference) for turn, reference in turns if not turn.speaker.startswith("speaker_")]
    judged = [right for turn, reference in named if (right := attributed_rightly(turn, reference)) is not None]
    rates = [diarization_error_rate([one.spoken for one in call.turns], found) for call, found in heard]
    return [
        proportion(
            f"{name}.attribution_of_attributed", sum(judged), len(judged), note="" if judged else "none attributed"
        ),
        proportion(f"{name}.share_attributed", len(named), len(turns)),
        mean(f"{name}.diarization_error_rate", rates, note="collar 0.25 s"),
    ]


def _turns(call: Call, transcriber: Transcriber) -> list[Spoken]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{call.id}.wav"
        _mix(call.audio, path)
        turns = transcriber.transcribe(path).turns
    return [Spoken(speaker=turn.speaker, start_ms=turn.start_ms or 0, end_ms=turn.end_ms or 0) for turn in turns]


def _mix(source: Path, target: Path) -> None:
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for block in decode(source, limits=AudioLimits()):
            file.writeframes((np.clip(block.mean(axis=0), -1, 1) * 32767).astype("<i2").tobytes())
