"""Invented text: characters per minute on sounds in which nobody speaks. The sounds are generated here."""

from __future__ import annotations

import tempfile
from pathlib import Path

from eval.nonspeech import KINDS, write_sound
from eval.result import EvalResult, Figure
from eval.speech_heard import Parts

SUITE = "ghosts"
SECONDS = 600


def run(data: Path, *, half: str = "visible", parts: Parts, seconds: int = SECONDS) -> EvalResult:
    """Transcribe ten minutes of each kind of non-speech; `data` and `half` are not read."""
    with tempfile.TemporaryDirectory() as folder:
        figures = tuple(_figure(kind, Path(folder) / f"{kind}.wav", parts, seconds) for kind in KINDS)
    return EvalResult(suite=SUITE, data=f"generated, {seconds} s each", figures=figures)


def _figure(kind: str, path: Path, parts: Parts, seconds: int) -> Figure:
    write_sound(path, kind, seconds=seconds)
    transcript = parts.transcriber.transcribe(path)
    invented = sum(len(turn.text) for turn in transcript.turns)
    note = f"{invented} characters in {seconds} s, {len(transcript.notes)} stretches removed by the guard"
    return Figure(name=f"{kind}.characters_per_minute", value=invented * 60 / seconds, n=seconds, note=note)
