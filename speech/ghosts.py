"""The guard against invented text: loops, credits, prompt echoes and words where hardly anybody speaks.

Whisper answers noise with what its training films ended in, and sometimes repeats itself without end. What is
removed here is kept in the transcript's notes with the reason, so that nobody has to guess what is missing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from statistics import fmean

from domain.conversation import TranscriptNote
from speech.listening import Curve
from speech.recognition import Recognized
from speech.timed_text import TimedCharacter, TimedText, plain, said
from speech.voice_activity import FRAME_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class GhostRules:
    """When text is taken for invented.

    Attributes:
        no_speech: The recogniser's no-speech probability above which a doubtful window is dropped.
        log_probability: Mean log-probability below which a window counts as doubtful.
        hopeless: A sentence with a lower mean probability is dropped.
        doubtful: The same, where in addition hardly any voice is heard.
        voiceless: P(speech) below which hardly any voice is heard.
        unsure: A known ghost phrase is dropped below this mean probability.
        echo: A stretch that repeats the prompt is dropped below this mean probability.
    """

    no_speech: float = 0.6
    log_probability: float = -1.0
    hopeless: float = 0.03
    doubtful: float = 0.35
    voiceless: float = 0.6
    unsure: float = 0.75
    echo: float = 0.35


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """What is left of a window's text, and notes on what was removed."""

    text: TimedText
    notes: tuple[TranscriptNote, ...] = ()


_LOOP = re.compile(r"(.{1,15}?)\1{3,}")
_LEAST_LOOP = 10
_LEAST_ECHO = 6
_SENTENCE = re.compile(
    r"(?:[^，。？！,.?!]|(?<=[A-Za-z0-9])\.(?=[A-Za-z0-9]))*[，。？！,.?!\s]*"
)  # Amara.org is one word
_FOREIGN = re.compile(r"[\u3040-\u30ff\uac00-\ud7af\u0400-\u04ff\u0600-\u06ff\u0e00-\u0e7f\ufffd]+")


def guard(recognized: Recognized, text: TimedText, *, prompt: str, voice: Curve, rules: GhostRules) -> Guarded:
    """Remove what was probably never said from one window's text.

    Args:
        recognized: The window with the recogniser's own doubts.
        text: Its text, simplified, with times.
        prompt: What the recogniser was told to expect.
        voice: P(speech) on the window's channel, float32 (frames,) of 32 ms.
        rules: When text is taken for invented.
    """
    if not said(text):
        return Guarded(text=())
    hypothesis = recognized.hypothesis
    silent = (hypothesis.no_speech_probability or 0.0) > rules.no_speech
    if silent and hypothesis.average_log_probability < rules.log_probability:
        return Guarded(text=(), notes=(_note("no_speech", text),))
    guarded = _without_loops(text)
    kept: list[TimedCharacter] = []
    notes = list(guarded.notes)
    for sentence in _sentences(guarded.text):
        reason = _reason(sentence, prompt, voice, rules) or _foreign(sentence, hypothesis.language)
        if reason:
            notes.append(_note(reason, sentence))
        else:
            kept += sentence
    return Guarded(text=tuple(kept), notes=tuple(notes))


def _reason(sentence: TimedText, prompt: str, voice: Curve, rules: GhostRules) -> str | None:
    """Why a sentence is taken for invented, or None."""
    spoken = said(sentence)
    if not spoken:
        return None
    sureness = fmean(character.probability for character in spoken)
    words = plain(spoken).lower()
    voiceless = _voice_heard(spoken, voice) < rules.voiceless
    if sureness < rules.hopeless or (voiceless and sureness < rules.doubtful):
        return "low_confidence"
    if (voiceless or sureness < rules.unsure) and any(ghost in words for ghost in _phrases()):
        return "known_ghost"
    if sureness < rules.echo and len(words) >= _LEAST_ECHO and words in _bare(prompt):
        return "prompt_echo"
    return None


def _foreign(sentence: TimedText, language: str) -> str | None:
    """Kana, Hangul or Cyrillic in a Chinese call are the recogniser's own invention."""
    return "foreign_script" if language == "zh" and _FOREIGN.search(plain(sentence)) else None


def _voice_heard(spoken: Sequence[TimedCharacter], voice: Curve) -> float:
    """Mean P(speech) while the words were said."""
    first = spoken[0].start_ms // FRAME_MS
    last = max(first, max(character.end_ms for character in spoken) // FRAME_MS)
    heard = voice[first : last + 1]
    return float(heard.mean()) if heard.size else 0.0


def _without_loops(text: TimedText) -> Guarded:
    """Keep the first round of anything that is repeated four times and more, ten characters at least."""
    spoken_at = [index for index, character in enumerate(text) if not character.is_mark]
    words = plain(text[index] for index in spoken_at)
    dropped: set[int] = set()
    notes = []
    for loop in _LOOP.finditer(words):
        if len(loop.group()) < _LEAST_LOOP or loop.group(1).isdigit():
            continue
        first, last = spoken_at[loop.start() + len(loop.group(1))], spoken_at[loop.end() - 1]
        dropped.update(range(first, last + 1))
        notes.append(_note("loop", text[first : last + 1]))
    kept = tuple(character for index, character in enumerate(text) if index not in dropped)
    return Guarded(text=kept, notes=tuple(notes))


def _sentences(text: TimedText) -> Iterable[TimedText]:
    at = 0
    for match in _SENTENCE.finditer(plain(text)):
        if match.group():
            yield text[at : at + len(match.group())]
            at += len(match.group())


def _note(why: str, text: TimedText) -> TranscriptNote:
    end_ms = max(character.end_ms for character in text)
    return TranscriptNote(kind="removed", why=why, text=plain(text).strip(), start_ms=text[0].start_ms, end_ms=end_ms)


@cache
def _phrases() -> tuple[str, ...]:
    table = tomllib.loads((files("speech") / "ghosts.toml").read_text(encoding="utf-8"))
    return tuple(_bare(phrase) for part in table.values() for phrase in part["phrases"])


def _bare(text: str) -> str:
    return re.sub(r"[\s，。？！、：；,.?!:;\"'“”]", "", text).lower()
