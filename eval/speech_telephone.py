"""What the telephone costs: the same recordings in wide band and as G.711 µ-law at 8 kHz, errors paired.

Two telephones are made here, both 8,000 samples a second, µ-law and back: one that carries all that so many samples
hold (to 4 kHz, what a call within an exchange or over VoIP sounds like), and one with the band of an old line, 300-3400
Hz, cut steeply. A real line adds noise and loss, so this is the band's share of the damage alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from eval.result import EvalResult, Figure
from eval.speech_heard import Parts, ScoredCall, heard
from eval.speech_scores import CharacterErrors, character_errors, error_difference, error_rate
from eval.speech_sets import Call, Utterance, sales_calls, utterances
from speech.audio import RATE, AudioLimits, Samples, decode
from speech.transcriber import Transcriber

SUITE = "telephone"
BAND_HZ = (300, 3400)
LINES: dict[str, tuple[int, int] | None] = {"telephone": BAND_HZ, "mulaw_8khz": None}
SENTENCES = 128
_TAPS = 511


def run(data: Path, *, half: str = "visible", parts: Parts) -> EvalResult:
    """Measure on the sales calls and on an even sample of the read sentences under `data`."""
    calls, sentences = sales_calls(data), utterances(data, half)
    if not (calls or sentences):
        return EvalResult(suite=SUITE, data=half, figures=(), skipped="no wide-band recordings under the data folder")
    figures = telephone_figures(parts.transcriber, calls, sentences, lines=tuple(LINES))
    return EvalResult(suite=SUITE, data=f"{half}, wide band against µ-law at 8 kHz", figures=tuple(figures))


def telephone_figures(
    transcriber: Transcriber,
    calls: Sequence[Call],
    sentences: Sequence[Utterance],
    *,
    wide: Sequence[ScoredCall] | None = None,
    lines: Sequence[str] = ("telephone",),
) -> list[Figure]:
    """The rate over the telephone and its loss against wide band, for calls (with their lexicons) and sentences.

    Args:
        wide: The calls as they were heard in wide band, where that was done before.
        lines: Which of `LINES`.
    """
    scored = wide if wide is not None else [heard(transcriber, call, call.lexicon) for call in calls]
    by_speaker = [errors for one in scored for errors in one.by_speaker]
    sample = evenly(sentences, SENTENCES)
    here = [_sentence(transcriber, one.text, one.audio) for one in sample]
    figures = [*_rate("sales_calls.cer_wide_band", by_speaker), *_rate("read_speech.cer_wide_band", here)]
    with tempfile.TemporaryDirectory() as folder:
        for line in lines:
            carried = _carrier(Path(folder), line)
            calls_there = [
                heard(transcriber, replace(one.call, audio=carried(one.call.audio)), one.call.lexicon) for one in scored
            ]
            away = [_sentence(transcriber, one.text, carried(one.audio)) for one in sample]
            figures += _paired(
                "sales_calls", line, by_speaker, [each for one in calls_there for each in one.by_speaker]
            )
            figures += _paired("read_speech", line, here, away)
    return figures


def _carrier(folder: Path, line: str) -> Callable[[Path], Path]:
    """Return what brings a recording over a line."""

    def carried(audio: Path) -> Path:
        target = folder / f"{audio.stem}.wav"
        write_telephone(audio, target, band_hz=LINES[line])
        return target

    return carried


def write_telephone(source: Path, target: Path, *, band_hz: tuple[int, int] | None = BAND_HZ) -> None:
    """Write a recording as a telephone carries it: WAV, µ-law, 8 kHz, the same channels.

    Args:
        band_hz: What the line lets through; None is all that 8,000 samples a second hold.
    """
    import av

    sound = np.concatenate(list(decode(source, limits=AudioLimits())), axis=1)
    narrow = np.ascontiguousarray((_narrowed(sound, band_hz).T * 32767).astype("<i2").reshape(1, -1))
    layout = "stereo" if len(sound) == 2 else "mono"
    with av.open(str(target), "w", format="wav") as container:
        stream = container.add_stream("pcm_mulaw", rate=RATE // 2)
        stream.layout = layout
        frame = av.AudioFrame.from_ndarray(narrow, format="s16", layout=layout)
        frame.sample_rate = RATE // 2
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _narrowed(sound: Samples, band_hz: tuple[int, int] | None) -> Samples:
    """Every other sample of a sound within a band, float32 (channels, n / 2), no delay."""
    from scipy.signal import fftconvolve, firwin, resample_poly

    if band_hz is None:
        halved = resample_poly(sound, 1, 2, axis=1)
    else:
        taps = firwin(_TAPS, band_hz, pass_zero=False, fs=RATE)
        halved = fftconvolve(sound, taps[None, :], mode="same", axes=1)[:, ::2]
    narrow: Samples = np.clip(halved, -1, 1).astype(np.float32)
    return narrow


def evenly(rows: Sequence[Utterance], most: int) -> list[Utterance]:
    """Every so many-th row, at most `most`."""
    return [rows[index * len(rows) // most] for index in range(most)] if len(rows) > most else list(rows)


def _rate(name: str, counts: Sequence[CharacterErrors]) -> list[Figure]:
    return [error_rate(name, counts)] if counts else []


def _paired(name: str, line: str, wide: Sequence[CharacterErrors], narrow: Sequence[CharacterErrors]) -> list[Figure]:
    if not wide:
        return []
    return [
        error_rate(f"{name}.cer_{line}", narrow),
        error_difference(f"{name}.{line}_loss", wide, narrow),
    ]


def _sentence(transcriber: Transcriber, text: str, audio: Path) -> CharacterErrors:
    return character_errors(text, "".join(turn.text for turn in transcriber.transcribe(audio).turns))
