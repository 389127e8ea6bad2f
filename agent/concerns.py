"""What the customer of a war case was concerned with, read as any customer's words are."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

from agent.shelf import CaseFile
from domain.conversation import CUSTOMER, Transcript, Turn
from domain.signals import Intent, SignalKind
from signals.pipeline import SignalDetector

_MOST_KEPT = 20_000
_NO_CONCERN = frozenset({Intent.OTHER.value, Intent.SMALL_TALK.value})


def in_other_words(intents: Iterable[str]) -> str:
    """Return what customers typically say who want the same; empty where nothing is wanted."""
    table = _typical_words()
    return " ".join(table[intent] for intent in intents if intent in table)


@cache
def _typical_words() -> Mapping[str, str]:
    return tomllib.loads((files("agent") / "concerns.toml").read_text(encoding="utf-8"))


class Concerns:
    """Reads the customer's question of cases; what was read is kept until its words change."""

    def __init__(self, detector: SignalDetector | None) -> None:
        self._detector = detector
        self._read: dict[str, frozenset[str]] = {}

    def of(self, cases: Iterable[CaseFile]) -> dict[str, frozenset[str]]:
        """Return case id → the intents of its customer's question; empty without a detector. Work for a thread."""
        if self._detector is None:
            return {}
        return {case.case_id: self._intents(case.text("customer_question")) for case in cases}

    def _intents(self, question: str) -> frozenset[str]:
        known = self._read.get(question)  # requests share it from several threads
        if known is None and self._detector is not None:
            if len(self._read) >= _MOST_KEPT:
                self._read.clear()
            asked = Transcript(id="case", turns=(Turn(id="t001", speaker=CUSTOMER, text=question),))
            found = self._detector.detect(asked)
            intents = {one.label for one in found if one.kind is SignalKind.INTENT}
            known = self._read[question] = frozenset(intents - _NO_CONCERN)
        return known or frozenset()
