"""Implicit needs: what a customer shows by coming back to it (asks for the delivery time twice → 项目紧迫).

Which needs there are and what shows them is data: `rules/implicit_needs.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from domain.conversation import REP
from domain.signals import Signal, SignalKind
from signals.pipeline import Reading, observe
from signals.rulebook import rulebook


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedRule:
    """One need: seen when at least `least` customer turns match `shows`."""

    label: str
    least: int
    shows: re.Pattern[str]
    denied: re.Pattern[str]


class ImplicitNeedDetector:
    """Finds implicit needs by rules over the customer's turns.

    Args:
        rules: Other rules than the ones shipped.
    """

    name = "implicit_needs"
    version = "1.0"

    def __init__(self, rules: Sequence[NeedRule] | None = None) -> None:
        self._rules = tuple(rules) if rules is not None else need_rules()

    def detect(self, reading: Reading) -> Iterator[Signal]:
        """Yield a need once, on the turn that made it certain; `evidence` lists all turns that show it."""
        spoken = [(index, turn) for index, turn in enumerate(reading.turns) if turn.speaker != REP]
        for rule in self._rules:
            shown = [
                (index, match)
                for index, turn in spoken
                if (match := rule.shows.search(turn.text)) is not None and not rule.denied.search(turn.text)
            ]
            if len(shown) < rule.least:
                continue
            index, match = shown[rule.least - 1]
            yield observe(
                self,
                reading.turns[index],
                kind=SignalKind.IMPLICIT_NEED,
                label=rule.label,
                score=min(0.95, 0.6 + 0.1 * len(shown)),
                start=match.start(),
                end=match.end(),
                attributes={"evidence": [reading.turns[place].id for place, _ in shown], "count": len(shown)},
            )


@cache
def need_rules() -> tuple[NeedRule, ...]:
    """Return the rules shipped, in their order."""
    return tuple(
        NeedRule(
            label=entry["label"],
            least=entry["least"],
            shows=re.compile(entry["shows"]),
            denied=re.compile(entry["denied"]),
        )
        for entry in rulebook("implicit_needs")["need"]
    )
