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
LENGTHS_MIN = (5, 20, 60)
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
    """Measure on the sales calls under `data`, brought to telephone band; the long calls repeat them in turn.

    About ten minutes of both cores where nothing else runs: 85 min of sound are recognised, and the peer's own.
    """
    calls = sales_calls(data)
    if not calls:
        return EvalResult(suite=SUITE, data=half, figures=(), skipped="no sales calls under the data folder")
    weights = model_folder("whisper-base", parts.settings.models.cache)
    with tempfile.TemporaryDirectory() as folder:
        figures = [
            *_speed_figures(calls, weights, Path(folder)),
            *_memory_figures(calls, Path(folder)),
        ]
    return EvalResult(suite=SUITE, data="sales calls, stereo, µ-law at 8 kHz", figures=tuple(figures))


def _speed_figures(calls: Sequence[Call], weights: Path, folder: Path) -> list[Figure]:
    """Each call by us, then by the peer, so that a busy machine weighs on both alike."""
    ours, peers = [], []
    for call in calls:
        audio, out = folder / f"{call.id}.wav", folder / "said.json"
        write_telephone(call.audio, audio)
        ours.append(_ours(audio, out))
        peer = [sys.executable, "-m", "eval.speech_peer", str(weights), str(audio), str(out)]
        peers.append(_cost("plain Whisper", peer, out))
    length_s = sum(call.turns[-1].spoken.end_ms for call in calls) / 1000
    wall_s, cpu_s = _seconds(ours)
    peer_wall_s, peer_cpu_s = _seconds(peers)
    n, loaded = len(calls), "whole processes, loading included"
    return [
        _figure("rtf.wall", wall_s / length_s, f"{loaded}; as busy as the machine was", n=n),
        _figure("rtf.cpu", cpu_s / length_s, loaded, n=n),
        _figure("peer.rtf.wall", peer_wall_s / length_s, "WhisperModel.transcribe a channel, vad_filter off", n=n),
        _figure("peer.rtf.cpu", peer_cpu_s / length_s, "", n=n),
        _figure("times_faster.wall", peer_wall_s / wall_s, "", n=n),
        _figure("times_faster.cpu", peer_cpu_s / cpu_s, "", n=n),
        _rate("cer", calls, ours),
        _rate("peer.cer", calls, peers),
    ]


def _seconds(costs: Sequence[_Cost]) -> tuple[float, float]:
    """Wall and CPU seconds of all processes."""
    return sum(one.run.wall_s for one in costs), sum(one.run.cpu_s for one in costs)


def _memory_figures(calls: Sequence[Call], folder: Path) -> list[Figure]:
    """Peaks and times over the same calls again and again, so that little but the length differs."""
    figures, peaks = [], []
    for minutes in LENGTHS_MIN:
        audio = folder / f"{minutes}.wav"
        write_long(calls, audio, minutes=minutes)
        run = _ours(audio, folder / "said.json").run
        audio.unlink()
        peaks.append(run.peak_mb)
        figures += [
            _figure(f"peak_mb.{minutes}_min", run.peak_mb, ""),
            _figure(f"rtf.wall.{minutes}_min", run.wall_s / 60 / minutes, ""),
            _figure(f"rtf.cpu.{minutes}_min", run.cpu_s / 60 / minutes, ""),
        ]
    growth = max(peaks) / min(peaks) - 1
    return [*figures, _figure("peak_growth", growth, "largest to smallest peak of these lengths")]


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


def _rate(name: str, calls: Sequence[Call], costs: Sequence[_Cost]) -> Figure:
    counts = [
        character_errors(call.text_of(speaker), cost.said[speaker])
        for call, cost in zip(calls, costs, strict=True)
        for speaker in _SPEAKERS
    ]
    return error_rate(name, counts, note="telephone band, no lexicon")


def _figure(name: str, value: float, note: str, *, n: int = 1) -> Figure:
    return Figure(name=name, value=value, n=n, note=note)
