"""What is prepared for a talk, or kept of it: first-call outline, follow-up plan, summary for the CRM."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files

from agent.brief_quotes import blockers_of, promises_of
from agent.briefs import background, open_questions, said_by, strategies, told_facts
from agent.case_answers import distinct
from agent.drafts import Draft, DraftSentence, DraftSuggestion, nothing
from agent.frames import as_sentence
from agent.screening import gives_orders
from agent.shelf import CaseFile
from agent.talk import Line, effect_lines, talk_lines
from agent.tasks import Task
from agent.vectors import Vectors
from domain.cases import Outcome
from domain.conversation import CUSTOMER
from domain.sources import cite
from domain.suggestions import AbstentionReason
from language.sentences import sentences

_MOST_CASES = 3
_MOST_QUOTES = 5


def draft_first_call(task: Task, risks: Sequence[DraftSentence]) -> Draft:
    """Outline a first call: who they are, how to open, what they may ask, what won others, what lost them."""
    won = _won(task)
    if not won and not task.fields:
        return nothing(AbstentionReason.AMBIGUOUS if not task.request.text else AbstentionReason.NO_EVIDENCE)
    opening = [line for case in won for line in effect_lines(case, industry=task.industry, lexicon=task.shelf.lexicon)]
    lines = [line for case in won for line in talk_lines(case, task)[:1]]
    return _outline(
        section("facts", background(task), reason="brief.account", step="brief.account"),
        section("opening", _worded(opening[:1]), reason="reply", step="reply"),
        section("questions", [one for case in won if (one := _asked(case)) is not None], step="first_call"),
        section("lines", _worded(lines), reason="reply", step="reply"),
        section("risks", risks, reason="risks", step="practice"),
        missing=open_questions(task),
    )


def draft_follow_up(task: Task, vectors: Vectors | None) -> Draft:
    """Plan what is next: what each side agreed to do, what still blocks, and what moved similar deals."""
    if not task.talks:
        return nothing(AbstentionReason.AMBIGUOUS)
    blockers = blockers_of(task)
    return _outline(
        section("ours", map(said_by, promises_of(task)), step="follow_up"),
        section("theirs", map(said_by, promises_of(task, by=(CUSTOMER,))), step="follow_up"),
        section("open", map(said_by, blockers[:_MOST_CASES]), step="brief.blocker"),
        section("moves", strategies(task, blockers, vectors), reason="brief.cases", step="brief.strategy"),
        missing=open_questions(task),
    )


def draft_summary(task: Task) -> Draft:
    """Sum a talk up for the CRM in what was said, each sentence attributed to who said it; nothing is inferred."""
    if not task.talks:
        return nothing(AbstentionReason.AMBIGUOUS)
    blockers = blockers_of(task)
    return _outline(
        section("facts", told_facts(task, blockers), step="summary"),
        section("needs", map(said_by, blockers[:_MOST_QUOTES]), step="summary"),
        section("our_promises", map(said_by, promises_of(task)), step="summary"),
        section("their_promises", map(said_by, promises_of(task, by=(CUSTOMER,))), step="summary"),
    )


def section(name: str, said: Iterable[DraftSentence], *, reason: str = "brief.talk", step: str) -> DraftSuggestion:
    """Return a section under its name, each sentence once."""
    sentences_ = tuple(distinct(list(said))[:_MOST_QUOTES])
    title = outline_words()["sections"][name]
    return DraftSuggestion(tactic=title, sentences=sentences_, confidence=0.9, reason=reason, step=step)


@cache
def outline_words() -> Mapping[str, Mapping[str, str]]:
    """Load the section names once."""
    return tomllib.loads((files("agent") / "outlines.toml").read_text(encoding="utf-8"))


def _outline(*sections: DraftSuggestion, missing: tuple[str, ...] = ()) -> Draft:
    """Return the sections that say something."""
    kept = tuple(one for one in sections if one.sentences)
    return Draft(suggestions=kept, missing=missing) if kept else nothing(AbstentionReason.NO_EVIDENCE, missing=missing)


def _won(task: Task) -> list[CaseFile]:
    found = (task.shelf.cases.get(hit.case_id) for hit in task.hits)
    return [case for case in found if case is not None and case.outcome is Outcome.WON][:_MOST_CASES]


def _worded(lines: Sequence[Line]) -> list[DraftSentence]:
    return [DraftSentence(text=line.text, citations=line.citations) for line in lines]


def _asked(case: CaseFile) -> DraftSentence | None:
    source = case.columns.get("customer_question")
    span = next((one for one in sentences(source.text) if not gives_orders(one.text)), None) if source else None
    if source is None or span is None:
        return None
    title = case.columns["title"]
    said = as_sentence(source, span.start, span.end, lead=outline_words()["leads"]["asked"].format(title=title.text))
    return DraftSentence(text=said.text, citations=(cite(title, 0, len(title.text)), *said.citations))
