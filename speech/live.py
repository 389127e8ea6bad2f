"""Recognition while people speak: sound in as it comes, partial and final turns out; pure, no sockets.

A turn is final when its speaker has paused long enough, or has spoken for as long as one window holds. Partial
turns are the same stretch recognised so far, at most every two seconds, because every look costs a window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from domain.conversation import Turn
from domain.lexicon import Lexicon, names_of
from speech.audio import RATE, Samples
from speech.correction import NameCorrector
from speech.ghosts import guard
from speech.prompting import prompt_for
from speech.recognition import Recognized
from speech.recognizer import Recognizer
from speech.timed_text import TimedText, plain, said, words
from speech.trade_terms import trade_corrector
from speech.transcriber import SpeechOptions
from speech.turns import stretches
from speech.voice_activity import FRAME, Region, SileroVoice, VoiceDetector
from speech.windows import GAP_S, LONGEST_S, Window, WindowSound
from speech.writing import Writer, heard_text

_PAUSE_FRAMES = 25
_BREATH_FRAMES = 6
_PADDING = RATE // 5
_LONGEST = 25 * RATE
_STEP = RATE // 2
_USUAL = SpeechOptions()
_ON, _OFF = 0.5, 0.35


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTurn:
    """A turn as far as it is known; a partial one is replaced by the next with the same id."""

    turn: Turn
    is_final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """A stretch of one channel with its sound."""

    region: Region
    sound: Samples

    @property
    def cost(self) -> float:
        """Seconds that it takes of a window."""
        return len(self.sound) / RATE + GAP_S


@dataclass(slots=True)
class _Channel:
    """What one channel has not finished yet."""

    detector: VoiceDetector
    sound: Samples = field(default_factory=lambda: np.zeros(0, np.float32))
    starts_at: int = 0
    voice: list[float] = field(default_factory=list)
    shown_at: int = 0
    turns: int = 0
    before: list[_Heard] = field(default_factory=list)


class LiveTranscriber:
    """One call as it happens.

    Args:
        recognizer: Speech recogniser.
        channels: One (a mix, `speaker_0`) or two.
        roles: Speaker by channel; rep left, customer right unless given.
        lexicon: Names to listen for and to put right.
        detector: Makes a voice detector for each channel.
        partial_every_s: How often an unfinished turn is shown; 0 means never.
        options: What the installation chose; the language is Chinese unless it says another.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        *,
        channels: int = 2,
        roles: Sequence[str] | None = None,
        lexicon: Lexicon = (),
        detector: Callable[[], VoiceDetector] = SileroVoice,
        partial_every_s: float = 2.0,
        options: SpeechOptions = _USUAL,
    ) -> None:
        if channels not in (1, 2) or (roles is not None and len(roles) != channels):
            raise ValueError("a live call has one or two channels, and a role for each")
        self._recognizer = recognizer
        self._speakers = tuple(roles) if roles else options.roles if channels == 2 else ("speaker_0",)
        self._prompt = prompt_for(lexicon)
        self._names = NameCorrector(form for entry in names_of(lexicon) for form in entry.forms)
        self._options = options
        self._said: list[str] = []
        self._channels = [_Channel(detector=detector()) for _ in range(channels)]
        self._partial_every = round(partial_every_s * RATE)

    def feed(self, samples: Samples, *, with_partials: bool = True) -> list[LiveTurn]:
        """Hear the next stretch of the call and return what is new.

        Args:
            samples: float32 (channels, n) at 16 kHz, however long.
            with_partials: False leaves partial turns out, for whoever has fallen behind the call.
        """
        steps = (samples[:, at : at + _STEP] for at in range(0, samples.shape[1], _STEP))
        return [
            turn
            for step in steps
            for index, row in enumerate(step)
            for turn in self._hear(index, row, with_partials=with_partials)
        ]

    def finish(self) -> list[LiveTurn]:
        """Return what was still open when the call ended."""
        return [turn for index in range(len(self._channels)) for turn in self._close(index)]

    def _hear(self, index: int, samples: Samples, *, with_partials: bool) -> list[LiveTurn]:
        channel = self._channels[index]
        channel.sound = np.concatenate([channel.sound, samples])
        channel.voice += channel.detector.probabilities(samples).tolist()
        first, last = _spoken(channel.voice)
        if first is None or last is None:
            _forget(channel, len(channel.voice) - _PAUSE_FRAMES)
            return []
        if len(channel.voice) - last > _PAUSE_FRAMES or (last - first) * FRAME > _LONGEST:
            return self._close(index)
        heard_until = channel.starts_at + len(channel.sound)
        speaking = len(channel.voice) - last <= _BREATH_FRAMES  # in a pause a new look would show nothing new
        due = heard_until - max(channel.shown_at, channel.starts_at) >= self._partial_every
        if with_partials and self._partial_every and due and speaking:
            channel.shown_at = heard_until
            return self._turn(index, first, last, is_final=False)
        return []

    def _close(self, index: int) -> list[LiveTurn]:
        channel = self._channels[index]
        first, last = _spoken(channel.voice)
        if first is None or last is None:
            return []
        done = self._turn(index, first, last, is_final=True)
        _forget(channel, last + 1)
        return done

    def _turn(self, index: int, first: int, last: int, *, is_final: bool) -> list[LiveTurn]:
        """Recognise the frames from first to last of a channel."""
        channel = self._channels[index]
        start = max(0, first * FRAME - _PADDING)
        end = min(len(channel.sound), (last + 1) * FRAME + _PADDING)
        now = _Heard(
            region=Region(start=channel.starts_at + start, end=channel.starts_at + end),
            sound=channel.sound[start:end],
        )
        before = _context(channel.before, now) if is_final else []
        regions = [*before, now]
        sound = WindowSound(
            window=Window(channel=index, regions=tuple(one.region for one in regions)),
            pieces=tuple(one.sound for one in regions),
        )
        (hypothesis,) = self._recognizer.recognize(
            [sound.samples], language=self._options.language or "zh", prompt=self._prompt
        )
        recognized = Recognized(window=sound.window, hypothesis=hypothesis)
        voice = np.zeros(channel.starts_at // FRAME + len(channel.voice), np.float32)
        voice[len(voice) - len(channel.voice) :] = channel.voice
        fresh = tuple(one for one in heard_text(recognized) if one.start_ms * RATE >= now.region.start * 1000)
        kept = guard(recognized, fresh, prompt=self._prompt, voice=voice, rules=self._options.ghosts)
        pieces = stretches(self._speakers[index], index, kept.text)
        turns = [self._written(piece.characters, index, number) for number, piece in enumerate(pieces, start=1)]
        if is_final:
            channel.turns += len(turns)
            channel.before = [*before, now]
            self._said += [plain(piece.characters) for piece in pieces]
        return [LiveTurn(turn=turn, is_final=is_final) for turn in turns]

    def _written(self, heard: TimedText, index: int, number: int) -> Turn:
        trade = trade_corrector([*self._said, plain(heard)])  # only once the call has shown that it is one of ours
        correctors = [self._names, trade] if trade else [self._names]
        options = self._options
        written = Writer(correctors, script=options.script, normalize=options.normalize).write(heard)
        spoken = said(written.text)
        return Turn(
            id=f"t{index}-{self._channels[index].turns + number:03d}",
            speaker=self._speakers[index],
            text=plain(written.text),
            start_ms=spoken[0].start_ms,
            end_ms=max(character.end_ms for character in spoken),
            channel=index,
            original_text=written.original,
            normalized_text=written.normalized,
            words=words(written.text),
        )


def _context(before: Sequence[_Heard], now: _Heard) -> list[_Heard]:
    """The latest stretches that fit into a window with this one: Whisper hears better what follows on something."""
    room = LONGEST_S - now.cost
    kept: list[_Heard] = []
    for one in reversed(before):
        room -= one.cost
        if room < 0:
            break
        kept.insert(0, one)
    return kept


def _spoken(voice: Sequence[float]) -> tuple[int | None, int | None]:
    """First and last frame of the speech that is open, or None twice."""
    curve = np.asarray(voice)
    first = np.flatnonzero(curve >= _ON)
    last = np.flatnonzero(curve >= _OFF)
    return (int(first[0]), int(last[-1])) if first.size else (None, None)


def _forget(channel: _Channel, frames: int) -> None:
    """Drop frames that are done with, so that a long call costs no more memory than a turn."""
    if frames > 0:
        channel.voice = channel.voice[frames:]
        channel.sound = channel.sound[frames * FRAME :]
        channel.starts_at += frames * FRAME
