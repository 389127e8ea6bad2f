"""Agreement between found and expected things, counted row by row, with bootstrap standard errors."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from eval.result import Figure

F = TypeVar("F")
E = TypeVar("E")
L = TypeVar("L", bound=Hashable)
_RESAMPLES = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Hits, false alarms and misses of one row."""

    hits: int = 0
    false_alarms: int = 0
    misses: int = 0


def overlap(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Characters shared ÷ the longer span's length; 0 where they do not touch."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    longest = max(one[1] - one[0], other[1] - other[0])
    return max(0, shared) / longest if longest else 0.0


def paired(
    found: Sequence[F], expected: Sequence[E], alike: Callable[[F, E], float], *, least: float
) -> list[tuple[F, E]]:
    """Pair each found thing with at most one expected, the most alike first; pairs below `least` are none."""
    scored = sorted(
        ((alike(one, other), i, j) for i, one in enumerate(found) for j, other in enumerate(expected)),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    pairs, used_found, used_expected = [], set(), set()
    for score, i, j in scored:
        if score >= least and i not in used_found and j not in used_expected:
            used_found.add(i)
            used_expected.add(j)
            pairs.append((found[i], expected[j]))
    return pairs


def count(found: Sequence[F], expected: Sequence[E], alike: Callable[[F, E], float], *, least: float = 0.5) -> Counts:
    """Count one row; see `paired`."""
    hits = len(paired(found, expected, alike, least=least))
    return Counts(hits=hits, false_alarms=len(found) - hits, misses=len(expected) - hits)


def f1_figure(name: str, rows: Iterable[Counts], *, note: str = "") -> Figure:
    """Micro F1 over rows; n is the number of expected things."""
    return _figure(name, list(rows), _f1, note)


def precision_figure(name: str, rows: Iterable[Counts], *, note: str = "") -> Figure:
    """Share of what was found that was expected; n is the number found."""
    return _figure(name, list(rows), _precision, note)


def recall_figure(name: str, rows: Iterable[Counts], *, note: str = "") -> Figure:
    """Share of what was expected that was found."""
    return _figure(name, list(rows), _recall, note)


def macro_f1_figure(name: str, by_label: Mapping[L, Sequence[Counts]], *, note: str = "") -> Figure:
    """Mean of the labels' F1; labels with nothing expected and nothing found are left out.

    Args:
        by_label: For each label the rows' counts, rows in the same order for all labels.
    """
    labels = {label: rows for label, rows in by_label.items() if _f1(rows) is not None}
    if not labels:
        return Figure(name=name, value=None, n=0, note=note or "no rows")

    def macro(chosen: Sequence[int]) -> float | None:
        values = [_f1([rows[place] for place in chosen]) for rows in labels.values()]
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known else None

    size = len(next(iter(labels.values())))
    n = sum(row.hits + row.misses for rows in labels.values() for row in rows)
    return Figure(name=name, value=macro(range(size)), n=n, standard_error=_bootstrap(size, macro), note=note)


def _f1(rows: Sequence[Counts]) -> float | None:
    hits = sum(row.hits for row in rows)
    wrong = sum(row.false_alarms + row.misses for row in rows)
    return 2 * hits / (2 * hits + wrong) if hits + wrong else None


def _precision(rows: Sequence[Counts]) -> float | None:
    found = sum(row.hits + row.false_alarms for row in rows)
    return sum(row.hits for row in rows) / found if found else None


def _recall(rows: Sequence[Counts]) -> float | None:
    expected = sum(row.hits + row.misses for row in rows)
    return sum(row.hits for row in rows) / expected if expected else None


def _figure(
    name: str, rows: Sequence[Counts], measure: Callable[[Sequence[Counts]], float | None], note: str
) -> Figure:
    value = measure(rows)
    if value is None:
        return Figure(name=name, value=None, n=0, note=note or "no rows")
    n = sum(row.hits + (row.false_alarms if measure is _precision else row.misses) for row in rows)
    error = _bootstrap(len(rows), lambda chosen: measure([rows[place] for place in chosen]))
    return Figure(name=name, value=value, n=n, standard_error=error, note=note)


def _bootstrap(size: int, measure: Callable[[Sequence[int]], float | None]) -> float | None:
    """Standard deviation of the measure over resampled rows; seeded, so that a run repeats."""
    if size < 2:
        return None
    dice = random.Random(20260311)  # noqa: S311  (statistics, not secrets)
    values = [measure([dice.randrange(size) for _ in range(size)]) for _ in range(_RESAMPLES)]
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    average = sum(known) / len(known)
    spread: float = (sum((value - average) ** 2 for value in known) / (len(known) - 1)) ** 0.5
    return spread
