"""What the telephone costs: the same recordings in wide band and as G.711 µ-law at 8 kHz, errors paired.

The telephone is made here: 300-3400 Hz, 8,000 samples a second, µ-law and back. A real line adds noise and loss, so
this is the band's share of the damage alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
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
SENTENCES = 128
_TAPS = 511


def run(data: Path, *, half: str = "visible", parts: Parts) -> EvalResult:
    """Measure on the sales calls and on an even sample of the read sentences under `data`."""
    calls, sentences = sales_calls(data), utterances(data, half)
    if not (calls or sentences):
        return EvalResult(suite=SUITE, data=half, figures=(), skipped="no wide-band recordings under the data folder")
    figures = telephone_figures(parts.transcriber, calls, sentences)
    return EvalResult(suite=SUITE, data=f"{half}, wide band against µ-law at 8 kHz", figures=tuple(figures))


def telephone_figures(
    transcriber: Transcriber,
    calls: Sequence[Call],
    sentences: Sequence[Utterance],
    *,
    wide: Sequence[ScoredCall] | None = None,
) -> list[Figure]:
    """The rate over the telephone and its loss against wide band, for calls (with their lexicons) and sentences.

    Args:
        wide: The calls as they were heard in wide band, where that was done before.
    """
    with tempfile.TemporaryDirectory() as folder:
        scored = wide if wide is not None else [heard(transcriber, call, call.lexicon) for call in calls]
        there = [heard(transcriber, _telephoned(one.call, Path(folder)), one.call.lexicon) for one in scored]
        by_speaker = [errors for one in scored for errors in one.by_speaker]
        figures = _paired("sales_calls", by_speaker, [errors for one in there for errors in one.by_speaker])
        sample = evenly(sentences, SENTENCES)
        here = [_sentence(transcriber, one.text, one.audio) for one in sample]
        away = [_sentence(transcriber, one.text, _by_telephone(one.audio, Path(folder))) for one in sample]
    return [*figures, *_paired("read_speech", here, away)]


def write_telephone(source: Path, target: Path) -> None:
    """Write a recording as a telephone carries it: WAV, µ-law, 8 kHz, the same channels."""
    import av

    sound = np.concatenate(list(decode(source, limits=AudioLimits())), axis=1)
    narrow = np.ascontiguousarray((_banded(sound)[:, ::2].T * 32767).astype("<i2").reshape(1, -1))
    layout = "stereo" if len(sound) == 2 else "mono"
    with av.open(str(target), "w", format="wav") as container:
        stream = container.add_stream("pcm_mulaw", rate=RATE // 2)
        stream.layout = layout
        frame = av.AudioFrame.from_ndarray(narrow, format="s16", layout=layout)
        frame.sample_rate = RATE // 2
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _banded(sound: Samples) -> Samples:
    """The telephone's band only, float32 (channels, n), no delay."""
    from scipy.signal import fftconvolve, firwin

    taps = firwin(_TAPS, BAND_HZ, pass_zero=False, fs=RATE)
    banded: Samples = np.clip(fftconvolve(sound, taps[None, :], mode="same", axes=1), -1, 1).astype(np.float32)
    return banded


def evenly(rows: Sequence[Utterance], most: int) -> list[Utterance]:
    """Every so many-th row, at most `most`."""
    return [rows[index * len(rows) // most] for index in range(most)] if len(rows) > most else list(rows)


def _paired(name: str, wide: Sequence[CharacterErrors], narrow: Sequence[CharacterErrors]) -> list[Figure]:
    if not wide:
        return []
    return [
        error_rate(f"{name}.cer_wide_band", wide),
        error_rate(f"{name}.cer_telephone", narrow),
        error_difference(f"{name}.telephone_loss", wide, narrow),
    ]


def _telephoned(call: Call, folder: Path) -> Call:
    return replace(call, audio=_by_telephone(call.audio, folder))


def _by_telephone(audio: Path, folder: Path) -> Path:
    target = folder / f"{audio.stem}.wav"
    write_telephone(audio, target)
    return target


def _sentence(transcriber: Transcriber, text: str, audio: Path) -> CharacterErrors:
    return character_errors(text, "".join(turn.text for turn in transcriber.transcribe(audio).turns))
