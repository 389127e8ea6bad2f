"""What a customer's turn wants: a trained head over the closed taxonomy, each intent on the clause that carries it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from domain.conversation import CUSTOMER, Turn
from domain.signals import Intent, Signal, SignalKind
from language.sentences import Span, clauses
from signals.heads import Head, load_head
from signals.pipeline import Reading, observe

HEAD = "intents"


class IntentDetector:
    """Finds the intents of the customer's turns; a turn with none carries 其他 alone.

    An unattributed speaker's turns are left alone: a wish is only a signal when it is the customer's.

    Args:
        head: The trained head; the shipped one when absent.
    """

    name = "intents"

    def __init__(self, *, head: Head | None = None) -> None:
        self._head = head

    @property
    def head(self) -> Head:
        """The head, loaded when first asked for."""
        return self._head or load_head(HEAD)

    @property
    def version(self) -> str:
        """The head's version."""
        return self.head.version

    def detect(self, reading: Reading) -> Iterable[Signal]:
        """Yield at least one intent for each turn of the customer that says anything."""
        turns = enumerate(reading.turns)
        places = [place for place, turn in turns if turn.speaker == CUSTOMER and turn.text.strip()]
        for place, scores in zip(places, self.head.score_turns(reading, places), strict=True):
            yield from self._signals(reading.turns[place], scores)

    def _signals(self, turn: Turn, scores: NDArray[np.float32]) -> Iterable[Signal]:
        asserted = [
            (label, float(score))
            for label, score, threshold in zip(self.head.labels, scores, self.head.thresholds, strict=True)
            if score >= threshold
        ]
        if not asserted:
            rest = round(1.0 - float(scores.max()), 4)
            yield observe(self, turn, kind=SignalKind.INTENT, label=Intent.OTHER, score=rest)
        spans = clauses(turn.text) or [Span(start=0, end=len(turn.text), text=turn.text)]
        for label, score in asserted:
            span = spans[self.head.carrying(turn.text, spans, label)]
            yield observe(
                self,
                turn,
                kind=SignalKind.INTENT,
                label=label,
                score=round(score, 4),
                start=span.start,
                end=span.end,
            )
