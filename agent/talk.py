"""A case's words for another customer: nobody's name, nobody's price, said by the rep to the reader."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from agent.applicability import apply_to
from agent.compliance import SafeWording, make_safe
from agent.hearers import backing_of, setting_for
from agent.names import NameKind, find_names
from agent.phrasing import closing_questions, phrases
from agent.screening import gives_orders
from agent.shelf import CaseFile
from agent.tactics import EVIDENCE_TACTIC
from agent.tasks import Task
from domain.lexicon import Lexicon, LexiconKind
from domain.signals import Intent, Risk
from domain.sources import Citation, Source, cite
from language.pii import find_pii
from language.quantities import Dimension, quantities
from language.quantity_units import any_of
from language.sentences import Span, clauses, sentences

_QUOTED = re.compile(r"[“「『\"]([^”」』\"]{6,})[”」』\"]")
_QUOTE_MARKS = '“”「」『』"'
_ENDS = "。；;，,"
_PRICE = (Dimension.MONEY, Dimension.DISCOUNT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Something that can be said to the customer, and where it is from.

    Attributes:
        origin: The case's id, or the document's source id.
        position: Its place in the talk track or document; neighbours there belong together.
        removed: Kinds of risk that were taken out of its wording.
        leans: It says nothing without the line at the position before it.
    """

    text: str
    citations: tuple[Citation, ...]
    origin: str
    column: str
    position: int
    removed: tuple[Risk, ...] = ()
    leans: bool = False

    @property
    def is_evidence(self) -> bool:
        """Whether it tells of another customer instead of speaking to this one."""
        return self.column in ("result", "turning_point")


def talk_lines(case: CaseFile, task: Task, *, allowed: Collection[str] = ()) -> list[Line]:
    """Return what of a case's talk track may be said to the customer of a task, adapted, in order.

    What was promised, counted, priced or true in the case's own deal alone is left out.

    Args:
        allowed: Names that belong to this very customer or to ourselves.
    """
    source = case.columns.get("talk_track")
    if source is None:
        return []
    lines: list[Line] = []
    setting = setting_for(task, case)
    for position, span in enumerate(_sayable_spans(source.text)):
        applied = apply_to(span.text, setting)
        said = _said(applied.rest, lexicon=task.shelf.lexicon, allowed=allowed)
        leans = leans_back(span.text)
        has_support = bool(lines) and lines[-1].position == position - 1
        if said is not None and (has_support or not leans):
            backing = [one for fact in applied.facts if (one := backing_of(fact, task.shelf.documents))]
            citations = tuple(dict.fromkeys([cite(source, span.start, span.end), *backing]))
            line = _line(said, citations, position, case.case_id, "talk_track")
            lines.append(replace(line, leans=leans))
    return lines


def document_lines(documents: Sequence[Source], *, lexicon: Lexicon, allowed: Collection[str] = ()) -> list[Line]:
    """Return the sentences of our own documents that may be said to a customer."""
    lines = []
    for source in documents:
        for position, span in enumerate(sentences(source.text)):
            said = _said(span.text, lexicon=lexicon, allowed=allowed)
            citations = (cite(source, span.start, span.end),)
            lines += [_line(said, citations, position, source.source_id, "document")] if said else []
    return lines


def _said(text: str, *, lexicon: Lexicon, allowed: Collection[str]) -> SafeWording | None:
    said = adapt(text, lexicon=lexicon, allowed=allowed) if text else None
    return make_safe(said, rivals=_rivals(lexicon)) if said else None


def _line(said: SafeWording, citations: tuple[Citation, ...], position: int, origin: str, column: str) -> Line:
    return Line(
        text=said.text, citations=citations, origin=origin, column=column, position=position, removed=said.removed
    )


def effect_lines(case: CaseFile, *, industry: str, lexicon: Lexicon) -> list[Line]:
    """Return what the case brought, each as evidence of another customer, without its name, price or deal."""
    source = case.columns.get("result")
    if source is None:
        return []
    is_same = bool(industry) and industry == case.text("industry")
    lead = _rules()["case_lead_same" if is_same else "case_lead_other"]
    told = [span for span in _effect_spans(source.text) if _names_nobody(span.text, lexicon)]
    beside = (_whole(case.columns["industry"]),) if is_same else ()
    return [
        Line(
            text=f"{lead}{span.text}。",
            citations=(cite(source, span.start, span.end), *beside),
            origin=case.case_id,
            column="result",
            position=position,
        )
        for position, span in enumerate(told)
    ]


