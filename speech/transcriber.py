"""A recording becomes a Transcript: listen, recognise, guard, attribute, write."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import Protocol

import numpy as np

from domain.conversation import Prosody, Transcript, TranscriptNote, Turn
from domain.lexicon import Lexicon, names_of
from language.script import Script
from speech.audio import RATE, AudioLimits, Samples, decode, length_hint
from speech.correction import NameCorrector
from speech.ghosts import GhostRules, guard
from speech.layout import DEFAULT_ROLES, Track, lay_out
from speech.listening import Hearing, listen
from speech.progress import Checkpoint, Progress, Reporter, Stage
from speech.prompting import prompt_for
from speech.prosody import VoiceTracks, prosodies
from speech.recognition import RecognitionPlan, Recognized, recognize_windows
from speech.recognizer import Recognizer
from speech.timed_text import TimedText, said, words
from speech.timed_text import plain as plain_text
from speech.trade_terms import trade_corrector
from speech.turns import Stretch, interleaved, joined, stretches
from speech.voice_activity import FRAME, RegionRules, SileroVoice, VoiceDetector, speech_regions
from speech.voiceprints import Voiceprint
from speech.voices import Diarizer, OneVoice
from speech.windows import Window, WindowSound, cut, pack
from speech.writing import Writer, Written, heard_text

_LONGEST_ENROLMENT_S = 600.0


class Transcriber(Protocol):
    """Turns a recording into a Transcript."""

    def transcribe(
        self,
        path: Path,
        *,
        roles: Sequence[str] | None = None,
        lexicon: Lexicon = (),
        conversation_id: str | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        checkpoint: Checkpoint | None = None,
        rep_voice: Path | Voiceprint | None = None,
    ) -> Transcript:
        """Transcribe one recording.

        Args:
            path: wav, mp3, m4a, aac, ogg, opus, flac or amr.
            roles: Speaker by channel (`rep`, `customer`); None takes the usual ones on true stereo.
            lexicon: Names to listen for and to put right.
            conversation_id: The transcript's id; taken from the recording's content unless given.
            on_progress: Told how far the work is.
            checkpoint: Where finished windows are kept, and found again after a restart.
            rep_voice: By what the rep is known in a mix: a recording of the rep alone, made for this purpose and
                forgotten with the transcription, or what `voiceprint` made of one. Not read where channels tell who
                speaks.

        Raises:
            InputError: The recording cannot be used; the message says why.
            MissingError: The speech model is not there.
            ModelError: The speech model failed.
        """
        ...

    def voiceprint(self, path: Path) -> Voiceprint:
        """Return what a person is known by, from a recording in which only they speak.

        Raises:
            InputError: The recording cannot be used, or holds too little speech.
            MissingError: Voices cannot be told apart here.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechOptions:
    """Everything about transcription that an installation may choose.

    Attributes:
        limits: Recordings that are accepted.
        regions: When speech begins and ends.
        ghosts: When text is taken for invented.
        language: ISO 639-1 code; None finds it out per recording (Chinese unless another is certain).
        script: Characters the reader expects.
        normalize: Whether turns also carry their text with numbers in digits.
        roles: Speaker by channel where a call does not say.
    """

    limits: AudioLimits = field(default_factory=AudioLimits)
    regions: RegionRules = field(default_factory=RegionRules)
    ghosts: GhostRules = field(default_factory=GhostRules)
    language: str | None = None
    script: Script = Script.SIMPLIFIED
    normalize: bool = False
    roles: tuple[str, ...] = DEFAULT_ROLES


