"""What was said in the talks that a brief is about: what blocks, what was asked, what was promised."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from agent.screening import gives_orders
from agent.tasks import Talk, Task
from domain.conversation import CUSTOMER, REP
from domain.signals import SignalKind
from domain.sources import Source
from language.sentences import Span, sentences

_LEAST_CHARACTERS = 6
_OURS = (REP, "both")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A customer's or rep's sentence in a talk, with what it is about."""

    source: Source
    span: Span
    about: str
    weight: float


def blockers_of(task: Task) -> list[Quote]:
    """Return the customer's sentences that block, the gravest and latest first."""
    order = [row["intent"] for row in brief_words()["blocker"]]
    found = [*_by_signals(task, order), *_by_cues(task, order)]
    best: dict[tuple[str, int], Quote] = {}
    for quote in found:
        key = (quote.source.source_id, quote.span.start)
        if key not in best or best[key].weight < quote.weight:
            best[key] = quote
    return sorted(best.values(), key=lambda quote: -quote.weight)


def _by_signals(task: Task, order: Sequence[str]) -> list[Quote]:
    quotes = []
    for talk in task.talks:
        for signal in talk.signals:
            source = talk.source(signal.turn_id)
            if signal.kind is SignalKind.INTENT and signal.label in order and source is not None:
                span = _sentence_at(source.text, signal.start)
                weight = 2.0 + signal.score - 0.05 * order.index(signal.label) + 0.5 * _lateness(talk, signal.turn_id)
                quotes.append(Quote(source=source, span=span, about=signal.label, weight=weight))
    return quotes


def _by_cues(task: Task, order: Sequence[str]) -> list[Quote]:
    """Read the talks by words alone, for talks that no detector has read."""
    if any(signal.kind is SignalKind.INTENT for signal in task.signals):
        return []
    quotes = []
    for quote in customer_sentences(task):
        for intent, cues in brief_words()["cues"].items():
            if re.search(cues, quote.span.text):
                weight = 1.0 - 0.02 * order.index(intent) + quote.weight
                quotes.append(Quote(source=quote.source, span=quote.span, about=intent, weight=weight))
                break
    return quotes


def promises_of(task: Task, *, by: Collection[str] = _OURS) -> list[Quote]:
    """Return what our side, or who is given, promised or agreed to do, by signals or, without any, by words."""
    quotes = []
    for talk in task.talks:
        for signal in talk.signals:
            source = talk.source(signal.turn_id)
            is_task = signal.kind in (SignalKind.PROMISE, SignalKind.NEXT_STEP) and signal.attributes.get("who") in by
            if is_task and source is not None:
                quotes.append(Quote(source=source, span=_sentence_at(source.text, signal.start), about="", weight=1.0))
    if quotes or task.signals or REP not in by:
        return quotes
    return [
        Quote(source=source, span=span, about="", weight=1.0)
        for talk in task.talks
        for source in talk.sources
        if source.speaker == REP
        for span in sentences(source.text)
        if re.search(brief_words()["asks"]["promises"], span.text)
    ]


def customer_sentences(task: Task) -> list[Quote]:
    """Return the customer's sentences of all talks, later ones weighing more."""
    return [
        Quote(source=source, span=span, about="", weight=0.5 * _lateness(talk, source.source_id.rsplit(":", 1)[-1]))
        for talk in task.talks
        for source in talk.sources
        if source.speaker == CUSTOMER
        for span in sentences(source.text)
        if len(span.text) >= _LEAST_CHARACTERS and not gives_orders(span.text)
    ]


def _sentence_at(text: str, offset: int) -> Span:
    for span in sentences(text):
        if span.start <= offset < span.end:
            return span
    return Span(start=0, end=len(text), text=text)


def _lateness(talk: Talk, turn_id: str) -> float:
    places = [turn.id for turn in talk.transcript.turns]
    return (places.index(turn_id) + 1) / len(places) if turn_id in places else 0.0


@cache
def brief_words() -> Mapping[str, Any]:
    """Load the word lists once."""
    return tomllib.loads((files("agent") / "brief_words.toml").read_text(encoding="utf-8"))
