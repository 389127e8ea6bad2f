"""How far long work is, and what of it survives a restart."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from domain.messages import text


class Stage(StrEnum):
    """What the transcriber is doing."""

    LISTENING = "listening"
    RECOGNIZING = "recognizing"
    FINISHING = "finishing"

    def label(self, lang: str = "zh") -> str:
        """The stage in words."""
        return text(f"speech.stage_{self.value}", lang)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One step of a transcription.

    Attributes:
        fraction: Share of the whole that is done, in [0, 1], never falling.
        eta_s: Seconds left at the present pace; None until there is a pace.
    """

    stage: Stage
    fraction: float
    eta_s: float | None = None


class Checkpoint(Protocol):
    """Keeps finished windows, so that a killed job goes on where it stopped."""

    def finished(self) -> Mapping[str, str]:
        """Return what was finished before: window key → JSON."""
        ...

    def finish(self, key: str, value: str) -> None:
        """Keep one finished window; must be durable when it returns."""
        ...


# Shares of the whole, measured on the stereo sample calls: hearing costs a tenth of recognising.
_SPANS = {Stage.LISTENING: (0.0, 0.1), Stage.RECOGNIZING: (0.1, 0.97), Stage.FINISHING: (0.97, 1.0)}


class Reporter:
    """Turns shares of stages into one fraction with an estimate of the time left.

    Args:
        on_progress: Who is told; may be None.
        clock: Seconds that only grow.
    """

    def __init__(
        self, on_progress: Callable[[Progress], None] | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tell = on_progress
        self._clock = clock
        self._started = clock()
        self._reached = 0.0

    def report(self, stage: Stage, share: float) -> None:
        """Tell that a share in [0, 1] of a stage is done."""
        if self._tell is None:
            return
        start, end = _SPANS[stage]
        self._reached = max(self._reached, start + (end - start) * min(1.0, max(0.0, share)))
        spent = self._clock() - self._started
        eta_s = spent / self._reached * (1 - self._reached) if self._reached > 0.02 else None
        self._tell(Progress(stage=stage, fraction=self._reached, eta_s=eta_s))
