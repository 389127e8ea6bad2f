"""What a rep does with a turn: asking, restating, promising, and the violations; each on the clauses that carry it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from domain.conversation import Turn
from domain.signals import RepAct, Signal, SignalKind
from language.sentences import Span
from signals.act_head import ActHead, ReadTurn, load_act_head, rep_turns
from signals.act_wording import ACTS
from signals.pipeline import Reading, observe
from signals.rulebook import section

_SIGN, _NEAR, _LEAST = 0.7, 6.0, -2.3
"""A clause is worth its logit and so much a sign; a neighbour belongs to the act unless it is so far below the best
clause, or below the least. Chosen by the overlap with the annotated spans of unseen families: 0.82 of them by half or
more."""
_SHARED = 0.5


class RepActDetector:
    """Finds the acts of the rep's turns; a turn may carry several or none.

    Args:
        head: The trained head; the shipped one when absent.
    """

    name = "rep_acts"

    def __init__(self, *, head: ActHead | None = None) -> None:
        self._head = head

    @property
    def head(self) -> ActHead:
        """The head, loaded when first asked for."""
        return self._head or load_act_head()

    @property
    def version(self) -> str:
        """The head's version."""
        return self.head.version

    def detect(self, reading: Reading) -> Iterable[Signal]:
        """Read the turns whose speaker is the rep; an unattributed speaker's acts are nobody's."""
        heard = rep_turns(reading, self.head)
        columns = (heard.places, heard.turns, heard.scores.acts, heard.scores.clauses)
        for place, read, acts, clauses in zip(*columns, strict=True):
            yield from self._signals(reading.turns[place], read, acts, clauses)

    def _signals(
        self, turn: Turn, read: ReadTurn, scores: NDArray[np.float32], clauses: NDArray[np.float32]
    ) -> Iterable[Signal]:
        asserted = [column for column in range(len(ACTS)) if scores[column] >= self.head.thresholds[column]]
        spans = {ACTS[column]: carrying_span(read, ACTS[column], clauses[:, column]) for column in asserted}
        likely = {ACTS[column]: float(scores[column]) for column in asserted}
        for act in settle(spans, likely):
            yield observe(
                self,
                turn,
                kind=SignalKind.REP_ACT,
                label=act,
                score=round(likely[act], 4),
                start=spans[act].start,
                end=spans[act].end,
            )


def carrying_span(read: ReadTurn, act: RepAct, logits: Sequence[float] | NDArray[np.float32]) -> Span:
    """Return the stretch of clauses that carries an act: the likeliest clause and its likely neighbours.

    Args:
        logits: The act's clause logits, one a clause.
    """
    wording = read.wordings[ACTS.index(act)]
    values = [float(logit) + _SIGN * weight for logit, weight in zip(logits, wording.weights, strict=True)]
    best = max(range(len(values)), key=lambda place: values[place])
    least = max(values[best] - _NEAR, _LEAST)
    first = last = best
    while first > 0 and values[first - 1] >= least:
        first -= 1
    while last < len(values) - 1 and values[last + 1] >= least:
        last += 1
    start, end = read.clauses[first].start, read.clauses[last].end
    return Span(start=start, end=end, text=read.text[start:end])


def settle(spans: Mapping[RepAct, Span], scores: Mapping[RepAct, float]) -> tuple[RepAct, ...]:
    """Return the acts that stand: on the same words some acts yield to others, and of some pairs only one is meant.

    A request for a secret is no question, the check at the end of a restatement is no closed question of its own, and
    one question is open or closed. The pairs are data (`rules/rep_acts.toml`).
    """
    dropped: set[RepAct] = set()
    for kept, yielding in _pairs("yields"):
        if _share_words(spans, kept, yielding):
            dropped.add(yielding)
    for one, other in _pairs("either"):
        if not {one, other} & dropped and _share_words(spans, one, other):
            dropped.add(min(one, other, key=lambda act: scores[act]))
    return tuple(act for act in spans if act not in dropped)


def _pairs(kind: str) -> Iterable[tuple[RepAct, RepAct]]:
    return ((RepAct(one), RepAct(other)) for one, other in section("rep_acts", f"settling.{kind}"))


def _share_words(spans: Mapping[RepAct, Span], one: RepAct, other: RepAct) -> bool:
    if one not in spans or other not in spans:
        return False
    a, b = spans[one], spans[other]
    shared = min(a.end, b.end) - max(a.start, b.start)
    return shared > _SHARED * min(a.end - a.start, b.end - b.start)
