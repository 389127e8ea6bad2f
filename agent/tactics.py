"""Tactics of a reply: which move a sentence makes, and which moves suit the customer's wish and the deal's stage."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

EVIDENCE_TACTIC = "案例佐证"
QUESTION_TACTIC = "提问澄清"
NEXT_STEP_TACTIC = "约定下一步"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tactic:
    """A way to answer; `cues` recognise its sentences."""

    name: str
    cues: re.Pattern[str]
    intents: frozenset[str]
    stages: frozenset[str]

    def fit(self, intents: Collection[str], stage: str) -> float:
        """Return how well the tactic suits: 1 for the wish, half for the stage alone, 0 for neither."""
        if self.intents & set(intents):
            return 1.0 + (0.25 if stage in self.stages else 0.0)
        return 0.5 if stage in self.stages else 0.0


@cache
def tactics() -> tuple[Tactic, ...]:
    """Load the tactics once, in order of preference."""
    table = tomllib.loads((files("agent") / "tactics.toml").read_text(encoding="utf-8"))
    return tuple(
        Tactic(
            name=row["name"],
            cues=re.compile(row["cues"]),
            intents=frozenset(row["intents"]),
            stages=frozenset(row["stages"]),
        )
        for row in table["tactic"]
    )


def moves_of(sentence: str, *, intents: Collection[str], stage: str) -> list[tuple[str, float]]:
    """Return the tactics that a sentence can stand for with their fit, the best first."""
    found = [(tactic.name, tactic.fit(intents, stage)) for tactic in tactics() if tactic.cues.search(sentence)]
    return sorted(found, key=lambda pair: -pair[1])
