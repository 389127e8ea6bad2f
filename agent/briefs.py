"""The 战情简报: what is known of a customer, where it is stuck, what it needs, and who has done it before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from agent.applicability import Applicability, apply_to
from agent.brief_quotes import Quote, blockers_of, brief_words, customer_sentences, promises_of
from agent.case_answers import distinct
from agent.columns import column_of
from agent.drafts import Draft, DraftSentence, DraftSuggestion, nothing
from agent.frames import as_sentence
from agent.hearers import setting_for
from agent.mentors import find_mentors, mentor_sentence
from agent.questions import read_question
from agent.screening import gives_orders
from agent.selecting import Scored, rank_sentences
from agent.shelf import CaseFile
from agent.tasks import Talk, Task
from agent.vectors import Vectors
from domain.cases import Outcome
from domain.signals import Intent, LeadFact, Signal, SignalKind
from domain.sources import Source, cite
from domain.suggestions import AbstentionReason
from language.sentences import sentences

_FIELD_ORDER = (
    ("name", "industry", "customer_size", "region"),
    ("product", "stage", "amount_cny", "expected_close"),
    ("owner", "last_activity_at"),
)
_MOST_QUOTES = 4
_MOST_STRATEGIES = 3


def draft_brief(task: Task, vectors: Vectors | None) -> Draft:
    """Draft all six sections; one that nothing supports stays empty."""
    if not task.here:
        return nothing(AbstentionReason.AMBIGUOUS)
    blockers = blockers_of(task)
    sections = (
        _section("客户背景", [*background(task), *told_facts(task, blockers)], "brief.account", "brief.account"),
        _section("当前卡点", [said_by(quote) for quote in blockers[:_MOST_QUOTES]], "brief.talk", "brief.blocker"),
        _section("所需支持", _support(task, blockers), "brief.talk", "brief.support"),
        _section("隐性需求", _needs(task), "brief.talk", "brief.needs"),
        _section("策略", strategies(task, blockers, vectors), "brief.cases", "brief.strategy"),
        _section("导师", _mentors(task), "brief.mentors", "brief.mentors"),
    )
    return Draft(suggestions=sections, missing=open_questions(task))


def _section(name: str, said: Iterable[DraftSentence], reason: str, step: str) -> DraftSuggestion:
    return DraftSuggestion(tactic=name, sentences=tuple(distinct(list(said))), confidence=0.9, reason=reason, step=step)


def background(task: Task) -> list[DraftSentence]:
    """State the CRM's fields, a few to a sentence, each with its own citation."""
    by_column = {column_of(source.source_id): source for source in reversed(task.fields)}
    said = [_fields_sentence([by_column[name] for name in group if name in by_column]) for group in _FIELD_ORDER]
    others = [by_column[name] for name in by_column if all(name not in group for group in _FIELD_ORDER)]
    free = [as_sentence(source, span.start, span.end) for source in others for span in sentences(source.text)]
    return [sentence for sentence in (*said, *free) if sentence is not None and not gives_orders(sentence.text)]


def _fields_sentence(sources: Sequence[Source]) -> DraftSentence | None:
    if not sources:
        return None
    labels = [source.title.rsplit("·", 1)[-1].strip() for source in sources]
    parts = [f"{label}是{source.text}" for label, source in zip(labels, sources, strict=True)]
    return DraftSentence(text="，".join(parts) + "。", citations=tuple(cite(one, 0, len(one.text)) for one in sources))


def told_facts(task: Task, blockers: Sequence[Quote]) -> list[DraftSentence]:
    """Return what the customer told of their own side, besides what blocks."""
    taken = {(quote.source.source_id, quote.span.start) for quote in blockers[:_MOST_QUOTES]}
    facts = [
        said_by(quote)
        for quote in customer_sentences(task)
        if re.search(brief_words()["asks"]["facts"], quote.span.text)
        and not re.search(r"[?？]$", quote.span.text)
        and (quote.source.source_id, quote.span.start) not in taken
    ]
    return facts[:3]


def _support(task: Task, blockers: Sequence[Quote]) -> list[DraftSentence]:
    """Return what the customer wants from us and what we promised, under the support it calls for."""
    kinds = {row["intent"]: row["support"] for row in brief_words()["blocker"]}
    said: list[DraftSentence] = []
    for quote in blockers:
        if re.search(brief_words()["asks"]["wants"], quote.span.text) or len(said) < 2:
            spoken = said_by(quote)
            text = brief_words()["leads"]["support"].format(support=kinds[quote.about], quote=spoken.text)
            said.append(DraftSentence(text=text, citations=spoken.citations))
    return [*said[:_MOST_QUOTES], *(said_by(quote) for quote in promises_of(task)[:3])]


