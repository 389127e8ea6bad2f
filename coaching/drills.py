"""Role-play drills (AI 陪练): a practice customer made of a case or of the rep's own lost moment.

No language model is needed: the customer's worries are the case's own words, and what they say
next depends on what the rep's turn did. Always marked as AI; ends on an exit word.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from domain.cases import WarCase
from domain.conversation import CUSTOMER, REP, ConversationKind, Transcript, Turn
from domain.signals import Intent, Signal, SignalKind
from language.sentences import sentences

MOST_REP_TURNS = 8
CONTENT_AT = 2
"""Mood at which the customer is satisfied with an answer and moves to the next worry."""
_LOST = {Intent.REFUSE, Intent.STALL, Intent.COMPLAIN, Intent.PUSH_PRICE, Intent.COMPARE_COMPETITOR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """The practice customer: what they ask, one worry after another, and what they tell when asked.

    `origin` is the source id the worries are from, so that each can be looked up.
    """

    worries: tuple[str, ...]
    background: str
    blocker: str
    origin: str

    def __post_init__(self) -> None:
        if not self.worries:
            raise ValueError("a practice customer needs a worry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """A drill as it stands; `play` returns the next one."""

    id: str
    persona: Persona
    turns: tuple[Turn, ...]
    worry: int = 0
    mood: int = 0
    is_over: bool = False

    @property
    def transcript(self) -> Transcript:
        """The drill as a conversation, to be analysed and scored like any other."""
        return Transcript(id=self.id, turns=self.turns, kind=ConversationKind.CHAT)


def persona_from_case(case: WarCase) -> Persona:
    """Make a practice customer from a war case: its question first, then its blocker."""
    return Persona(
        worries=(case.customer_question, *(span.text for span in sentences(case.blocker)[:2])),
        background=case.background or case.customer_question,
        blocker=case.blocker,
        origin=f"case:{case.id}:customer_question",
    )


def persona_from_call(transcript: Transcript, signals: Sequence[Signal]) -> Persona | None:
    """Make a practice customer from what was lost in a call; None when nothing was."""
    turns = {turn.id: turn for turn in transcript.turns if turn.speaker == CUSTOMER}
    lost = [
        turns[signal.turn_id].text
        for signal in signals
        if signal.kind is SignalKind.INTENT and signal.label in _LOST and signal.turn_id in turns
    ]
    worries = tuple(dict.fromkeys(lost))
    if not worries:
        return None
    return Persona(worries=worries, background=worries[0], blocker=worries[-1], origin=f"turn:{transcript.id}")


def open_drill(drill_id: str, persona: Persona) -> Drill:
    """Start a drill: the AI notice and the first worry."""
    opening = f"{_lines()['notice']}\n{persona.worries[0]}"
    return Drill(id=drill_id, persona=persona, turns=(Turn(id="t001", speaker=CUSTOMER, text=opening),))


def play(drill: Drill, text: str, *, acts: Collection[str]) -> Drill:
    """Let the rep speak and the customer answer.

    Args:
        text: The rep's words.
        acts: Labels of the rep acts and risks found in them, by the same detectors as in real calls.

    Raises:
        ValueError: The drill is over.
    """
    if drill.is_over:
        raise ValueError("the drill is over")
    said = _add(drill, REP, text)
    if text.strip().lower() in _lines()["exit_words"]:
        return replace(_add(said, CUSTOMER, _lines()["closing"]), is_over=True)
    reaction = _reaction(acts)
    mood = said.mood + int(reaction["mood"])
    content = mood >= CONTENT_AT
    worry = said.worry + content
    spoken = sum(turn.speaker == REP for turn in said.turns)
    if worry >= len(said.persona.worries) or spoken >= MOST_REP_TURNS:
        return replace(_add(said, CUSTOMER, _lines()["closing"]), is_over=True, mood=mood)
    line = _line(reaction, said, spoken)
    answer = f"{line}\n{said.persona.worries[worry]}" if content else line
    return replace(_add(said, CUSTOMER, answer), worry=worry, mood=0 if content else mood)


@cache
def _lines() -> dict[str, Any]:
    return tomllib.loads((files("coaching") / "drill_lines.toml").read_text(encoding="utf-8"))


def _reaction(acts: Collection[str]) -> dict[str, Any]:
    """Return the first reaction that one of the acts calls for; the last one waits for an answer."""
    reactions: list[dict[str, Any]] = _lines()["reaction"]
    return next((reaction for reaction in reactions if set(reaction["when"]) & set(acts)), reactions[-1])


def _line(reaction: dict[str, Any], drill: Drill, spoken: int) -> str:
    template: str = reaction["lines"][spoken % len(reaction["lines"])]
    persona = drill.persona
    # Plain replacement: the words come from cases and calls and may hold braces of their own.
    question = persona.worries[drill.worry]
    for name, words in (("question", question), ("background", persona.background), ("blocker", persona.blocker)):
        template = template.replace("{" + name + "}", words)
    return template


def _add(drill: Drill, speaker: str, text: str) -> Drill:
    turn = Turn(id=f"t{len(drill.turns) + 1:03d}", speaker=speaker, text=text)
    return replace(drill, turns=(*drill.turns, turn))
