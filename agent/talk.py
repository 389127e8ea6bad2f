"""A case's words for another customer: nobody's name, nobody's price, said by the rep to the reader."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from agent.compliance import make_safe
from agent.names import NameKind, find_names
from agent.phrasing import phrases
from agent.screening import gives_orders
from agent.shelf import CaseFile
from domain.lexicon import Lexicon, LexiconKind
from domain.signals import Risk
from domain.sources import Citation, Source, cite
from language.pii import find_pii
from language.quantities import Dimension, quantities
from language.quantity_units import any_of
from language.sentences import Span, clauses, sentences

_QUOTED = re.compile(r"[“「『\"]([^”」』\"]{6,})[”」』\"]")
_PRICE = (Dimension.MONEY, Dimension.DISCOUNT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Something that can be said to the customer, and where it is from.

    Attributes:
        origin: The case's id, or the document's source id.
        position: Its place in the talk track or document; neighbours there belong together.
        removed: Kinds of risk that were taken out of its wording.
    """

    text: str
    citations: tuple[Citation, ...]
    origin: str
    column: str
    position: int
    removed: tuple[Risk, ...] = ()


def talk_lines(case: CaseFile, *, lexicon: Lexicon, allowed: Collection[str] = ()) -> list[Line]:
    """Return the sentences of a case's talk track that may be said to another customer, adapted, in order.

    Args:
        allowed: Names that belong to this very customer or to ourselves.
    """
    source = case.columns.get("talk_track")
    if source is None:
        return []
    lines = []
    for position, span in enumerate(_sayable_spans(source.text)):
        line = _line(source, span, position, case.case_id, "talk_track", lexicon=lexicon, allowed=allowed)
        lines += [line] if line else []
    return lines


def document_lines(documents: Sequence[Source], *, lexicon: Lexicon, allowed: Collection[str] = ()) -> list[Line]:
    """Return the sentences of our own documents that may be said to a customer."""
    lines = []
    for source in documents:
        for position, span in enumerate(sentences(source.text)):
            line = _line(source, span, position, source.source_id, "document", lexicon=lexicon, allowed=allowed)
            lines += [line] if line else []
    return lines


def _line(
    source: Source,
    span: Span,
    position: int,
    origin: str,
    column: str,
    *,
    lexicon: Lexicon,
    allowed: Collection[str],
) -> Line | None:
    said = adapt(span.text, lexicon=lexicon, allowed=allowed)
    safe = make_safe(said, rivals=_rivals(lexicon)) if said else None
    if safe is None:
        return None
    citation = cite(source, span.start, span.end)
    return Line(
        text=safe.text, citations=(citation,), origin=origin, column=column, position=position, removed=safe.removed
    )


def effect_line(case: CaseFile, *, industry: str, lexicon: Lexicon) -> Line | None:
    """Return what the case brought, without its name, price or deal, or None."""
    source = case.columns.get("result")
    if source is None:
        return None
    span = next(_effect_spans(source.text), None)
    if span is None or adapt(span.text, lexicon=lexicon) is None:
        return None
    is_same = bool(industry) and industry == case.text("industry")
    lead = _rules()["case_lead_same" if is_same else "case_lead_other"]
    citations = (cite(source, span.start, span.end), *((_whole(case.columns["industry"]),) if is_same else ()))
    return Line(text=f"{lead}{span.text}。", citations=citations, origin=case.case_id, column="result", position=0)


def opening_for(intents: Collection[str]) -> str:
    """Return the courtesy that a worried customer is met with; empty where none fits."""
    table: Mapping[str, str] = _rules()["openings"]
    return next((table[intent] for intent in intents if intent in table), "")


def adapt(sentence: str, *, lexicon: Lexicon, allowed: Collection[str] = ()) -> str | None:
    """Turn a sentence of a case into one for this customer, or return None if it must not be said.

    Only 客户 → 您, a name → 一家同行业的客户 and words of order at the start change; every content word
    stays the source's.
    """
    if gives_orders(sentence) or find_pii(sentence) or _names_a_price(sentence):
        return None
    text = re.sub(_rules()["greeting_of_a_person"], "", sentence)
    if not re.search(_rules()["own_words"], text):
        spoken = _from_narration(text)
        if spoken is None:
            return None
        text = spoken
    text = _addressed(text)
    return _without_names(text, lexicon, allowed)


def mentions_uncounted(sentence: str) -> bool:
    """Whether a sentence points at things the other customer had (这18台)."""
    return re.search(_rules()["demonstrative_count"], sentence) is not None


def _sayable_spans(text: str) -> list[Span]:
    quoted = [Span(start=match.start(1), end=match.end(1), text=match[1]) for match in _QUOTED.finditer(text)]
    if sum(len(span.text) for span in quoted) >= 0.4 * len(text):
        return [
            Span(start=quote.start + inner.start, end=quote.start + inner.end, text=inner.text)
            for quote in quoted
            for inner in sentences(quote.text)
        ]
    return sentences(text)


def _names_a_price(sentence: str) -> bool:
    return any(
        one.dimension in _PRICE or (one.dimension is Dimension.PERCENT and one.is_reduction)
        for one in quantities(sentence)
    )


def _from_narration(text: str) -> str | None:
    """先…再… told to the rep becomes 我们先…: clauses that are stage directions go."""
    kept = [clause.text for clause in clauses(text) if not re.search(_rules()["stage_directions"], clause.text)]
    if not kept:
        return None
    body = "，".join(kept)
    if re.search(_rules()["narrated"], body) or re.match(_rules()["sequence"], body):
        body = "我们" + re.sub(_rules()["sequence"], lambda match: "先" if "先" in match.group() else "", body)
    return f"{body}。"


def _addressed(text: str) -> str:
    """客户 becomes 您 where it means the reader."""
    kept = [match.span() for match in re.finditer(_rules()["not_the_customer"], text)]
    parts, at = [], 0
    for match in re.finditer("客户(?:方)?", text):
        if any(start <= match.start() < end for start, end in kept):
            continue
        parts += [text[at : match.start()], "您"]
        at = match.end()
    return "".join([*parts, text[at:]])


def _without_names(text: str, lexicon: Lexicon, allowed: Collection[str]) -> str | None:
    rivals = _rivals(lexicon)
    if rivals and re.search(any_of(rivals), text):
        return None
    for name in reversed(find_names(text)):
        if name.text in allowed or name.kind is NameKind.PRODUCT:
            continue
        if name.kind is not NameKind.COMPANY:
            return None
        text = text[: name.start] + str(phrases()["another_customer"]) + text[name.end :]
    return text


def _rivals(lexicon: Lexicon) -> list[str]:
    return [form for entry in lexicon if entry.kind is LexiconKind.COMPETITOR for form in entry.forms]


def _effect_spans(text: str) -> Iterator[Span]:
    """Yield runs of clauses of a result that tell an effect with a number and nothing of the deal."""
    for sentence in sentences(text):
        run: list[Span] = []
        for clause in [*clauses(sentence.text), Span(start=0, end=0, text="万")]:
            if re.search(_rules()["deal_matters"], clause.text):
                if run and any(quantities(one.text) for one in run):
                    start, end = sentence.start + run[0].start, sentence.start + run[-1].end
                    yield Span(start=start, end=end, text=text[start:end])
                run = []
            else:
                run.append(clause)


def _whole(source: Source) -> Citation:
    return cite(source, 0, len(source.text))


@cache
def _rules() -> Mapping[str, Any]:
    return tomllib.loads((files("agent") / "talk.toml").read_text(encoding="utf-8"))
