"""Two opinions on one turn: what the heads found and what a language model found, made one.

Where both say a label, the head's signal stays, for its score is calibrated. Where the model reads a turn otherwise,
the head's unsure labels go, and a signal that is left of that turn names them and who overruled them. Acts against
compliance are never taken away: a turn's own words could talk a model out of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from domain.signals import RepAct, Signal, SignalKind

SECOND = "llm_extractor"
"""Name of the detector whose opinion comes second."""
SURE = 0.75
"""A head's signal from this score stands against the model."""
_KINDS = frozenset((SignalKind.INTENT, SignalKind.REP_ACT))
_KEPT = frozenset((RepAct.DISPARAGE, RepAct.ABSOLUTE, RepAct.KICKBACK, RepAct.ASK_SENSITIVE))

Place = tuple[str, SignalKind]


def reconciled(found: Iterable[Signal]) -> list[Signal]:
    """Return signals with the second opinion on intents and rep acts worked in."""
    signals = list(found)
    opinions = [one for one in signals if one.extractor == SECOND and one.kind in _KINDS]
    if not opinions:
        return signals
    said, by = _labels(opinions), f"{SECOND} {opinions[0].version}"
    kept: list[Signal] = []
    gone: dict[Place, list[str]] = {}
    for one in signals:
        if one.extractor == SECOND:
            continue
        if _is_overruled(one, said.get(_place(one))):
            gone.setdefault(_place(one), []).append(f"{one.extractor} {one.label} {one.score:.2f}")
        else:
            kept.append(one)
    known = _labels(kept)
    added = [one for one in opinions if one.label not in known.get(_place(one), ())]
    return _told([*kept, *added], gone, by)


def _is_overruled(signal: Signal, said: set[str] | None) -> bool:
    if said is None or signal.label in _KEPT:
        return False
    return signal.label not in said and signal.score < SURE


def _told(signals: Iterable[Signal], gone: Mapping[Place, list[str]], by: str) -> list[Signal]:
    """Name what was overruled in the first signal left of its turn; there is one, for the model said a label of it."""
    left = dict(gone)
    told = []
    for one in signals:
        overruled = left.pop(_place(one), None)
        note = {"overruled": overruled, "overruled_by": by} if overruled else {}
        told.append(replace(one, attributes={**one.attributes, **note}))
    return told


def _labels(signals: Iterable[Signal]) -> dict[Place, set[str]]:
    found: dict[Place, set[str]] = {}
    for one in signals:
        found.setdefault(_place(one), set()).add(one.label)
    return found


def _place(signal: Signal) -> Place:
    return signal.turn_id, signal.kind
