"""A tenant's own words for a label, with their variants and without their denials (不是太贵 is no complaint)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from domain.conversation import CUSTOMER, REP
from domain.lexicon import Lexicon, LexiconEntry, LexiconKind
from domain.signals import Intent, RepAct, Risk, Severity, Signal, SignalKind
from language.matching import Matcher
from language.negation import is_negated
from signals.pipeline import Reading, observe

_CLOSED = {
    SignalKind.INTENT: frozenset(Intent),
    SignalKind.REP_ACT: frozenset(RepAct),
    SignalKind.RISK: frozenset(Risk),
}

_FURTHER: dict[SignalKind, dict[str, object]] = {
    SignalKind.RISK: {"severity": Severity.NOTE, "rule": "custom.term", "exempt": None}
}
"""What the contract wants besides; a tenant's own risk is pointed out, never rewritten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Words that mean a label.

    Attributes:
        label: A name of the kind's own taxonomy, or any name where the kind is open (implicit_need).
        forms: The words as they are said; the longest match counts.
        kind: What the signal will be.
        speaker: Only this side's turns; None for both.
        except_in: Longer words that contain a form and mean something else.
    """

    label: str
    forms: tuple[str, ...]
    kind: SignalKind = SignalKind.IMPLICIT_NEED
    speaker: str | None = None
    except_in: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.forms or not all(form.strip() for form in self.forms):
            raise ValueError("a term needs words")
        if self.kind in _CLOSED and self.label not in _CLOSED[self.kind]:
            raise ValueError(f"{self.label} is no label of {self.kind}")


def terms_of(lexicon: Lexicon) -> tuple[Term, ...]:
    """Return the terms of a tenant's lexicon.

    An entry of kind `term` names a label; its aliases are the words that mean it. A customer intent is heard of the
    customer, a risk or a rep act of the rep, and any other label is a need of the customer.
    """
    return tuple(
        _term(entry.name, entry.aliases) for entry in lexicon if entry.kind is LexiconKind.TERM and any(entry.aliases)
    )


def _term(label: str, forms: tuple[str, ...]) -> Term:
    words = tuple(form for form in forms if form.strip())
    for kind, speaker in ((SignalKind.INTENT, CUSTOMER), (SignalKind.RISK, REP), (SignalKind.REP_ACT, REP)):
        if label in _CLOSED[kind]:
            return Term(label=label, forms=words, kind=kind, speaker=speaker)
    return Term(label=label, forms=words, speaker=CUSTOMER)


@dataclass(frozen=True, slots=True)
class _Words:
    matcher: Matcher
    by_form: dict[str, Term]


@lru_cache(maxsize=16)
def _words(terms: tuple[Term, ...]) -> _Words:
    forms = [LexiconEntry(name=form) for term in terms for form in (*term.forms, *term.except_in)]
    return _Words(Matcher(tuple(forms)), {form: term for term in terms for form in term.forms})


class CustomLexiconDetector:
    """Finds a tenant's terms by longest match; a denied one is not listed.

    Args:
        terms: Terms besides those of the reading's lexicon; without either nothing is found.
    """

    name = "custom_lexicon"
    version = "1.1"

    def __init__(self, terms: Sequence[Term] = ()) -> None:
        self._terms = tuple(terms)

    def detect(self, reading: Reading) -> Iterator[Signal]:
        """Yield one signal a word said and not denied; `term` is the form of the lexicon."""
        terms = (*self._terms, *terms_of(reading.lexicon))
        if not terms:
            return
        words = _words(terms)
        for turn in reading.turns:
            for match in words.matcher.literal(turn.text):
                term = words.by_form.get(match.form)
                if term is None or term.speaker not in (None, turn.speaker):
                    continue
                if is_negated(turn.text, match.start, match.end):
                    continue
                yield observe(
                    self,
                    turn,
                    kind=term.kind,
                    label=term.label,
                    score=0.9,
                    start=match.start,
                    end=match.end,
                    attributes={"term": match.form, **_FURTHER.get(term.kind, {})},
                )
