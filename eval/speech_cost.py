"""What recognition costs: time against a plain Whisper in the same run, and memory over length, whole processes each.

Our process does more than the peer's (voice detection, word times, correction, prosody); both read the same file with
the same weights, int8, beam 5. Wall times are fair on an idle machine only; CPU times hold beside other work.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Protocol

import numpy as np

from eval.bench import Run, measure_process
from eval.result import EvalResult, Figure
from eval.speech_scores import character_errors, error_rate
from eval.speech_sets import Call, sales_calls
from eval.speech_telephone import write_telephone
from speech.audio import RATE, AudioLimits, Samples, decode
from zhanqing.models import model_folder
from zhanqing.settings import Settings

SUITE = "speech_cost"
SHORT_MIN, LONG_MIN = 5, 60
_SPEAKERS = ("rep", "customer")


class Parts(Protocol):
    """What this suite needs of the product: its settings; it starts processes of its own."""

    @property
    def settings(self) -> Settings:
        """All settings."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cost:
    """One process: what it took, and what each speaker said according to it."""

    run: Run
    said: dict[str, str]


def run(data: Path, *, half: str = "visible", parts: Parts) -> EvalResult:
    """Measure on the sales calls under `data`, brought to telephone band; the long call repeats them."""
    calls = sales_calls(data)
    if not calls:
        return EvalResult(suite=SUITE, data=half, figures=(), skipped="no sales calls under the data folder")
    weights = model_folder("whisper-base", parts.settings.models.cache)
    with tempfile.TemporaryDirectory() as folder:
        figures = [
            *_speed_figures(calls[0], weights, Path(folder)),
            *_memory_figures(calls[0], Path(folder)),
        ]
    return EvalResult(suite=SUITE, data="sales calls, stereo, µ-law at 8 kHz", figures=tuple(figures))


def _speed_figures(call: Call, weights: Path, folder: Path) -> list[Figure]:
    audio, out = folder / "call.wav", folder / "said.json"
    write_telephone(call.audio, audio)
    length_s = call.turns[-1].spoken.end_ms / 1000
    ours = _ours(audio, out)
    peer = _cost("plain Whisper", [sys.executable, "-m", "eval.speech_peer", str(weights), str(audio), str(out)], out)
    loaded = "whole process, loading included"
    return [
        _figure("rtf.wall", ours.run.wall_s / length_s, f"{loaded}; as busy as the machine was"),
        _figure("rtf.cpu", ours.run.cpu_s / length_s, loaded),
        _figure("peer.rtf.wall", peer.run.wall_s / length_s, "WhisperModel.transcribe a channel, vad_filter off"),
        _figure("peer.rtf.cpu", peer.run.cpu_s / length_s, ""),
        _figure("times_faster.wall", peer.run.wall_s / ours.run.wall_s, ""),
        _figure("times_faster.cpu", peer.run.cpu_s / ours.run.cpu_s, ""),
        _rate("cer", call, ours.said),
        _rate("peer.cer", call, peer.said),
    ]


def _memory_figures(call: Call, folder: Path) -> list[Figure]:
    """Peaks over the same call again and again, so that nothing but the length differs."""
    peaks = []
    for minutes in (SHORT_MIN, LONG_MIN):
        audio = folder / f"{minutes}.wav"
        write_long([call], audio, minutes=minutes)
        peaks.append(_ours(audio, folder / "said.json").run.peak_mb)
        audio.unlink()
    short, long = peaks
    return [
        _figure(f"peak_mb.{SHORT_MIN}_min", short, ""),
        _figure(f"peak_mb.{LONG_MIN}_min", long, ""),
        _figure("peak_growth", long / short - 1, f"{SHORT_MIN} to {LONG_MIN} min"),
    ]


def write_long(calls: Sequence[Call], target: Path, *, minutes: int) -> None:
    """Write calls one after the other, again and again, as 16-bit stereo WAV at 16 kHz of exactly this length."""
    left = minutes * 60 * RATE
    with wave.open(str(target), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for block in _endlessly(calls):
            taken = block[:, :left]
            file.writeframes((np.clip(taken, -1, 1).T * 32767).astype("<i2").tobytes())
            left -= taken.shape[1]
            if left <= 0:
                return


def _endlessly(calls: Sequence[Call]) -> Iterator[Samples]:
    for call in cycle(calls):
        for block in decode(call.audio, limits=AudioLimits()):
            yield block if len(block) == 2 else np.repeat(block, 2, axis=0)


def _ours(audio: Path, out: Path) -> _Cost:
    command = [sys.executable, "-m", "zhanqing", "transcribe", str(audio), "--json", str(out)]
    return _cost("zhanqing transcribe", command, out)


def _cost(name: str, command: Sequence[str], out: Path) -> _Cost:
    (one,) = measure_process(name, command, runs=1, environment=os.environ).runs
    turns = json.loads(out.read_text(encoding="utf-8"))["turns"]
    said = {speaker: "".join(turn["text"] for turn in turns if turn["speaker"] == speaker) for speaker in _SPEAKERS}
    return _Cost(run=one, said=said)


def _rate(name: str, call: Call, said: dict[str, str]) -> Figure:
    counts = [character_errors(call.text_of(speaker), said[speaker]) for speaker in _SPEAKERS]
    return error_rate(name, counts, note="telephone band, no lexicon")


def _figure(name: str, value: float, note: str) -> Figure:
    return Figure(name=name, value=value, n=1, note=note)
