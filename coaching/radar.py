"""A rep over many calls: the ability radar, what is weak, and what to drill next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from coaching.scorecards import ItemScore, Scorecard

LEAST_CALLS = 3
"""An ability seen in fewer calls is shown as not yet known."""
WEAK_BELOW = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """One axis of the radar: the mean level over the calls where it could be scored.

    `trend` is the mean of the later half minus that of the earlier half; None below two calls a half.
    """

    name: str
    level: float | None
    calls: int
    trend: float | None

    @property
    def is_weak(self) -> bool:
        """Whether it is known and below the middle of the scale."""
        return self.level is not None and self.level < WEAK_BELOW


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillNeed:
    """A weak ability with the reasons that pulled it down most often, commonest first."""

    ability: str
    level: float
    reasons: tuple[str, ...]


def build_radar(scorecards: Sequence[Scorecard]) -> tuple[Ability, ...]:
    """Average each item over the calls, oldest first; the rubric's order is kept."""
    names = list(dict.fromkeys(item.name for card in scorecards for item in card.items))
    return tuple(_ability(name, _scored(scorecards, name)) for name in names)


def plan_drills(scorecards: Sequence[Scorecard], *, most: int = 3) -> tuple[DrillNeed, ...]:
    """Return the weakest known abilities, weakest first, with what cost the points."""
    weak = sorted((ability for ability in build_radar(scorecards) if ability.is_weak), key=lambda a: a.level or 0.0)
    return tuple(
        DrillNeed(ability=ability.name, level=ability.level or 0.0, reasons=_reasons(_scored(scorecards, ability.name)))
        for ability in weak[:most]
    )


def _scored(scorecards: Sequence[Scorecard], name: str) -> list[ItemScore]:
    return [item for card in scorecards for item in card.items if item.name == name and item.level is not None]


def _ability(name: str, items: Sequence[ItemScore]) -> Ability:
    levels = [item.level for item in items if item.level is not None]
    level = fmean(levels) if len(levels) >= LEAST_CALLS else None
    return Ability(name=name, level=level, calls=len(levels), trend=_trend(levels))


def _trend(levels: Sequence[float]) -> float | None:
    half = len(levels) // 2
    return fmean(levels[-half:]) - fmean(levels[:half]) if half >= 2 else None


def _reasons(items: Sequence[ItemScore]) -> tuple[str, ...]:
    lost: dict[str, float] = {}
    for evidence in (evidence for item in items for evidence in item.evidence if evidence.points < 0):
        lost[evidence.why] = lost.get(evidence.why, 0.0) + evidence.points
    return tuple(sorted(lost, key=lambda why: lost[why]))