class CallTranscriber:
    """The transcriber for calls: reads the file twice as a stream, and holds only windows of speech in memory.

    Args:
        recognizer: Speech recogniser.
        detector: Makes a voice detector for each channel.
        diarizer: Makes one that tells the voices of a mix apart; by default a mix stays one voice.
        options: What the installation chose.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        *,
        detector: Callable[[], VoiceDetector] = SileroVoice,
        diarizer: Callable[[], Diarizer] = OneVoice,
        options: SpeechOptions = SpeechOptions(),
    ) -> None:
        self._recognizer, self._detector, self._diarizer, self._options = recognizer, detector, diarizer, options

    def transcribe(
        self,
        path: Path,
        *,
        roles: Sequence[str] | None = None,
        lexicon: Lexicon = (),
        conversation_id: str | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        checkpoint: Checkpoint | None = None,
        rep_voice: Path | Voiceprint | None = None,
    ) -> Transcript:
        """See `Transcriber.transcribe`."""
        reporter = Reporter(on_progress)
        hearing = self._listen(path, reporter)
        tracks = lay_out(hearing, roles, usual=self._options.roles)
        content = _content_hash(path)
        plan = self._plan(content, lexicon)
        ears = _Ears(tracks=VoiceTracks(), diarizer=self._voices(tracks, rep_voice))
        sounds = cut(decode(path, limits=self._options.limits), self._windows(hearing, tracks))
        recognized = self._recognize(sounds, plan, ears, checkpoint, hearing, reporter)
        texts, notes = self._guarded(recognized, plan.prompt, tracks)
        pieces = [piece for track in tracks for piece in _spoken(track, texts.get(track.channel, ()), ears.diarizer)]
        turns = self._turns(pieces, ears.tracks, lexicon, default_channel=tracks[0].channel)
        reporter.report(Stage.FINISHING, 1.0)
        return Transcript(
            id=conversation_id or f"call-{content[:12]}",
            turns=turns,
            language=recognized[0].hypothesis.language if recognized else plan.language or "zh",
            duration_ms=hearing.duration_ms,
            notes=notes,
            models={"asr": self._recognizer.name, "lexicon": lexicon_hash(lexicon)},
        )

    def _listen(self, path: Path, reporter: Reporter) -> Hearing:
        blocks = decode(path, limits=self._options.limits)
        first = next(blocks)  # raises what is wrong with the file
        length = length_hint(path) or round(self._options.limits.max_duration_s * RATE)
        return listen(
            chain([first], blocks),
            detector=self._detector,
            on_heard=lambda samples: reporter.report(Stage.LISTENING, samples / length),
        )

    def voiceprint(self, path: Path) -> Voiceprint:
        """See `Transcriber.voiceprint`."""
        return self._diarizer().voiceprint(speech_in(path, detector=self._detector, options=self._options))

    def _voices(self, tracks: Sequence[Track], rep_voice: Path | Voiceprint | None) -> Diarizer | None:
        """Whoever tells voices apart, where channels do not; it may know the rep's."""
        if tracks[0].speaker is not None:
            return None
        diarizer = self._diarizer()
        if rep_voice is not None:
            diarizer.meet_rep(self.voiceprint(rep_voice) if isinstance(rep_voice, Path) else rep_voice)
        return diarizer

    def _windows(self, hearing: Hearing, tracks: Sequence[Track]) -> list[Window]:
        return [
            window
            for track in tracks
            for window in pack(
                speech_regions(track.voice, rules=self._options.regions, samples=hearing.samples),
                channel=track.channel,
            )
        ]

    def _plan(self, content: str, lexicon: Lexicon) -> RecognitionPlan:
        prompt = prompt_for(lexicon)
        parts = [content, self._recognizer.name, prompt, self._options.language or "", repr(self._options.regions)]
        fingerprint = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
        return RecognitionPlan(prompt=prompt, language=self._options.language, fingerprint=fingerprint)

    def _recognize(
        self,
        sounds: Iterable[WindowSound],
        plan: RecognitionPlan,
        ears: _Ears,
        checkpoint: Checkpoint | None,
        hearing: Hearing,
        reporter: Reporter,
    ) -> list[Recognized]:
        """Recognise all windows, in order of their beginning."""
        done = []
        windows = recognize_windows(
            sounds, recognizer=self._recognizer, plan=plan, checkpoint=checkpoint, on_window=ears.hear
        )
        for one in windows:
            done.append(one)
            reporter.report(Stage.RECOGNIZING, one.window.regions[-1].end / hearing.samples)
        return sorted(done, key=lambda one: (one.window.regions[0].start, one.window.channel))

    def _guarded(
        self, recognized: Sequence[Recognized], prompt: str, tracks: Sequence[Track]
    ) -> tuple[dict[int, TimedText], tuple[TranscriptNote, ...]]:
        """Text by channel, and notes on what was taken out of it."""
        voices = {track.channel: track.voice for track in tracks}
        texts: dict[int, TimedText] = {}
        notes: list[TranscriptNote] = []
        for one in recognized:
            channel = one.window.channel
            guarded = guard(one, heard_text(one), prompt=prompt, voice=voices[channel], rules=self._options.ghosts)
            texts[channel] = texts.get(channel, ()) + guarded.text
            notes += guarded.notes
        return texts, tuple(notes)

    def _turns(
        self, pieces: Iterable[Stretch], tracks: VoiceTracks, lexicon: Lexicon, *, default_channel: int
    ) -> tuple[Turn, ...]:
        ordered = joined(interleaved(pieces))
        writer = Writer(_correctors(lexicon, ordered), script=self._options.script, normalize=self._options.normalize)
        sounds = prosodies(ordered, tracks, default_channel=default_channel)
        return tuple(
            _turn(f"t{number:03d}", piece, writer.write(piece.characters), sound)
            for number, (piece, sound) in enumerate(zip(ordered, sounds, strict=True), start=1)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ears:
    """Everybody who wants to hear the windows besides the recogniser."""

    tracks: VoiceTracks
    diarizer: Diarizer | None

    def hear(self, sound: WindowSound) -> None:
        self.tracks.hear(sound)
        if self.diarizer:
            for region, piece in zip(sound.window.regions, sound.pieces, strict=True):
                self.diarizer.hear(piece, start_ms=round(region.start * 1000 / RATE))


def _spoken(track: Track, text: TimedText, diarizer: Diarizer | None) -> list[Stretch]:
    """What was said on a track, by speaker."""
    if track.speaker is not None:
        return stretches(track.speaker, track.channel, text)
    if diarizer is None:
        raise ValueError("a mixed track needs a diarizer")
    return [piece for part in diarizer.attribute(text) for piece in stretches(part.speaker, None, part.characters)]


def speech_in(path: Path, *, detector: Callable[[], VoiceDetector], options: SpeechOptions) -> list[Samples]:
    """Return the stretches of a short recording in which somebody speaks, each float32 (n,) at 16 kHz.

    Raises:
        InputError: The recording cannot be used, or is longer than ten minutes.
    """
    limits = replace(options.limits, max_duration_s=min(options.limits.max_duration_s, _LONGEST_ENROLMENT_S))
    sound = np.concatenate([block.mean(axis=0) for block in decode(path, limits=limits)])  # (n,)
    padded = np.pad(sound, (0, -len(sound) % FRAME))
    regions = speech_regions(detector().probabilities(padded), rules=options.regions, samples=len(sound))
    return [sound[region.start : region.end] for region in regions]


def _correctors(lexicon: Lexicon, pieces: Sequence[Stretch]) -> list[NameCorrector]:
    names = NameCorrector(form for entry in names_of(lexicon) for form in entry.forms)
    trade = trade_corrector([plain_text(piece.characters) for piece in pieces])
    return [names, trade] if trade else [names]


def _turn(turn_id: str, piece: Stretch, written: Written, prosody: Prosody) -> Turn:
    return Turn(
        id=turn_id,
        speaker=piece.speaker,
        text=plain_text(written.text),
        start_ms=piece.start_ms,
        end_ms=piece.end_ms,
        confidence=round(fmean(character.probability for character in said(piece.characters)), 3),
        channel=piece.channel,
        original_text=written.original,
        normalized_text=written.normalized,
        prosody=prosody,
        words=words(written.text),
    )


def lexicon_hash(lexicon: Lexicon) -> str:
    """Return `sha256:` and the hash of a lexicon's entries in their order."""
    entries = [[entry.name, list(entry.aliases), entry.kind.value] for entry in lexicon]
    return "sha256:" + hashlib.sha256(json.dumps(entries, ensure_ascii=False).encode()).hexdigest()


def _content_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
