"""What each picture shows, in one sentence, for those who cannot see it."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from coaching import timing
from coaching.pictures import MINUTE_MS, Lane
from coaching.view import clock, turn_number
from coaching.words import Say, in_words
from domain.conversation import CUSTOMER, REP, Transcript, Turn
from domain.signals import Signal, SignalKind

_EVEN = 0.4
"""A curve whose ends lie closer than this is called even: the cue is no finer."""


def describe_talk_bar(transcript: Transcript, say: Say) -> str:
    """Say who spoke how much of each minute."""
    minutes = range(max(1, ceil(timing.duration_ms(transcript) / MINUTE_MS)))
    rows = [
        say(
            "alt_minute",
            number=number + 1,
            rep=_share(transcript, REP, number),
            customer=_share(transcript, CUSTOMER, number),
        )
        for number in minutes
    ]
    return say("alt_talk_bar", title=say("talk_bar"), minutes="；".join(rows))


def describe_timeline(transcript: Transcript, signals: Sequence[Signal], lanes: Sequence[Lane], say: Say) -> str:
    """Say how often each family of signals came up, and when first."""
    turns = {turn.id: turn for turn in transcript.turns}
    rows = []
    for lane in lanes:
        found = [signal for signal in signals if signal.kind in lane.kinds and signal.turn_id in turns]
        if found:
            first = min((turns[signal.turn_id] for signal in found), key=lambda turn: (turn.start_ms or 0, turn.id))
            rows.append(say("alt_lane", name=lane.title, count=len(found), first=_when(first)))
        else:
            rows.append(say("alt_lane_empty", name=lane.title))
    return say("alt_timeline", title=say("timeline"), lanes="；".join(rows))


def describe_emotions(transcript: Transcript, signals: Sequence[Signal], say: Say, *, lang: str) -> str:
    """Say where each side's mood was lowest and highest, and how many breaks there are."""
    turns = {turn.id: turn for turn in transcript.turns}
    cues = [signal for signal in signals if signal.kind is SignalKind.EMOTION and signal.turn_id in turns]
    rows = []
    for speaker in (REP, CUSTOMER):
        own = sorted((cue for cue in cues if turns[cue.turn_id].speaker == speaker), key=_valence)
        if own and _valence(own[-1]) - _valence(own[0]) < _EVEN:
            rows.append(say("alt_emotion_calm", name=say(speaker)))
        elif own:
            low, high = own[0], own[-1]
            places = {"low": _when(turns[low.turn_id]), "high": _when(turns[high.turn_id])}
            words = {"low_label": in_words(low.label, lang), "high_label": in_words(high.label, lang)}
            rows.append(say("alt_emotion_speaker", name=say(speaker), **places, **words))
    breaks = sum(signal.kind is SignalKind.LOGIC_BREAK for signal in signals)
    return say("alt_emotion", title=say("emotion_curve"), speakers="；".join(rows), breaks=breaks)


def _share(transcript: Transcript, speaker: str, minute: int) -> int:
    begin, end = minute * MINUTE_MS, (minute + 1) * MINUTE_MS
    spoken = (
        max(0, min(turn.end_ms or 0, end) - max(turn.start_ms or 0, begin))
        for turn in transcript.turns
        if turn.speaker == speaker
    )
    return round(100 * sum(spoken) / MINUTE_MS)


def _when(turn: Turn) -> str:
    return clock(turn.start_ms) or turn_number(turn.id)


def _valence(signal: Signal) -> float:
    valence = signal.attributes.get("valence", 0.0)
    return float(valence) if isinstance(valence, int | float) else 0.0