def _names_nobody(text: str, lexicon: Lexicon) -> bool:
    return adapt(text, lexicon=lexicon) is not None and _without_names(text, lexicon, ()) == text


def approach_line(case: CaseFile, *, industry: str, lexicon: Lexicon) -> Line | None:
    """Return how another customer's deal was moved, told as theirs: what was done there is promised to nobody else."""
    source = case.columns.get("turning_point")
    span = next(iter(sentences(source.text)), None) if source else None
    if source is None or span is None:
        return None
    if re.search(_rules()["deal_matters"], span.text) or re.search(_rules()["internal_approach"], span.text):
        return None
    if gives_orders(span.text) or find_pii(span.text) or _names_a_price(span.text):
        return None
    told = _as_theirs(span.text)
    if _without_names(told, lexicon, ()) != told:
        return None
    is_same = bool(industry) and industry == case.text("industry")
    lead = _rules()["approach_lead_same" if is_same else "approach_lead_other"]
    beside = (_whole(case.columns["industry"]),) if is_same else ()
    return Line(
        text=f"{lead}{told.rstrip(_ENDS)}。",
        citations=(cite(source, span.start, span.end), *beside),
        origin=case.case_id,
        column="turning_point",
        position=0,
    )


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
    text = re.sub(_rules()["greeting_of_a_person"], "", sentence.strip(_QUOTE_MARKS))
    if not re.search(_rules()["own_words"], text):
        spoken = _from_narration(text)
        if spoken is None:
            return None
        text = spoken
    text = _addressed(text)
    return _without_names(text, lexicon, allowed)


@cache
def leads_to_others() -> tuple[str, ...]:
    """Return how another customer is told of, up to 当时."""
    leads = (words for name, words in _rules().items() if re.match("(?:case|approach)_lead_", name))
    return tuple(dict.fromkeys(re.sub("(?<=当时).*", "", lead) for lead in leads))


def leans_back(sentence: str) -> bool:
    """Whether a sentence says nothing without the one before it (表里列四项)."""
    return re.search(_rules()["leaning_sentence"], sentence) is not None


def wants_no_evidence(intents: Collection[str]) -> bool:
    """Whether the customer's first wish is one that another customer's success does not answer."""
    return next(iter(intents), "") in _rules()["no_evidence_for"]


def question_for(tactic: str, line: Line, intents: Collection[str]) -> str:
    """Return the open question that goes with evidence: by its kind and the tactic, else by the customer's wish."""
    table = closing_questions()
    by_tactic = [line.column, tactic] if tactic == EVIDENCE_TACTIC else [tactic]
    order = [*intents, *by_tactic] if Intent.COMPLAIN in intents else [*by_tactic, *intents]
    return next((table[name] for name in order if name in table), table[""])


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
    return _renamed(text, "您")


def _as_theirs(text: str) -> str:
    """客户 becomes 他们 where another customer is told of."""
    return _renamed(text, "他们")


def _renamed(text: str, reader: str) -> str:
    kept = [match.span() for match in re.finditer(_rules()["not_the_customer"], text)]
    parts, at = [], 0
    for match in re.finditer("客户(?:方)?", text):
        if any(start <= match.start() < end for start, end in kept):
            continue
        parts += [text[at : match.start()], reader]
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
    """Yield runs of clauses of a result that tell a change with a number and nothing of the deal."""
    for sentence in sentences(text):
        run: list[Span] = []
        for clause in [*clauses(sentence.text), None]:
            if clause is not None and _tells_an_effect(clause.text):
                run.append(clause)
                continue
            if run and any(quantities(one.text) for one in run):
                start, end = sentence.start + run[0].start, sentence.start + run[-1].end
                yield Span(start=start, end=end, text=text[start:end])
            run = []


def _tells_an_effect(clause: str) -> bool:
    return bool(re.search(_rules()["effect"], clause)) and not re.search(_rules()["deal_matters"], clause)


def _whole(source: Source) -> Citation:
    return cite(source, 0, len(source.text))


@cache
def _rules() -> Mapping[str, Any]:
    return tomllib.loads((files("agent") / "talk.toml").read_text(encoding="utf-8"))
