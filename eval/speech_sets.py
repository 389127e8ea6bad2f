"""Recordings with references: calls of two speakers and single utterances, as the public sets lay them out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domain.lexicon import Lexicon
from eval.speech_scores import Spoken

_AUDIO = (".ogg", ".wav", ".flac")
_ROLES = {"agent": "rep", "rep": "rep", "customer": "customer"}
AISHELL = "aishell_zh_speech"
STEREO = "stereo_calls_zh_derived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One recorded sentence; `group` names the part of the set it belongs to."""

    id: str
    audio: Path
    text: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenTurn:
    """A reference turn."""

    spoken: Spoken
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A two-channel recording with exact turns and the names that are said in it."""

    id: str
    audio: Path
    turns: tuple[SpokenTurn, ...]
    lexicon: Lexicon = ()

    def text_of(self, speaker: str) -> str:
        """Everything one speaker says."""
        return "".join(turn.text for turn in self.turns if turn.spoken.speaker == speaker)


def utterances(data: Path, half: str) -> list[Utterance]:
    """Read the sentences of a half; an absent set is an empty list."""
    folder = data / AISHELL
    return [
        Utterance(
            id=row["id"],
            audio=folder / row["audio"],
            text=row["text"],
            group="sentences" if row["in_aishell1"] else "names",
        )
        for row in _rows(folder / f"{half}.jsonl")
    ]


def real_voice_calls(data: Path, half: str) -> list[Call]:
    """Read the telephone-band calls made of real voices; their words are unrelated."""
    folder = data / STEREO
    return [
        Call(id=row["id"], audio=folder / row["audio"], turns=tuple(map(_turn, row["turns"])))
        for row in _rows(folder / f"{half}.jsonl")
    ]


def enrolment_clips(data: Path, half: str, *, most: int = 8) -> dict[tuple[str, str], tuple[Path, ...]]:
    """Read what each speaker of the real-voice calls says elsewhere: (call, rep or customer) → sentences in no call.

    Args:
        most: Sentences a speaker.
    """
    calls = list(_rows(data / STEREO / f"{half}.jsonl"))
    used = {turn["src"] for row in calls for turn in row["turns"]}
    free: dict[str, list[Path]] = {}
    for row in _rows(data / AISHELL / f"{half}.jsonl"):
        if row["id"] not in used:
            free.setdefault(row["speaker"], []).append(data / AISHELL / row["audio"])
    clips = {}
    for row in calls:
        for channel in row["channels"].values():  # like "agent (S0150)"
            role, _, speaker = channel.rstrip(")").partition(" (")
            clips[(row["id"], _ROLES[role])] = tuple(free.get(speaker, [])[:most])
    return clips


def sales_calls(data: Path) -> list[Call]:
    """Read the written sales calls: `<id>.json` beside its audio, with `<id>.lexicon.json` where there is one."""
    for folder in (data, data / "audio", data.parent / "audio"):
        calls = [call for path in sorted(folder.glob("*.json")) if (call := _sales_call(path))]
        if calls:
            return calls
    return []


def _sales_call(path: Path) -> Call | None:
    from wire.documents import read_lexicon

    audio = next((found for suffix in _AUDIO if (found := path.with_suffix(suffix)).is_file()), None)
    if audio is None:
        return None
    names = path.with_suffix(".lexicon.json")
    lexicon = read_lexicon(json.loads(names.read_text(encoding="utf-8"))) if names.is_file() else ()
    turns = json.loads(path.read_text(encoding="utf-8"))["turns"]
    return Call(id=path.stem, audio=audio, turns=tuple(map(_turn, turns)), lexicon=lexicon)


def _turn(row: Mapping[str, Any]) -> SpokenTurn:
    start_ms, end_ms = round(row["start"] * 1000), round(row["end"] * 1000)
    return SpokenTurn(spoken=Spoken(speaker=_ROLES[row["speaker"]], start_ms=start_ms, end_ms=end_ms), text=row["text"])


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if path.is_file():
        yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())
