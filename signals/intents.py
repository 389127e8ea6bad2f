"""What a customer's turn wants: a trained head over the closed taxonomy, each intent on the clause that carries it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from domain.conversation import CUSTOMER, Turn
from domain.signals import Intent, Signal, SignalKind
from language.sentences import Span
from signals.intent_head import IntentHead, ReadCustomer, decide, load_intent_head, read_customer
from signals.intent_wording import LABELS, clauses_of, signs_in
from signals.pipeline import Reading, observe

_SIGN = 0.7
"""What a sign of the rules is worth beside the wording's logit when the carrying clause is chosen."""


class IntentDetector:
    """Finds the intents of the customer's turns; a turn with none carries 其他 alone.

    An unattributed speaker's turns are left alone: a wish is only a signal when it is the customer's.

    Args:
        head: The trained head; the shipped one when absent.
    """

    name = "intents"

    def __init__(self, *, head: IntentHead | None = None) -> None:
        self._head = head

    @property
    def head(self) -> IntentHead:
        """The head, loaded when first asked for."""
        return self._head or load_intent_head()

    @property
    def version(self) -> str:
        """The head's version."""
        return self.head.version

    def detect(self, reading: Reading) -> Iterable[Signal]:
        """Yield at least one intent for each turn of the customer that says anything."""
        places = [place for place, turn in enumerate(reading.turns) if turn.speaker == CUSTOMER and turn.text.strip()]
        turns = [read_customer(reading, place) for place in places]
        for place, read, scores in zip(places, turns, self.head.score_turns(reading, turns), strict=True):
            yield from self._signals(reading.turns[place], read, scores)

    def _signals(self, turn: Turn, read: ReadCustomer, scores: NDArray[np.float32]) -> Iterable[Signal]:
        for place in decide(scores):
            span = self._carrying(turn.text, read, place)
            yield observe(
                self,
                turn,
                kind=SignalKind.INTENT,
                label=LABELS[place],
                score=round(self.head.sureness(float(scores[place])), 4),
                start=span.start,
                end=span.end,
            )

    def _carrying(self, text: str, read: ReadCustomer, place: int) -> Span:
        """Return the clause whose wording and signs speak most for a label; the whole turn for 其他."""
        clauses = clauses_of(text)
        if LABELS[place] is Intent.OTHER or len(clauses) == 1:
            return Span(start=0, end=len(text), text=text) if LABELS[place] is Intent.OTHER else clauses[0]
        worth = self.head.halves.wording([clause.text for clause in clauses])[:, place].astype(np.float64)
        worth += _SIGN * np.array([signs_in(clause.text, place) for clause in clauses])
        worth -= _SIGN * len(LABELS) * np.array([clause.text not in read.said.text for clause in clauses])
        return clauses[int(np.argmax(worth))]
