"""Promises (口头承诺): what one side undertakes without hedging; the customer's count too."""

from __future__ import annotations

from collections.abc import Iterator

from domain.signals import Signal, SignalKind
from signals.commitment_kinds import Commitment
from signals.commitments import commitments_in
from signals.pipeline import Reading, observe

LABEL = "承诺"


class PromiseDetector:
    """Finds dated tasks, undated tasks, guarantees and concessions of one side."""

    name = "promises"
    version = "1.1"

    def detect(self, reading: Reading) -> Iterator[Signal]:
        """Yield one signal a promise with `who`, `what`, `due` and `due_on`."""
        for commitment in commitments_in(reading):
            if commitment.is_promise:
                yield observe(
                    self,
                    reading.turns[commitment.turn],
                    kind=SignalKind.PROMISE,
                    label=LABEL,
                    score=0.85 if commitment.is_dated else 0.75,
                    start=commitment.start,
                    end=commitment.end,
                    attributes=attributes_of(commitment),
                )


def attributes_of(commitment: Commitment) -> dict[str, object]:
    """The contract's attributes of promises and next steps; `due_on` is an ISO date or null."""
    return {
        "who": commitment.who,
        "what": commitment.what,
        "due": commitment.due,
        "due_on": commitment.due_on.isoformat() if commitment.due_on else None,
    }
