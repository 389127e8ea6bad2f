"""Mono: the calls' two channels mixed to one, then attribution of attributed turns, share attributed, and DER.

Sales calls carry evidence of who sells. Real-voice calls are of unrelated sentences, so nobody can be named there by
what is said: they are measured as they are, and again with one speaker's voice enrolled from sentences that are in no
call, wide band against the calls' telephone band, each of the two speakers taken for the rep in turn.
"""

from __future__ import annotations

import tempfile
import wave
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from domain.conversation import CUSTOMER, REP
from eval.result import EvalResult, Figure, mean, proportion
from eval.speech_heard import Parts
from eval.speech_scores import Spoken, attributed_rightly, diarization_error_rate
from eval.speech_sets import Call, enrolment_clips, real_voice_calls, sales_calls
from speech.audio import RATE, AudioLimits, decode
from speech.transcriber import Transcriber

SUITE = "diarization"


def run(data: Path, *, half: str = "visible", parts: Parts) -> EvalResult:
    """Mix each call to mono and measure."""
    sets = {"sales_calls": sales_calls(data), "real_voice_calls": real_voice_calls(data, half)}
    if not any(sets.values()):
        return EvalResult(suite=SUITE, data=half, figures=(), skipped="no calls under the data folder")
    figures = [figure for name, calls in sets.items() if calls for figure in _figures(name, calls, parts.transcriber)]
    clips = enrolment_clips(data, half)
    figures += _enrolled_figures(sets["real_voice_calls"], clips, parts.transcriber)
    figures += _stranger_figures(sets["real_voice_calls"], sets["sales_calls"], parts.transcriber)
    return EvalResult(suite=SUITE, data=f"{half}, mixed to mono", figures=tuple(figures))


def _figures(name: str, calls: Sequence[Call], transcriber: Transcriber) -> list[Figure]:
    heard = [(call, _turns(call, transcriber)) for call in calls]
    rates = [diarization_error_rate([one.spoken for one in call.turns], found) for call, found in heard]
    pairs = [(turn, [one.spoken for one in call.turns]) for call, found in heard for turn in found]
    return [
        *_attribution(name, pairs),
        mean(f"{name}.diarization_error_rate", rates, note="collar 0.25 s"),
    ]


def _enrolled_figures(
    calls: Sequence[Call], clips: Mapping[tuple[str, str], Sequence[Path]], transcriber: Transcriber
) -> list[Figure]:
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        for call in calls:
            for role in (REP, CUSTOMER):
                if not clips.get((call.id, role)):
                    continue
                voice = Path(folder) / f"{call.id}-{role}.wav"
                _join(clips[(call.id, role)], voice)
                reference = [_as_rep(one.spoken, role) for one in call.turns]
                pairs += [(turn, reference) for turn in _turns(call, transcriber, rep_voice=voice)]
    return _attribution("real_voice_calls.enrolled", pairs) if pairs else []


def _stranger_figures(calls: Sequence[Call], others: Sequence[Call], transcriber: Transcriber) -> list[Figure]:
    """Turns that get a name when the enrolled voice, a sales call's rep, is not in the call at all."""
    named = total = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, call in enumerate(calls if others else ()):
            voice = Path(folder) / f"{call.id}.wav"
            _join([others[number % len(others)].audio], voice, channel=0)
            turns = _turns(call, transcriber, rep_voice=voice)
            named += sum(not turn.speaker.startswith("speaker_") for turn in turns)
            total += len(turns)
    return [proportion("real_voice_calls.stranger_enrolled.share_named", named, total)] if total else []


def _attribution(name: str, pairs: Sequence[tuple[Spoken, Sequence[Spoken]]]) -> list[Figure]:
    """Attribution of attributed turns and the share attributed, over turns with their call's reference."""
    named = [(turn, reference) for turn, reference in pairs if not turn.speaker.startswith("speaker_")]
    judged = [right for turn, reference in named if (right := attributed_rightly(turn, reference)) is not None]
    note = "" if judged else "none attributed"
    return [
        proportion(f"{name}.attribution_of_attributed", sum(judged), len(judged), note=note),
        proportion(f"{name}.share_attributed", len(named), len(pairs)),
    ]


def _as_rep(spoken: Spoken, role: str) -> Spoken:
    """The same stretch, with this role's speaker called the rep and the other one the customer."""
    return replace(spoken, speaker=REP if spoken.speaker == role else CUSTOMER)


def _turns(call: Call, transcriber: Transcriber, *, rep_voice: Path | None = None) -> list[Spoken]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{call.id}.wav"
        _mix(call.audio, path)
        turns = transcriber.transcribe(path, rep_voice=rep_voice).turns
    return [Spoken(speaker=turn.speaker, start_ms=turn.start_ms or 0, end_ms=turn.end_ms or 0) for turn in turns]


def _mix(source: Path, target: Path) -> None:
    _join([source], target)


def _join(sources: Iterable[Path], target: Path, *, channel: int | None = None) -> None:
    """Write recordings one after the other, each mixed to mono, or one channel of each."""
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for block in (block for source in sources for block in decode(source, limits=AudioLimits())):
            sound = block.mean(axis=0) if channel is None else block[channel]
            file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
