"""What a drafter hands to the gate: sentences with the citations they rest on, or the reason for none."""

from __future__ import annotations

from dataclasses import dataclass

from domain.sources import Citation
from domain.suggestions import AbstentionReason


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftSentence:
    """One sentence, courtesy included, with its citations; two together may support one claim."""

    text: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftSuggestion:
    """A suggestion before the gate.

    Attributes:
        tactic: What distinguishes it: the reply's tactic, the brief's section, the answer's kind.
        confidence: In [0, 1], before the gate has weighed the support.
        reason: Name of the template that says why (`agent/templates.toml`).
        step: Name of the template that says what to do next.
        topics: Compliance topics that the drafter knows to be touched.
    """

    tactic: str
    sentences: tuple[DraftSentence, ...]
    confidence: float
    reason: str
    step: str
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """All that an engine drafted for one request.

    Attributes:
        abstention: Why there is nothing to say; set exactly when there are no suggestions.
        missing: Names of questions to ask next (`agent/templates.toml`).
        notes: Fallbacks and warnings.
    """

    suggestions: tuple[DraftSuggestion, ...] = ()
    abstention: AbstentionReason | None = None
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.suggestions) == (self.abstention is not None):
            raise ValueError("a draft has suggestions, or a reason for having none")


def nothing(why: AbstentionReason, *, missing: tuple[str, ...] = ()) -> Draft:
    """Return a draft that says nothing, with the reason."""
    return Draft(abstention=why, missing=missing)
