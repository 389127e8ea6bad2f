"""What was agreed, as a manager keeps it: who does what by when, each thing once however often it was said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from coaching.timing import moment_of
from domain.conversation import Turn
from domain.signals import Moment, Signal, SignalKind

_SAME_SHARE = 0.5
"""Share of the shorter one's pairs of characters that two sayings of one thing have in common."""
_KINDS = (SignalKind.PROMISE, SignalKind.NEXT_STEP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """One thing to be done.

    Attributes:
        who: `rep`, `customer` or `both`.
        due: The words that were said; empty where no time was. `due_on` is the day they mean, if known.
        is_step: Whether it moves the deal: a dated task, a meeting, a request.
        is_promise: Whether one side has given its word.
        moments: Every place where it was said, first to last.
    """

    who: str
    what: str
    due: str
    due_on: date | None
    is_step: bool
    is_promise: bool
    moments: tuple[Moment, ...]


def agreed_in(signals: Iterable[Signal], turns: Mapping[str, Turn]) -> tuple[Agreed, ...]:
    """Gather promises and next steps: one span is one thing, and a recap repeats what was said before."""
    found: list[Agreed] = []
    for signal in signals:
        if signal.kind in _KINDS and signal.turn_id in turns:
            _add(found, _read(signal, turns[signal.turn_id]))
    return tuple(found)


def _read(signal: Signal, turn: Turn) -> Agreed:
    due_on = signal.attributes.get("due_on")
    return Agreed(
        who=str(signal.attributes.get("who") or turn.speaker),
        what=str(signal.attributes.get("what") or signal.quote),
        due=str(signal.attributes.get("due") or ""),
        due_on=date.fromisoformat(due_on) if isinstance(due_on, str) and due_on else None,
        is_step=signal.kind is SignalKind.NEXT_STEP,
        is_promise=signal.kind is SignalKind.PROMISE,
        moments=(moment_of(signal, turn),),
    )


def _add(found: list[Agreed], one: Agreed) -> None:
    """Join it to the same thing said before, else append it; the first wording stays, a later date completes it."""
    for place, earlier in enumerate(found):
        if _is_same(earlier, one):
            dated = next((each for each in (earlier, one) if each.due_on), earlier if earlier.due else one)
            found[place] = replace(
                earlier,
                due=dated.due,
                due_on=dated.due_on,
                is_step=earlier.is_step or one.is_step,
                is_promise=earlier.is_promise or one.is_promise,
                moments=_places((*earlier.moments, *one.moments)),
            )
            return
    found.append(one)


def _places(moments: Sequence[Moment]) -> tuple[Moment, ...]:
    """Each place once: a dated task is found as a promise and as a step."""
    return tuple({(moment.turn_id, moment.quote): moment for moment in moments}.values())


def _is_same(a: Agreed, b: Agreed) -> bool:
    if a.moments[-1] == b.moments[0]:
        return True
    if a.who != b.who or (a.due_on and b.due_on and a.due_on != b.due_on):
        return False
    mine, theirs = _pairs(a.what), _pairs(b.what)
    shared = len(mine & theirs)
    return bool(shared) and shared >= _SAME_SHARE * min(len(mine), len(theirs))


def _pairs(words: str) -> set[str]:
    kept = [character for character in words if "一" <= character <= "鿿" or character.isalnum()]
    return {"".join(kept[at : at + 2]) for at in range(len(kept) - 1)}
