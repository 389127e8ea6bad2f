"""Sounds in which nobody speaks, generated: silence, room noise, music, hold tone, keypad tones."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE = 16_000
BLOCK_S = 60
Sound = npt.NDArray[np.float32]


def write_sound(path: Path, kind: str, *, seconds: int) -> None:
    """Write one kind of non-speech as 16-bit WAV, minute by minute, the same every time.

    Args:
        path: Where to.
        kind: A key of `KINDS`.
        seconds: Length.
    """
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for block in _blocks(KINDS[kind], seconds):
            file.writeframes((np.clip(block, -1, 1) * 32767).astype("<i2").tobytes())


def _blocks(make: Callable[[int, np.random.Generator], Sound], seconds: int) -> Iterator[Sound]:
    for number, start in enumerate(range(0, seconds, BLOCK_S)):
        yield make(min(BLOCK_S, seconds - start) * RATE, np.random.default_rng(number))


def silence(samples: int, random: np.random.Generator) -> Sound:
    """Digital silence."""
    return np.zeros(samples, np.float32)


def room_noise(samples: int, random: np.random.Generator) -> Sound:
    """Pink noise at about −40 dB, mains hum, and now and then a knock."""
    hum = 0.002 * _sine(samples, 50) + 0.001 * _sine(samples, 150)
    noise = 0.02 * _pink(samples, random) + hum
    for at in random.integers(0, samples - 4000, size=samples // (4 * RATE)):
        length = int(random.integers(400, 3000))
        knock = random.standard_normal(length) * np.exp(-np.arange(length) / 300) * random.uniform(0.02, 0.3)
        noise[at : at + length] += knock
    return noise.astype(np.float32)


def loud_noise(samples: int, random: np.random.Generator) -> Sound:
    """White noise at about −20 dB, as a bad line makes it."""
    return (0.1 * random.standard_normal(samples)).astype(np.float32)


def hold_tone(samples: int, random: np.random.Generator) -> Sound:
    """The Chinese busy and hold signal: 450 Hz, 0.35 s on, 0.35 s off."""
    on = (np.arange(samples) / RATE) % 0.7 < 0.35
    return (0.2 * _sine(samples, 450) * on).astype(np.float32)


def keypad_tones(samples: int, random: np.random.Generator) -> Sound:
    """DTMF: two tones at a time, with pauses."""
    sound, at = np.zeros(samples), 0
    while at < samples - RATE:
        length, pause = (int(random.uniform(*span) * RATE) for span in ((0.08, 0.25), (0.05, 0.8)))
        low, high = random.choice([697, 770, 852, 941]), random.choice([1209, 1336, 1477, 1633])
        sound[at : at + length] = 0.25 * (_sine(length, low) + _sine(length, high))
        at += length + pause
    return sound.astype(np.float32)


def music(samples: int, random: np.random.Generator) -> Sound:
    """Hold music: a melody with vibrato over chords, bass and percussion."""
    sound = np.zeros(samples + 4 * RATE)
    beat = int(0.3 * RATE)
    for number, at in enumerate(range(0, samples, beat)):
        _add(sound, at, _note(random.choice([0, 2, 4, 5, 7, 9, 11, 12]) + 12, 0.54, 0.12, harmonics=6))
        if number % 4 == 0:
            root = random.choice([0, 5, 7, 9])
            for third in (0, 4, 7):
                _add(sound, at, _note(root + third - 12, 1.35, 0.07, harmonics=8))
        _add(sound, at, 0.04 * random.standard_normal(800) * np.exp(-np.arange(800) / 150))
    return np.asarray(0.5 * sound[:samples] / np.abs(sound).max(), np.float32)


KINDS: dict[str, Callable[[int, np.random.Generator], Sound]] = {
    "silence": silence,
    "room_noise": room_noise,
    "loud_noise": loud_noise,
    "hold_tone": hold_tone,
    "keypad_tones": keypad_tones,
    "music": music,
}


def _sine(samples: int, hertz: float) -> npt.NDArray[np.float64]:
    wave_form: npt.NDArray[np.float64] = np.sin(2 * np.pi * hertz * np.arange(samples) / RATE)
    return wave_form


def _pink(samples: int, random: np.random.Generator) -> npt.NDArray[np.float64]:
    spectrum = np.fft.rfft(random.standard_normal(samples))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    noise = np.fft.irfft(spectrum, samples)
    return np.asarray(noise / np.abs(noise).max())


def _note(semitones: float, seconds: float, level: float, *, harmonics: int) -> npt.NDArray[np.float64]:
    time = np.arange(int(seconds * RATE)) / RATE
    hertz = 220 * 2 ** (semitones / 12) * (1 + 0.003 * np.sin(2 * np.pi * 5 * time))
    envelope = np.minimum(1, time / 0.02) * np.exp(-time / (seconds * 0.4))
    parts = [np.sin(2 * np.pi * hertz * order * time) / order**1.3 for order in range(1, harmonics + 1)]
    return np.asarray(level * envelope * np.sum(parts, axis=0))


def _add(sound: npt.NDArray[np.float64], at: int, part: npt.NDArray[np.float64]) -> None:
    sound[at : at + len(part)] += part
