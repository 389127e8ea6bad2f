"""Role-play drills (AI 陪练): a practice customer made of a case or of the rep's own lost moment.

No language model is needed: the customer's worries are the case's own words, and what they say
next depends on what the rep's turn did. Always marked as AI; ends on an exit word.

`play` plans the customer's answer; whoever has a language model may let it word that plan (`reworded`).
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
from domain.sources import turn_source_id
from language.sentences import sentences

MOST_REP_TURNS = 8
MARK = "【AI 陪练】"
"""What every line opens with that the practice customer does not say in their role."""
CONTENT_AT = 2
"""Mood at which the customer is satisfied with an answer and moves to the next worry."""
LEAVES_AT = -4
"""Mood at which the customer ends the talk: two offences, or one and a run of dullness."""
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
        """What rep and practice customer said, to be analysed and scored like any other conversation.

        Notices and the exit word belong to nobody's role and are left out.
        """
        spoken = (replace(turn, text=_in_role(turn)) for turn in self.turns)
        return Transcript(id=self.id, turns=tuple(turn for turn in spoken if turn.text), kind=ConversationKind.CHAT)

    @property
    def was_played(self) -> bool:
        """Whether the rep said anything; otherwise there is nothing to score."""
        return any(turn.speaker == REP for turn in self.transcript.turns)

    def with_rep_turn(self, text: str) -> Drill:
        """Return the drill with what the rep said, before the customer answers."""
        return _add(self, REP, text)

    @property
    def turns_left(self) -> int:
        """How many more turns the rep has."""
        return 0 if self.is_over else MOST_REP_TURNS - sum(turn.speaker == REP for turn in self.turns)

    @property
    def open_worry(self) -> str:
        """The worry that is not yet settled; the last one where all are."""
        return self.persona.worries[min(self.worry, len(self.persona.worries) - 1)]


def persona_from_case(case: WarCase) -> Persona:
    """Make a practice customer from a war case: its question first, then its blocker."""
    return Persona(
        worries=(case.customer_question, *(span.text for span in sentences(case.blocker)[:2])),
        background=case.background or case.customer_question,
        blocker=case.blocker,
        origin=f"case:{case.id}:customer_question",
    )


def persona_from_call(
    transcript: Transcript, signals: Sequence[Signal], *, turn_id: str | None = None
) -> Persona | None:
    """Make a practice customer from what was lost in a call; None when nothing was.

    Args:
        turn_id: Begin with this turn of the customer, lost or not, and go on with what was lost after it.
    """
    lost = {one.turn_id for one in signals if one.kind is SignalKind.INTENT and one.label in _LOST}
    asked = [turn for turn in transcript.turns if turn.speaker == CUSTOMER]
    if turn_id is not None:
        asked = asked[next((at for at, turn in enumerate(asked) if turn.id == turn_id), len(asked)) :]
    chosen = [turn for turn in asked if turn.id in lost or turn.id == turn_id]
    worries = tuple(dict.fromkeys(turn.text for turn in chosen))
    if not worries:
        return None
    origin = turn_source_id(transcript.id, chosen[0].id)
    return Persona(worries=worries, background=worries[0], blocker=worries[-1], origin=origin)


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
    said = drill.with_rep_turn(text)
    if is_exit(text):
        return replace(_add(said, CUSTOMER, _lines()["closing"]), is_over=True)
    reaction = _reaction(acts)
    mood = said.mood + int(reaction["mood"])
    content = mood >= CONTENT_AT
    worry = said.worry + content
    spoken = sum(turn.speaker == REP for turn in said.turns)
    if worry >= len(said.persona.worries):
        return _closed(said, "settled", mood)
    if mood <= LEAVES_AT:
        return _closed(said, "leaving", mood)
    if spoken >= MOST_REP_TURNS:
        return _closed(said, "out_of_time", mood)
    line = _line(reaction, said, spoken)
    answer = f"{line}\n{said.persona.worries[worry]}" if content else line
    return replace(_add(said, CUSTOMER, answer), worry=worry, mood=0 if content else mood)


def is_exit(text: str) -> bool:
    """Whether these words end a drill."""
    return text.strip().strip("。！!.").lower() in exit_words()


def exit_words() -> tuple[str, ...]:
    """The words that end a drill."""
    return tuple(_lines()["exit_words"])


def reworded(drill: Drill, words: str) -> Drill:
    """Let the customer say what they just said in other words; a question that must be asked stays as it is."""
    last = drill.turns[-1]
    question = drill.open_worry
    said = words.strip() if question not in last.text or question in words else f"{words.strip()}\n{question}"
    return replace(drill, turns=(*drill.turns[:-1], replace(last, text=said)))


@cache
def _lines() -> dict[str, Any]:
    return tomllib.loads((files("coaching") / "drill_lines.toml").read_text(encoding="utf-8"))


def _reaction(acts: Collection[str]) -> dict[str, Any]:
    """Return the first reaction that one of the acts calls for; the last one waits for an answer."""
    reactions: list[dict[str, Any]] = _lines()["reaction"]
    return next((reaction for reaction in reactions if set(reaction["when"]) & set(acts)), reactions[-1])


def _closed(drill: Drill, why: str, mood: int) -> Drill:
    """End the drill with the customer's last line, then the notice that it was practice."""
    last = f"{_lines()[why]}\n{_lines()['closing']}"
    return replace(_add(drill, CUSTOMER, last), is_over=True, mood=mood)


def _line(reaction: dict[str, Any], drill: Drill, spoken: int) -> str:
    template: str = reaction["lines"][spoken % len(reaction["lines"])]
    persona = drill.persona
    # Plain replacement: the words come from cases and calls and may hold braces of their own.
    question = persona.worries[drill.worry]
    for name, words in (("question", question), ("background", persona.background), ("blocker", persona.blocker)):
        template = template.replace("{" + name + "}", words)
    return template


def _in_role(turn: Turn) -> str:
    if turn.speaker == REP:
        return "" if is_exit(turn.text) else turn.text.strip()
    return "\n".join(line for line in turn.text.splitlines() if not line.startswith(MARK)).strip()


def _add(drill: Drill, speaker: str, text: str) -> Drill:
    turn = Turn(id=f"t{len(drill.turns) + 1:03d}", speaker=speaker, text=text)
    return replace(drill, turns=(*drill.turns, turn))
