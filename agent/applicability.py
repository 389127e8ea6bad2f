"""Whose a sentence of a case is: anybody's move, a fact of ours that a document holds, or that one deal's own.

A promise, a resource, a deadline, a price, a penalty or a fact of the other customer was true in that deal. Said to
another customer in the rep's own voice it is a promise that nobody authorised, however well it is cited.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from language.quantities import Dimension, Quantity, quantities, supported_by
from language.sentences import Span, clauses
from language.tagging import tagged

_TIMES = (Dimension.DURATION, Dimension.DATE)
_LEAST_NOUN = 2
_MOVES = frozenset({"question", "care", "proposal", "yours", "candour", "handing"})


class Applicability(StrEnum):
    """What a sentence of a case may be used for in another deal."""

    TRANSFERABLE = "transferable"
    PRODUCT_FACT = "product_fact"
    DEAL_BOUND = "deal_bound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Whom a sentence would be said to, and whose case it is from.

    Attributes:
        ours: All that this customer said, and the fields of its account and deal.
        theirs: What the case tells of its own customer (question, background, blocker).
        is_near: Same industry: things of the trade are no longer the other customer's alone.
        is_backed: Whether a live document of ours states a clause too.
    """

    ours: str = ""
    theirs: str = ""
    is_near: bool = False
    is_backed: Callable[[str], bool] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What ties the words at `[start, end)` of a sentence to another deal."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A sentence read for another deal.

    Attributes:
        kind: Of the whole sentence.
        bindings: What ties it to the case's deal, in order; empty unless it is deal-bound.
        rest: What of it may be said: all, its free clauses, or nothing.
        facts: Clauses that a document has to be cited for as well.
    """

    kind: Applicability
    bindings: tuple[Binding, ...]
    rest: str
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cue:
    kind: str
    said: str
    pattern: re.Pattern[str]
    exempt: re.Pattern[str] | None
    answers: re.Pattern[str] | None

    def found_in(self, clause: str) -> re.Match[str] | None:
        """Return the first wording that ties the clause; exempt wording is blanked out before."""
        return self.pattern.search(_blanked(clause, self.exempt) if self.exempt else clause)


def apply_to(sentence: str, setting: Setting) -> Applied:
    """Read a sentence of a case for the customer of another deal.

    Clauses that bind go, unless the rest would lean on them; what makes no move of its own and that no document
    holds is a claim about us and binds as well.
    """
    spans = _clauses(sentence)
    backed = tuple(span.text for span in spans if _ties_to_us(span.text, setting) and _is_backed(span.text, setting))
    bindings = tuple(one for span in spans if span.text not in backed for one in _bindings(span, setting))
    if not bindings and not backed and not _makes_a_move(sentence, _MOVES):
        if not _is_backed(sentence, setting):
            claim = Binding(kind="claim", start=0, end=len(sentence))
            return Applied(kind=Applicability.DEAL_BOUND, bindings=(claim,), rest="")
        backed = (sentence,)
    if bindings:
        rest = _rest(sentence, spans, bindings)
        facts = tuple(clause for clause in backed if clause in rest)
        return Applied(kind=Applicability.DEAL_BOUND, bindings=bindings, rest=rest, facts=facts)
    kind = Applicability.PRODUCT_FACT if backed else Applicability.TRANSFERABLE
    return Applied(kind=kind, bindings=(), rest=sentence, facts=backed)


def _rest(sentence: str, spans: Sequence[Span], bindings: Sequence[Binding]) -> str:
    """Return the free clauses as a sentence, or those before the first bound one; empty where neither stands alone.

    Where the other customer's own business is spoken of, there is no use for a part of it.
    """
    if any(_rule("clauses", "condition").search(span.text) for span in spans):
        return ""
    if any(one.kind == "world" for one in bindings):
        return ""
    bound = [any(span.start <= one.start < span.end for one in bindings) for span in spans]
    free = [span for span, is_bound in zip(spans, bound, strict=True) if not is_bound]
    leans = any(bound[at - 1] and not bound[at] and _leans(spans[at].text) for at in range(1, len(spans)))
    kept = spans[: bound.index(True)] if leans else free
    is_asked = bool(kept) and kept[-1] is spans[-1] and sentence[-1] in "？?"
    rest = "，".join(span.text for span in kept) + ("？" if is_asked else "。")
    moves = _MOVES if is_asked else _MOVES - {"question"}
    is_whole = len(rest) > int(_table()["clauses"]["least"]) and _makes_a_move(rest, moves)
    return rest if kept and is_whole else ""


def _leans(clause: str) -> bool:
    return _rule("clauses", "leaning").search(clause) is not None


def _clauses(sentence: str) -> list[Span]:
    """Split at commas alone: a list and what follows a colon belong to the words before."""
    joined: list[Span] = []
    for span in clauses(sentence):
        last = joined[-1] if joined else None
        if last is not None and not re.search("[，,；;]", sentence[last.end : span.start]):
            joined[-1] = Span(start=last.start, end=span.end, text=sentence[last.start : span.end])
        else:
            joined.append(span)
    return joined


def _bindings(span: Span, setting: Setting) -> list[Binding]:
    found = [Binding(kind=cue.kind, start=at[0], end=at[1]) for cue, at in _cued(span.text, setting)]
    found += [Binding(kind="amount", start=q.start, end=q.end) for q in _bound_numbers(span.text, setting)]
    found += [Binding(kind="world", start=at, end=at + len(word)) for at, word in _their_nouns(span.text, setting)]
    shifted = [Binding(kind=one.kind, start=one.start + span.start, end=one.end + span.start) for one in found]
    return sorted(shifted, key=lambda one: one.start)


def _cued(clause: str, setting: Setting) -> list[tuple[_Cue, tuple[int, int]]]:
    matches = ((cue, cue.found_in(clause)) for cue in _cues())
    return [(cue, match.span()) for cue, match in matches if match and _binds(cue, match, setting)]


def _binds(cue: _Cue, match: re.Match[str], setting: Setting) -> bool:
    if cue.answers is not None and cue.answers.search(setting.ours):
        return False
    if cue.said == "backed":
        return True
    named = next((group for group in match.groups() if group), match.group())
    return named not in setting.ours and not (cue.said == "trade" and setting.is_near)


def _ties_to_us(clause: str, setting: Setting) -> bool:
    """Whether a clause promises or claims something that a document of ours may say too."""
    cued = any(cue.said == "backed" and cue.found_in(clause) for cue in _cues())
    return cued or bool(_bound_numbers(clause, setting))


def _is_backed(clause: str, setting: Setting) -> bool:
    return setting.is_backed is not None and setting.is_backed(clause)


def _bound_numbers(clause: str, setting: Setting) -> list[Quantity]:
    """Return the numbers that hold for the other deal only."""
    text = _blanked(clause, _rule("numbers", "free"))
    said = quantities(setting.ours)
    return [one for one in quantities(text) if _is_telling(one, text) and not _is_ours(one, text, said)]


def _is_telling(one: Quantity, clause: str) -> bool:
    if one.is_article or one.dimension is Dimension.ORDINAL:
        return False
    if one.dimension not in (Dimension.COUNT, Dimension.NUMBER):
        return True
    is_thing = _rule("numbers", "abstract_things").search(clause[one.end :])
    return one.unit not in _table()["numbers"]["abstract_units"] and not is_thing


def _is_ours(one: Quantity, clause: str, said: Sequence[Quantity]) -> bool:
    """Whether this customer gave the number too; a time that we would be held to is still a promise."""
    promised = one.dimension in _TIMES and re.match(r"[之以]?[内前]|里", clause[one.end :])
    return not promised and supported_by(one, said)


def _their_nouns(clause: str, setting: Setting) -> list[tuple[int, str]]:
    """Return nouns of the other customer's business that this one never used."""
    if setting.is_near or not setting.theirs:
        return []
    common = _common_nouns()
    return [
        (word.start, word.text)
        for word in tagged(clause)
        if word.tag.startswith("n")
        and len(word.text) >= _LEAST_NOUN
        and word.text in setting.theirs
        and word.text not in setting.ours
        and word.text not in common
    ]


def _makes_a_move(sentence: str, moves: Collection[str]) -> bool:
    return any(_rule("moves", name).search(sentence) for name in moves)


def _blanked(text: str, pattern: re.Pattern[str]) -> str:
    """Return the text with every match turned into spaces, so that offsets hold."""
    return pattern.sub(lambda match: " " * len(match.group()), text)


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads((files("agent") / "applicability.toml").read_text(encoding="utf-8"))


@cache
def _cues() -> tuple[_Cue, ...]:
    return tuple(
        _Cue(
            kind=row["kind"],
            said=row["said"],
            pattern=re.compile(row["pattern"]),
            exempt=re.compile(row["exempt"]) if "exempt" in row else None,
            answers=re.compile(row["answers"]) if "answers" in row else None,
        )
        for row in _table()["cue"]
    )


@cache
def _rule(section: str, name: str) -> re.Pattern[str]:
    """Return a pattern; a list is read as alternatives."""
    given = _table()[section][name]
    return re.compile(given if isinstance(given, str) else "|".join(given))


@cache
def _common_nouns() -> frozenset[str]:
    return frozenset(_table()["world"]["common"])
