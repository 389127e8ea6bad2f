"""Scorecards: a rubric as data, scored only from signals and metrics, with the evidence beside each item."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from coaching.credit import credited
from coaching.timing import moment_of
from domain.conversation import REP, Transcript
from domain.signals import Metric, Moment, Signal

LEVELS = 5


NO_REP = "没有能确认是销售说的话"
"""Why nothing is scored where no turn is known to be the rep's; in the rubric's own language, like its other words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Counts matching signals, or reads one metric; `points` a match, at most `most` in all.

    Attributes:
        advice: What to do instead, for a rule that costs points.
        missing: What to say where a good act never came; with `advice`, and `anchor` for the moment it was due.
    """

    why: str
    points: float
    most: float
    kind: str | None = None
    label: str | None = None
    severity: str | None = None
    speaker: str | None = None
    metric: str | None = None
    above: float | None = None
    advice: str = ""
    missing: str = ""
    anchor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RubricItem:
    """One line of a scorecard; `anchors` says what each level 1–5 means."""

    name: str
    weight: float
    base: float
    anchors: tuple[str, ...]
    rules: tuple[Rule, ...]
    needs: tuple[Rule, ...] = ()
    needs_words: str = ""

    def __post_init__(self) -> None:
        if len(self.anchors) != LEVELS:
            raise ValueError(f"{self.name}: a rubric item has {LEVELS} anchors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rubric:
    """A versioned set of items whose weights sum to 1."""

    version: str
    items: tuple[RubricItem, ...]

    def __post_init__(self) -> None:
        if abs(sum(item.weight for item in self.items) - 1) > 1e-6:
            raise ValueError("the weights of a rubric sum to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A rule that fired: what it says, what it moved, the moments it rests on, and what to do about it."""

    why: str
    points: float
    moments: tuple[Moment, ...]
    advice: str = ""
    anchor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A good act that never came: what it would have been worth, what to do, and where it was due."""

    why: str
    worth: float
    advice: str
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemScore:
    """A scored item; `level` is None exactly when `undefined_because` says why."""

    name: str
    level: float | None
    anchor: str
    evidence: tuple[Evidence, ...]
    undefined_because: str | None = None
    weight: float = 0.0
    missed: tuple[Missed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """All items of one conversation; `total` is the weighted mean of the scored ones, 0–100."""

    rubric_version: str
    items: tuple[ItemScore, ...]
    total: float | None


class _Observed:
    """A conversation's signals and metrics, asked by rules."""

    def __init__(self, transcript: Transcript, signals: Sequence[Signal], metrics: Sequence[Metric]) -> None:
        self._turns = {turn.id: turn for turn in transcript.turns}
        known = [signal for signal in signals if signal.turn_id in self._turns]
        self._signals = credited(known, self._turns)
        self._metrics = {metric.name: metric for metric in metrics}
        self.has_rep = any(turn.speaker == REP and turn.text.strip() for turn in transcript.turns)

    def fire(self, rule: Rule) -> Evidence | None:
        """Return the evidence of a rule that applies, else None."""
        if rule.metric is not None:
            return self._metric_evidence(rule)
        matches = [signal for signal in self._signals if self._fits(rule, signal)]
        if not matches:
            return None
        points = rule.points * len(matches)
        capped = max(-rule.most, min(rule.most, points))
        moments = tuple(moment_of(signal, self._turns[signal.turn_id]) for signal in matches)
        return Evidence(why=rule.why, points=capped, moments=moments, advice=rule.advice)

    def _metric_evidence(self, rule: Rule) -> Evidence | None:
        metric = self._metrics.get(str(rule.metric))
        if metric is None or metric.value is None or metric.value <= (rule.above or 0.0):
            return None
        # A range in milliseconds says nothing about characters.
        if metric.unit == "字":
            return None
        return Evidence(
            why=rule.why, points=rule.points, moments=metric.evidence, advice=rule.advice, anchor=rule.anchor
        )

    def _fits(self, rule: Rule, signal: Signal) -> bool:
        return (
            signal.kind == rule.kind
            and rule.label in (None, signal.label)
            and rule.severity in (None, signal.attributes.get("severity"))
            and signal.attributes.get("severity") != "note"
            and rule.speaker in (None, self._turns[signal.turn_id].speaker)
        )


def score(
    transcript: Transcript,
    signals: Sequence[Signal],
    metrics: Sequence[Metric],
    *,
    rubric: Rubric | None = None,
) -> Scorecard:
    """Score a conversation; items whose occasion never came are undefined and leave the total alone."""
    chosen = rubric or default_rubric()
    observed = _Observed(transcript, signals, metrics)
    items = tuple(_score_item(item, observed) for item in chosen.items)
    weights = {item.name: item.weight for item in chosen.items}
    scored = [(weights[item.name], item.level) for item in items if item.level is not None]
    whole = sum(weight for weight, _ in scored)
    total = sum(weight * _percent(level) for weight, level in scored) / whole if whole and transcript.turns else None
    return Scorecard(rubric_version=chosen.version, items=items, total=total)


@cache
def default_rubric() -> Rubric:
    """Return the rubric that ships with the product."""
    return read_rubric(tomllib.loads((files("coaching") / "rubric.toml").read_text(encoding="utf-8")))


def read_rubric(document: Mapping[str, Any]) -> Rubric:
    """Build a rubric from its TOML document.

    Raises:
        ValueError: Weights do not sum to 1, or an item lacks an anchor.
    """
    return Rubric(version=str(document["version"]), items=tuple(_read_item(item) for item in document["item"]))


def _read_item(item: Mapping[str, Any]) -> RubricItem:
    return RubricItem(
        name=item["name"],
        weight=item["weight"],
        base=float(item["base"]),
        anchors=tuple(item["anchors"]),
        rules=tuple(_read_rule(rule) for rule in item["rules"]),
        needs=tuple(_read_rule({"why": "", "points": 0.0, **need}) for need in item.get("needs", [])),
        needs_words=item.get("needs_words", ""),
    )


def _read_rule(rule: Mapping[str, Any]) -> Rule:
    return Rule(**{"most": abs(rule["points"]), **rule})


def _score_item(item: RubricItem, observed: _Observed) -> ItemScore:
    because = _why_not_scored(item, observed)
    if because is not None:
        return ItemScore(
            name=item.name, level=None, anchor="", evidence=(), undefined_because=because, weight=item.weight
        )
    evidence = tuple(fired for rule in item.rules if (fired := observed.fire(rule)))
    level = min(float(LEVELS), max(1.0, item.base + sum(fired.points for fired in evidence)))
    missed = tuple(
        Missed(why=rule.missing, worth=rule.points, advice=rule.advice, anchor=rule.anchor)
        for rule in item.rules
        if rule.missing and observed.fire(rule) is None
    )
    return ItemScore(
        name=item.name,
        level=level,
        anchor=item.anchors[round(level) - 1],
        evidence=evidence,
        weight=item.weight,
        missed=missed,
    )


def _why_not_scored(item: RubricItem, observed: _Observed) -> str | None:
    """Say why there is nothing to score: no rep was heard, or what the item is about never came up."""
    if not observed.has_rep:
        return NO_REP
    if item.needs and not any(observed.fire(need) for need in item.needs):
        return item.needs_words
    return None


def _percent(level: float) -> float:
    return 100 * (level - 1) / (LEVELS - 1)
