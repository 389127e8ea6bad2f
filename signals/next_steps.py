"""Next steps (约定下一步): meetings of both sides, dated tasks and dated requests."""

from __future__ import annotations

from collections.abc import Iterator

from domain.signals import Signal, SignalKind
from signals.commitments import commitments_in
from signals.pipeline import Reading, observe
from signals.promises import attributes_of

LABEL = "下一步"


class NextStepDetector:
    """Finds who does what next, and by when."""

    name = "next_steps"
    version = "1.1"

    def detect(self, reading: Reading) -> Iterator[Signal]:
        """Yield one signal a step with `who` (`both` for a meeting), `what`, `due` and `due_on`."""
        for commitment in commitments_in(reading):
            if commitment.is_next_step:
                yield observe(
                    self,
                    reading.turns[commitment.turn],
                    kind=SignalKind.NEXT_STEP,
                    label=LABEL,
                    score=0.85 if commitment.due_on else 0.75,
                    start=commitment.start,
                    end=commitment.end,
                    attributes=attributes_of(commitment),
                )
