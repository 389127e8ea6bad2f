"""Promises that were made to a customer and that the CRM does not know of.

A promise is known when one CRM text says the same: it has every number and date of the promise, and at
least half of the word pieces of the promise (pairs of neighbouring characters, empty words left out). Numbers
decide first: a promise of six weeks is not known from a note of eight.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from domain.signals import Signal, SignalKind
from language.dates import find_dates
from language.quantities import Quantity, agrees, quantities

SHARED = 0.5
_EMPTY = str.maketrans("", "", " 　\t\n，。、；：！？,.;:!?“”\"'（）()我你您咱给会的了把就也再先去回们")


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseCheck:
    """One promise, and the CRM text that knows of it; empty when none does."""

    conversation_id: str
    signal: Signal
    known_in: str

    @property
    def is_known(self) -> bool:
        """Whether the CRM knows of it."""
        return bool(self.known_in)


def check_promises(
    conversation_id: str, signals: Iterable[Signal], crm_texts: Mapping[str, str], *, today: date | None
) -> list[PromiseCheck]:
    """Return each promise of a conversation with the CRM text that knows of it.

    Args:
        crm_texts: Source id to text: the fields of the deal and of its customer.
        today: The day of the conversation, against which relative dates are read.
    """
    promises = [signal for signal in signals if signal.kind is SignalKind.PROMISE]
    return [
        PromiseCheck(
            conversation_id=conversation_id,
            signal=promise,
            known_in=next((name for name, text in crm_texts.items() if _says(text, promise, today)), ""),
        )
        for promise in promises
    ]


def _says(text: str, promise: Signal, today: date | None) -> bool:
    what = str(promise.attributes.get("what") or "") or promise.quote
    due = promise.attributes.get("due_on")
    said = quantities(text)
    if not all(any(agrees(each, other) for other in said) for each in _amounts(promise.quote)):
        return False
    if due and str(due) not in {f"{each.on}" for each in find_dates(text, today=today) if each.on}:
        return False
    wanted = _pieces(what)
    return bool(wanted) and len(wanted & _pieces(text)) >= SHARED * len(wanted)


def _amounts(text: str) -> list[Quantity]:
    """The quantities of a promise that its CRM note must repeat; dates are compared resolved, not as said."""
    return [each for each in quantities(text) if each.low is not None and not each.is_article]


def _pieces(text: str) -> set[str]:
    """Pairs of neighbouring characters without empty words, numbers and punctuation."""
    for each in reversed(quantities(text)):
        text = text[: each.start] + text[each.end :]
    plain = text.translate(_EMPTY)
    return {plain[at : at + 2] for at in range(len(plain) - 1)}
