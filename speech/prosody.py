"""How each turn sounded: pitch, level, speaking rate and pauses, also relative to the speaker's own turns."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, takewhile
from math import log10
from statistics import fmean, pstdev

import numpy as np

from domain.conversation import Prosody
from speech.audio import RATE
from speech.pitch import HOP_MS, PitchTrack, track_pitch
from speech.timed_text import said
from speech.turns import Stretch
from speech.windows import WindowSound

_PAUSE_MS = 200
_FEWEST_TURNS = 3
_FEWEST_VOICED = 5


@dataclass(slots=True)
class VoiceTracks:
    """Pitch tracks of a recording by channel, gathered window by window; a few bytes per second of speech."""

    _tracks: dict[int, list[PitchTrack]] = field(default_factory=dict)

    def hear(self, sound: WindowSound) -> None:
        """Track the pitch of every region of a window."""
        tracks = self._tracks.setdefault(sound.window.channel, [])
        for region, piece in zip(sound.window.regions, sound.pieces, strict=True):
            tracks.append(track_pitch(piece, start_ms=round(region.start * 1000 / RATE)))

    def between(self, channel: int, start_ms: int, end_ms: int) -> PitchTrack:
        """Return the frames of a channel between two times."""
        tracks = self._tracks.get(channel, [])
        earliest = max(0, bisect_right(tracks, start_ms, key=lambda track: track.start_ms) - 1)
        pitch, power = [np.zeros(0, np.float32)], [np.zeros(0, np.float32)]
        for track in takewhile(lambda track: track.start_ms < end_ms, tracks[earliest:]):
            first = max(0, -(-(start_ms - track.start_ms) // HOP_MS))
            last = max(0, (end_ms - track.start_ms) // HOP_MS)
            pitch.append(track.pitch_hz[first:last])
            power.append(track.power[first:last])
        return PitchTrack(start_ms=start_ms, pitch_hz=np.concatenate(pitch), power=np.concatenate(power))


def prosodies(turns: Sequence[Stretch], tracks: VoiceTracks, *, default_channel: int) -> list[Prosody]:
    """Measure each turn, then set it against all turns of the same speaker.

    Args:
        turns: In any order.
        tracks: What was heard.
        default_channel: Where turns without a channel were heard.
    """
    absolute = [_measured(turn, tracks, default_channel) for turn in turns]
    by_speaker: dict[str, list[Prosody]] = {}
    for turn, prosody in zip(turns, absolute, strict=True):
        by_speaker.setdefault(turn.speaker, []).append(prosody)
    return [_relative(prosody, by_speaker[turn.speaker]) for turn, prosody in zip(turns, absolute, strict=True)]


def _measured(turn: Stretch, tracks: VoiceTracks, default_channel: int) -> Prosody:
    channel = default_channel if turn.channel is None else turn.channel
    track = tracks.between(channel, turn.start_ms, turn.end_ms)
    voiced = track.pitch_hz > 0
    heard = bool(np.count_nonzero(voiced) >= _FEWEST_VOICED)
    pause_ms = _pause_ms(turn)
    speaking_s = (turn.end_ms - turn.start_ms - pause_ms) / 1000
    return Prosody(
        pitch_hz=round(float(np.median(track.pitch_hz[voiced])), 1) if heard else None,
        energy_db=round(10 * log10(max(float(np.mean(track.power[voiced])), 1e-10)), 1) if heard else None,
        rate_chars_per_s=round(len(said(turn.characters)) / speaking_s, 2) if speaking_s > 0 else None,
        pause_ms=pause_ms,
    )


def _pause_ms(turn: Stretch) -> int:
    """Silence of 200 ms and more between the turn's words, summed."""
    spoken = said(turn.characters)
    gaps = (after.start_ms - before.end_ms for before, after in pairwise(spoken))
    return sum(gap for gap in gaps if gap >= _PAUSE_MS)


def _relative(prosody: Prosody, own: Sequence[Prosody]) -> Prosody:
    return replace(
        prosody,
        relative_pitch=_deviation(prosody.pitch_hz, [one.pitch_hz for one in own]),
        relative_energy=_deviation(prosody.energy_db, [one.energy_db for one in own]),
        relative_rate=_deviation(prosody.rate_chars_per_s, [one.rate_chars_per_s for one in own]),
    )


def _deviation(value: float | None, own: Sequence[float | None]) -> float | None:
    """Standard deviations from the speaker's mean; None where there are too few turns to say."""
    known = [one for one in own if one is not None]
    if value is None or len(known) < _FEWEST_TURNS or (spread := pstdev(known)) == 0:
        return None
    return round((value - fmean(known)) / spread, 2)
