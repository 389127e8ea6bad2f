"""What every evaluation returns: named figures with n and spread."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number. `value` is None where it was not measured, and `note` says why."""

    name: str
    value: float | None
    n: int
    standard_error: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalResult:
    """The figures of one suite on one set, and rows for whoever wants to look closer."""

    suite: str
    data: str
    figures: tuple[Figure, ...]
    skipped: str = ""
    rows: tuple[Mapping[str, object], ...] = field(default=())


def proportion(name: str, hits: int, n: int, *, note: str = "") -> Figure:
    """A share with its binomial standard error; undefined when there is nothing to divide by."""
    if n == 0:
        return Figure(name=name, value=None, n=0, note=note or "no rows")
    share = hits / n
    return Figure(name=name, value=share, n=n, standard_error=math.sqrt(share * (1 - share) / n), note=note)


def mean(name: str, values: Sequence[float], *, note: str = "") -> Figure:
    """A mean with its standard error."""
    n = len(values)
    if n == 0:
        return Figure(name=name, value=None, n=0, note=note or "no rows")
    average = math.fsum(values) / n
    spread = math.sqrt(math.fsum((value - average) ** 2 for value in values) / (n - 1) / n) if n > 1 else None
    return Figure(name=name, value=average, n=n, standard_error=spread, note=note)
