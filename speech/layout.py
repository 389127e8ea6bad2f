"""Which channel is whose: two true channels are two speakers, anything else is a mix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domain.conversation import CUSTOMER, REP
from domain.errors import InputError
from speech.listening import Curve, Hearing

DEFAULT_ROLES = (REP, CUSTOMER)
_SAME_DB = -25.0
_SAME_LIKENESS = 0.9
_STEADY_DB = 1.5
_DEAD_DB = -70.0
_ALIKE = 0.35
_LOUDER_DB = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A channel to be recognised; without a speaker its voices are yet to be told apart."""

    channel: int
    speaker: str | None
    voice: Curve


def lay_out(hearing: Hearing, roles: Sequence[str] | None, *, usual: Sequence[str] = DEFAULT_ROLES) -> list[Track]:
    """Decide which channels to recognise, whose they are, and which frames of each are its own.

    Two channels are two speakers unless they carry the same sound or one of them is dead. What is heard on
    both (cross-talk) stays on the louder channel only. Roles that were given are taken at their word.

    Args:
        hearing: The first pass.
        roles: Speaker by channel of this recording; None means that nobody said.
        usual: Speaker by channel where nobody said and there are two true channels.

    Raises:
        InputError: `speech.bad_roles`, more roles than the recording has channels of its own.
    """
    if hearing.channels == 1:
        return [_mixed(hearing, roles)]
    given = roles is not None
    if _is_one_sound(hearing) or (not given and _is_dead(hearing)):
        return [_mixed(hearing, None)]
    speakers = tuple(roles) if roles is not None else tuple(usual)
    if len(speakers) != hearing.channels:
        raise InputError("speech.bad_roles", roles=len(speakers), channels=hearing.channels)
    own = _without_cross_talk(hearing)
    return [Track(channel=channel, speaker=speakers[channel], voice=own[channel]) for channel in range(2)]


def _mixed(hearing: Hearing, roles: Sequence[str] | None) -> Track:
    """One track of all voices, from the louder channel; a single role that was given is its speaker."""
    speaker = roles[0] if roles is not None and len(roles) == 1 else None
    channel = int(np.argmax(np.max(hearing.level_db, axis=1)))
    return Track(channel=channel, speaker=speaker, voice=hearing.voice[channel])


def _is_one_sound(hearing: Hearing) -> bool:
    """Whether both channels carry the same sound, at the same level or at a fixed other one."""
    if hearing.difference_db < _SAME_DB:
        return True
    voiced = hearing.voice.max(axis=0) > 0.5
    if not voiced.any():
        return False
    apart = hearing.level_db[0][voiced] - hearing.level_db[1][voiced]
    return bool(np.median(hearing.likeness[voiced]) > _SAME_LIKENESS and np.std(apart) < _STEADY_DB)


def _is_dead(hearing: Hearing) -> bool:
    """Whether a channel never rises above silence: then the other one carries the whole call."""
    return bool(np.any(np.max(hearing.level_db, axis=1) < _DEAD_DB))


def _without_cross_talk(hearing: Hearing) -> Curve:
    """P(speech) with the frames silenced that only repeat what the other channel has louder.

    Two people who speak at once correlate below 0.2 on our calls; one voice on two channels well above 0.35.
    """
    own = hearing.voice.copy()
    repeated = hearing.likeness > _ALIKE
    louder = _smoothed(hearing.level_db[0]) - _smoothed(hearing.level_db[1])
    own[1][repeated & (louder > _LOUDER_DB)] = 0.0
    own[0][repeated & (louder < -_LOUDER_DB)] = 0.0
    own[1][repeated & (np.abs(louder) <= _LOUDER_DB)] = 0.0  # a tie goes to the first channel, once
    return own


def _smoothed(level_db: Curve, width: int = 15) -> Curve:
    """Mean power over about half a second, in dB."""
    power = np.convolve(10 ** (level_db / 10), np.ones(width) / width, mode="same")
    return np.asarray(10 * np.log10(np.maximum(power, 1e-10)), np.float32)
