"""The grounding gate: a sentence leaves only if its citations stand and support it.

In this order: the quotes are where they say; every number, name and date of the sentence is in a quote;
nothing is turned round; what is said of a competitor comes from a card or from the customer; the support
score is above its threshold. Every check leaves a line in the decision's record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.columns import words_of_place
from agent.competitors import breaks_competitor_rule
from agent.drafts import DraftSentence
from agent.names import Name, find_names
from agent.phrasing import stated
from agent.polarity import Context, find_flip
from agent.support import SupportScorer
from domain.conversation import CUSTOMER
from domain.lexicon import Lexicon
from domain.sources import Citation, Source, SourceStatus, resolves
from domain.suggestions import Check, DropReason
from language.quantities import Quantity, quantities, supported_by
from language.sentences import sentences

_RATE = re.compile(r"每一?个?(工作日|季度|小时|分钟|天|日|周|月|年)")
_SAME_RATES = {"日": "天"}

SourceKey = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the gate says of one sentence; `reason` is None exactly when it may leave."""

    score: float
    reason: DropReason | None
    checks: tuple[Check, ...]

    @property
    def is_grounded(self) -> bool:
        """Whether the sentence may leave."""
        return self.reason is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A citation with the source it points into."""

    citation: Citation
    source: Source

    @property
    def context(self) -> str:
        """The whole sentences of the source that the quote touches."""
        touched = [
            sentence
            for sentence in sentences(self.source.text)
            if sentence.start < self.citation.end and self.citation.start < sentence.end
        ]
        if not touched:
            return self.citation.quote
        return self.source.text[touched[0].start : touched[-1].end]


class Gate:
    """Judges drafted sentences.

    Args:
        scorer: The support score.
        lexicon: The tenant's names; competitors among them fall under the competitor rule.
    """

    def __init__(self, scorer: SupportScorer, *, lexicon: Lexicon = ()) -> None:
        self._scorer = scorer
        self._lexicon = lexicon

    def judge(self, sentence: DraftSentence, sources: Mapping[SourceKey, Source]) -> Verdict:
        """Check one sentence against the versions its citations name; time linear in its quotes."""
        evidence = _resolved(sentence.citations, sources)
        if evidence is None:
            return _refused(DropReason.QUOTE_MISMATCH, [Check(name="quote", passed=False)])
        checks = [Check(name="quote", passed=True)]
        claim, quotes = stated(sentence.text), [one.citation.quote for one in evidence]
        for name, problem, reason in (
            ("numbers", _unsupported_number(claim, [*quotes, *_case_ids(evidence)]), DropReason.NUMBER_NOT_IN_QUOTE),
            (
                "names",
                _unsupported_name(claim, [*quotes, *_case_ids(evidence)], self._lexicon),
                DropReason.NAME_NOT_IN_QUOTE,
            ),
            ("polarity", _turned_round(sentence.text, evidence), DropReason.NO_SUPPORT),
            (
                "competitor",
                breaks_competitor_rule(sentence, evidence_sources(evidence), self._lexicon),
                DropReason.NO_SUPPORT,
            ),
        ):
            checks.append(Check(name=name, passed=problem is None, detail=problem or ""))
            if problem is not None:
                return _refused(reason, checks)
        place_words = [word for one in evidence for word in words_of_place(one.source, one.source.speaker)]
        score = self._scorer.score(sentence.text, quotes, place_words)
        enough = score >= self._scorer.threshold
        checks.append(Check(name="support", passed=enough, detail=f"{score:.3f}"))
        return Verdict(score=score, reason=None if enough else DropReason.NO_SUPPORT, checks=tuple(checks))


def evidence_sources(evidence: Sequence[Evidence]) -> tuple[Source, ...]:
    """Return the sources behind the evidence."""
    return tuple(one.source for one in evidence)


def _case_ids(evidence: Sequence[Evidence]) -> list[str]:
    """Return the ids of the cited cases: citing a case says which one it is."""
    return [one.source.case_id for one in evidence if one.source.case_id is not None]


def _refused(reason: DropReason, checks: Sequence[Check]) -> Verdict:
    return Verdict(score=0.0, reason=reason, checks=tuple(checks))


def _resolved(citations: Sequence[Citation], sources: Mapping[SourceKey, Source]) -> list[Evidence] | None:
    found = []
    for citation in citations:
        source = sources.get((citation.source_id, citation.version))
        if source is None or source.status is not SourceStatus.LIVE or not resolves(citation, source):
            return None
        found.append(Evidence(citation=citation, source=source))
    return found or None


def _unsupported_number(claim: str, quotes: Sequence[str]) -> str | None:
    given: list[Quantity] = [quantity for quote in quotes for quantity in quantities(quote)]
    for quantity in quantities(claim):
        if not quantity.is_article and not supported_by(quantity, given):
            return quantity.text
    rates = _rates(claim) - frozenset().union(*(_rates(quote) for quote in quotes))
    return min(rates) if rates else None


def _rates(text: str) -> frozenset[str]:
    """Return what the numbers of a text are per: 每周, 每台."""
    return frozenset(_SAME_RATES.get(match[1], match[1]) for match in _RATE.finditer(text))


def _unsupported_name(claim: str, quotes: Sequence[str], lexicon: Lexicon) -> str | None:
    given = _folded(" ".join(quotes))
    for name in find_names(claim, lexicon=lexicon):
        if not any(form in given for form in _forms(name, lexicon)):
            return name.text
    return None


def _forms(name: Name, lexicon: Lexicon) -> list[str]:
    """Return the ways the name may stand in a quote: as written, its core, or another form of the lexicon."""
    forms = [_folded(name.text)]
    if len(name.core) > 1:
        forms.append(_folded(name.core))
    for entry in lexicon:
        if _folded(name.text) in [_folded(form) for form in entry.forms]:
            forms += [_folded(form) for form in entry.forms]
    return forms


def _folded(text: str) -> str:
    return re.sub(r"\s+", "", text).lower()


def _turned_round(claim: str, evidence: Sequence[Evidence]) -> str | None:
    # A title that is named as a title says which case is meant, whatever words it is made of.
    titles = [one for one in evidence if f"《{one.citation.quote}》" in claim]
    for one in titles:
        claim = claim.replace(f"《{one.citation.quote}》", "")
    contexts = [
        Context(text=one.context, by_customer=one.source.speaker == CUSTOMER) for one in evidence if one not in titles
    ]
    flip = find_flip(claim, contexts)
    return None if flip is None else f"{flip.kind}:{flip.word}"
