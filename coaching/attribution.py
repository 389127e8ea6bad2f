"""Process attribution (过程归因): what high converters do differently from low converters.

An association, never a cause: each difference comes with its effect size, its confidence
interval, the numbers of calls and reps behind it, and a significance corrected for the many
behaviours compared.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coaching.digest import RepCalls
from coaching.report import Report
from domain.conversation import REP
from domain.signals import RepAct, SignalKind

RESAMPLES = 1000
LEAST_CALLS = 5
"""Fewer calls on a side than this are not compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One call's behaviours: metric values and counts of acts per call, by name; absent = undefined."""

    rep_id: str
    behaviours: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How one behaviour differs between the groups.

    Attributes:
        delta: Cliff's delta in [-1, 1]: chance that a call of a high converter shows more of it
            than one of a low converter, minus the reverse.
        low: Lower bound of the 95 % interval, reps resampled; `high` the upper one.
        q_value: Mann-Whitney p-value after Benjamini-Hochberg over all behaviours compared.
    """

    behaviour: str
    delta: float
    low: float
    high: float
    q_value: float
    calls: tuple[int, int]
    reps: tuple[int, int]

    @property
    def is_found(self) -> bool:
        """Whether the interval leaves out 0 and the corrected significance is below 5 %."""
        return self.q_value < 0.05 and not self.low <= 0 <= self.high


def attribute(high: Sequence[CallRecord], low: Sequence[CallRecord], *, seed: int = 0) -> tuple[Difference, ...]:
    """Compare the calls of high and low converters, behaviour by behaviour, strongest first.

    Args:
        high: Calls of the reps who convert well; `low` of those who do not.
        seed: Of the resampling; the same calls and seed give the same intervals.
    """
    names = sorted({name for record in (*high, *low) for name in record.behaviours})
    generator = np.random.default_rng(seed)
    measured = []
    for name in names:
        groups = (_by_rep(high, name), _by_rep(low, name))
        if all(sum(map(len, group.values())) >= LEAST_CALLS for group in groups):
            measured.append((name, groups, _p_value(*map(_pooled, groups))))
    q_values = _corrected([p for _, _, p in measured])
    found = [_difference(name, groups, q, generator) for (name, groups, _), q in zip(measured, q_values, strict=True)]
    return tuple(sorted(found, key=lambda difference: -abs(difference.delta)))


def compare(team: Sequence[RepCalls], high: Collection[str]) -> tuple[Difference, ...]:
    """Compare the calls of the reps who convert well with everybody else's; nothing unless somebody is named."""
    if not high:
        return ()
    records = [record_of(rep.rep_id, report) for rep in team for report in rep.reports]
    return attribute(
        [record for record in records if record.rep_id in high],
        [record for record in records if record.rep_id not in high],
    )


def record_of(rep_id: str, report: Report) -> CallRecord:
    """Return a call's behaviours: its defined metrics by name, and how often the rep did each act."""
    metrics = {metric.name: metric.value for metric in report.analysis.metrics if metric.value is not None}
    speakers = {turn.id: turn.speaker for turn in report.transcript.turns}
    acts = dict.fromkeys(RepAct, 0.0)
    for signal in report.analysis.signals:
        if signal.kind is SignalKind.REP_ACT and speakers.get(signal.turn_id) == REP and signal.label in acts:
            acts[RepAct(signal.label)] += 1
    return CallRecord(rep_id=rep_id, behaviours={**metrics, **{act.value: times for act, times in acts.items()}})


def cliffs_delta(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return P(a > b) − P(a < b) over all pairs.

    References:
        Cliff, Psychological Bulletin 114 (1993), doi:10.1037/0033-2909.114.3.494.
    """
    ordered = np.sort(b)
    below = np.searchsorted(ordered, a, side="left")  # (len(a),) how many of b are smaller
    above = len(b) - np.searchsorted(ordered, a, side="right")
    return float((below - above).sum() / (len(a) * len(b)))


Group = dict[str, list[float]]


def _by_rep(records: Sequence[CallRecord], name: str) -> Group:
    group: Group = {}
    for record in records:
        if name in record.behaviours:
            group.setdefault(record.rep_id, []).append(record.behaviours[name])
    return group


def _pooled(group: Group) -> NDArray[np.float64]:
    return np.array([value for values in group.values() for value in values], dtype=np.float64)


def _difference(name: str, groups: tuple[Group, Group], q_value: float, generator: np.random.Generator) -> Difference:
    # Calls of one rep resemble each other, so reps are resampled, not calls.
    deltas = [
        cliffs_delta(_resampled(groups[0], generator), _resampled(groups[1], generator)) for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(deltas, [0.025, 0.975])
    return Difference(
        behaviour=name,
        delta=cliffs_delta(_pooled(groups[0]), _pooled(groups[1])),
        low=float(low),
        high=float(high),
        q_value=q_value,
        calls=(len(_pooled(groups[0])), len(_pooled(groups[1]))),
        reps=(len(groups[0]), len(groups[1])),
    )


def _resampled(group: Group, generator: np.random.Generator) -> NDArray[np.float64]:
    reps = list(group)
    chosen = generator.integers(0, len(reps), len(reps))
    return np.array([value for index in chosen for value in group[reps[index]]], dtype=np.float64)


def _p_value(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(a, b).pvalue)


def _corrected(p_values: Sequence[float]) -> list[float]:
    if not p_values:
        return []
    from scipy.stats import false_discovery_control

    return [float(value) for value in false_discovery_control(p_values)]
