"""Macro-F1 of single-label predictions from their confusion matrix, with a standard error quick on many rows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from eval.result import Figure

_RESAMPLES = 400
_SEED = 20260311


def confusion_of(
    truth: Sequence[Hashable], guess: Sequence[Hashable], answers: Sequence[Hashable]
) -> NDArray[np.int64]:
    """Count int64 (answers, answers): truths down, guesses across."""
    table = np.zeros((len(answers), len(answers)), np.int64)
    for right, said in zip(truth, guess, strict=True):
        table[answers.index(right), answers.index(said)] += 1
    return table


def macro_f1(table: NDArray[np.int64], scored: Sequence[int]) -> float:
    """Return the mean F1 of the answers at the places `scored`; a guess outside them still costs its truth a miss."""
    hits = np.diag(table)
    sums = table.sum(axis=0) + table.sum(axis=1)
    return float(np.mean([2 * hits[place] / max(sums[place], 1) for place in scored]))


def macro_f1_figure(
    name: str,
    truth: Sequence[Hashable],
    guess: Sequence[Hashable],
    *,
    answers: Sequence[Hashable],
    scored: Sequence[Hashable] | None = None,
    note: str = "",
) -> Figure:
    """Macro-F1 over `scored` (all answers when absent); the standard error is that of resampled confusion matrices."""
    if not truth:
        return Figure(name=name, value=None, n=0, note=note or "no rows")
    table = confusion_of(truth, guess, answers)
    places = [answers.index(answer) for answer in (answers if scored is None else scored)]
    n = int(table.sum())
    drawn = np.random.default_rng(_SEED).multinomial(n, table.ravel() / n, size=_RESAMPLES)
    spread = float(np.std([macro_f1(sample.reshape(table.shape), places) for sample in drawn], ddof=1))
    return Figure(name=name, value=macro_f1(table, places), n=n, standard_error=spread, note=note)