def _needs(task: Task) -> list[DraftSentence]:
    """Return the implicit needs with all the turns that show them."""
    said = []
    for talk in task.talks:
        for signal in talk.signals:
            if signal.kind is SignalKind.IMPLICIT_NEED:
                sentence = _need_sentence(talk, signal)
                said += [sentence] if sentence else []
    return said


def _need_sentence(talk: Talk, signal: Signal) -> DraftSentence | None:
    shown = signal.attributes.get("evidence")
    ids = [str(turn) for turn in shown] if isinstance(shown, list | tuple) else [signal.turn_id]
    sources = [source for source in (talk.source(turn) for turn in ids) if source is not None]
    if not sources:
        return None
    spoken = [as_sentence(source, 0, len(source.text)) for source in sources[:3]]
    lead = brief_words()["leads"]["need"].format(need=signal.label)
    text = lead + "；".join(one.text.rstrip("。") for one in spoken) + "。"
    return DraftSentence(text=text, citations=tuple(citation for one in spoken for citation in one.citations))


def strategies(task: Task, blockers: Sequence[Quote], vectors: Vectors | None) -> list[DraftSentence]:
    """Return what turned similar won deals, one sentence a case, closest to the blockers first."""
    query = " ".join(quote.span.text for quote in blockers[:3]) or task.request.text or task.industry
    said: list[DraftSentence] = []
    for hit in task.hits:
        case = task.shelf.cases.get(hit.case_id)
        if case is None or hit.outcome is not Outcome.WON:
            continue
        sources = [case.columns[name] for name in ("turning_point", "talk_track") if name in case.columns]
        ranked = [
            one
            for one in rank_sentences(read_question(query), sources, task.shelf, vectors)
            if not gives_orders(one.text)
        ]
        if ranked:
            said.append(_strategy(task, case, ranked[0]))
        if len(said) == _MOST_STRATEGIES:
            break
    return said


def _strategy(task: Task, case: CaseFile, best: Scored) -> DraftSentence:
    """Tell what was done or said in a case as its own; what only that deal had is said to be so."""
    leads, title = brief_words()["leads"], case.columns["title"]
    spoken = as_sentence(best.source, best.start, best.end)
    is_bound = apply_to(best.text, setting_for(task, case)).kind is Applicability.DEAL_BOUND
    frame = leads[f"strategy_{column_of(best.source.source_id)}"]
    lead = frame.format(title=title.text, only_there=leads["only_there"] if is_bound else "")
    return DraftSentence(text=lead + spoken.text, citations=(cite(title, 0, len(title.text)), *spoken.citations))


def _mentors(task: Task) -> list[DraftSentence]:
    account = task.account or task.deal
    wanted = {name: str(getattr(account, name)) for name in ("industry", "product", "customer_size")} if account else {}
    return [mentor_sentence(one, brief_words()["leads"]) for one in find_mentors(wanted, task.shelf, task.hits)]


def open_questions(task: Task) -> tuple[str, ...]:
    """Return the names of the questions that the sources leave open."""
    known = {column_of(source.source_id) for source in task.fields}
    labels = {signal.label for signal in task.signals}
    kinds = {signal.kind for signal in task.signals}
    open_ = [name for name, column in _ASKED_FIELDS if column not in known]
    open_ += ["budget"] if "amount_cny" not in known and LeadFact.BUDGET_CLEAR not in labels else []
    open_ += ["decider"] if not {Intent.DECISION_CHAIN, LeadFact.DECISION_HEADCOUNT} & labels else []
    open_ += ["timeline"] if "expected_close" not in known and Intent.DELIVERY not in labels else []
    open_ += ["competitor"] if not task.competitors else []
    open_ += ["next_step"] if SignalKind.NEXT_STEP not in kinds else []
    return tuple(open_)


_ASKED_FIELDS = (
    ("industry", "industry"),
    ("size", "customer_size"),
    ("product", "product"),
    ("stage", "stage"),
    ("contacts", "contacts"),
)


def said_by(quote: Quote) -> DraftSentence:
    """State what somebody said, as theirs."""
    return as_sentence(quote.source, quote.span.start, quote.span.end)
