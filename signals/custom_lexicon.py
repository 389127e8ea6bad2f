"""A tenant's own words for a label, with their variants and without their denials (不是太贵 is no complaint)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from domain.lexicon import LexiconEntry
from domain.signals import Intent, RepAct, Risk, Signal, SignalKind
from language.matching import Matcher
from language.negation import is_negated
from signals.pipeline import Reading, observe

_CLOSED = {
    SignalKind.INTENT: frozenset(Intent),
    SignalKind.REP_ACT: frozenset(RepAct),
    SignalKind.RISK: frozenset(Risk),
}


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


class CustomLexiconDetector:
    """Finds a tenant's terms by longest match; a denied one is not listed.

    Args:
        terms: The tenant's terms; without any nothing is found.
    """

    name = "custom_lexicon"
    version = "1.0"

    def __init__(self, terms: Sequence[Term] = ()) -> None:
        words = [LexiconEntry(name=form) for term in terms for form in (*term.forms, *term.except_in)]
        self._matcher = Matcher(tuple(words))
        self._by_form = {form: term for term in terms for form in term.forms}

    def detect(self, reading: Reading) -> Iterator[Signal]:
        """Yield one signal a word said and not denied; `term` is the form of the lexicon."""
        for turn in reading.turns:
            for match in self._matcher.literal(turn.text):
                term = self._by_form.get(match.form)
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
                    attributes={"term": match.form},
                )
