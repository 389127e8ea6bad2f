"""Drafting under the gate's eye: sentences are judged as they come where somebody listens, and all at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from agent.drafts import DraftSentence, DraftSuggestion, nothing
from agent.engines import Drafted, Hear, Heard, rules_in_use
from agent.finishing import Finished, finish, separator_of
from agent.grounding import Gate, SourceKey
from agent.model_drafts import may_be_said
from agent.model_outlines import is_for_the_customer
from agent.nodes import Parts
from agent.tasks import Task
from domain.sources import Citation, Source
from domain.suggestions import AbstentionReason, Claim, Dropped, DropReason, StreamEvent, VerifiedSentence

log = structlog.get_logger(__name__)

Tell = Callable[[StreamEvent], None]
"""Passes an event on to whoever listens."""
_BY_MODEL = "llm:"


async def draft(task: Task, parts: Parts, refused: AbstentionReason | None, tell: Tell | None = None) -> Drafted:
    """Have the engine draft; a refused request is not drafted at all.

    Args:
        tell: Gets each sentence that stands while the engine writes the next ones.
    """
    if refused is not None:
        return Drafted(draft=nothing(refused), engine="extractive", prompt=rules_in_use(task.request.kind))
    hear: Hear | None = Teller(task=task, parts=parts, tell=tell).hear if tell is not None else None
    return await parts.engine.draft(task, hear=hear)


async def ground(task: Task, drafted: Drafted, parts: Parts) -> tuple[Drafted, Finished]:
    """Hold every sentence against its sources as the store has them now.

    Where nothing stands of what a model wrote, the composer drafts instead: its draft is returned with what is left
    of it, and what was dropped of the model's stays on record.
    """
    finished = await _finished(task, drafted, parts)
    if parts.fallback is None or not drafted.draft.suggestions or _says_something(finished):
        return drafted, finished
    composed = await parts.fallback.draft(task)
    instead = await _finished(task, composed, parts)
    if not _says_something(instead):
        return drafted, finished
    log.warning("model.withheld", engine=drafted.engine, sentences=len(finished.dropped))
    both = replace(instead, dropped=finished.dropped + instead.dropped, checks=finished.checks + instead.checks)
    return replace(composed, notes=(*composed.notes, "withheld"), usage=drafted.usage), both


async def _finished(task: Task, drafted: Drafted, parts: Parts) -> Finished:
    said = (sentence for one in drafted.draft.suggestions for sentence in one.sentences)
    sources = await _sources(task, (citation for sentence in said for citation in sentence.citations), parts)
    return await asyncio.to_thread(_judged, task, drafted, sources, parts)


def _judged(task: Task, drafted: Drafted, sources: Mapping[SourceKey, Source], parts: Parts) -> Finished:
    said = drafted.draft.suggestions
    refused: tuple[Dropped, ...] = ()
    if drafted.engine.startswith(_BY_MODEL):
        said, refused = _without_foreign(task, said, sources)
    intents = [intent.value for intent in task.intents]
    finished = finish(said, sources, _gate(task, parts), kind=task.request.kind, intents=intents)
    return replace(finished, dropped=refused + finished.dropped)


def _without_foreign(
    task: Task, suggestions: Sequence[DraftSuggestion], sources: Mapping[SourceKey, Source]
) -> tuple[tuple[DraftSuggestion, ...], tuple[Dropped, ...]]:
    """Take out of a model's draft what is not for this customer's ears; every suggestion keeps its place."""
    left: list[DraftSuggestion] = []
    refused: list[Dropped] = []
    for one in suggestions:
        kept = tuple(said for said in one.sentences if _is_for_ears(task, one.tactic, said, sources))
        refused += [Dropped(text=said.text, why=DropReason.NO_SUPPORT) for said in one.sentences if said not in kept]
        left.append(replace(one, sentences=kept))
    return tuple(left), tuple(refused)


def _is_for_ears(task: Task, tactic: str, sentence: DraftSentence, sources: Mapping[SourceKey, Source]) -> bool:
    if not is_for_the_customer(task.request.kind, tactic):
        return True
    keys = ((one.source_id, one.version) for one in sentence.citations)
    return may_be_said(sentence, [sources[key] for key in keys if key in sources], task)


def _says_something(finished: Finished) -> bool:
    return any(one.claims for one in finished.suggestions)


@dataclass(slots=True, kw_only=True)
class Teller:
    """Tells of each sentence that passes, at the place where it will stand in its suggestion."""

    task: Task
    parts: Parts
    tell: Tell
    lengths: dict[str, int] = field(default_factory=dict)

    async def hear(self, heard: Heard) -> bool:
        """Judge a sentence against its sources, tell of it if it stands, and say whether it did."""
        sentence = heard.sentence
        sources = await _sources(self.task, sentence.citations, self.parts)
        if not await asyncio.to_thread(self._stands, heard, sources):
            return False
        suggestion_id = f"s{heard.number}"
        length = self.lengths.get(suggestion_id, 0)
        start = length + len(separator_of(self.task.request.kind)) if length else 0
        end = self.lengths[suggestion_id] = start + len(sentence.text)
        claim = Claim(text=sentence.text, start=start, end=end, citations=sentence.citations)
        self.tell(VerifiedSentence(suggestion_id=suggestion_id, tactic=heard.tactic, claim=claim))
        return True

    def _stands(self, heard: Heard, sources: Mapping[SourceKey, Source]) -> bool:
        is_by_model = str(getattr(self.parts.engine, "name", "")).startswith(_BY_MODEL)
        if is_by_model and not _is_for_ears(self.task, heard.tactic, heard.sentence, sources):
            return False
        return _gate(self.task, self.parts).judge(heard.sentence, sources).is_grounded


async def _sources(task: Task, citations: Iterable[Citation], parts: Parts) -> dict[SourceKey, Source]:
    async with parts.store.read(task.request.tenant) as work:
        return await work.sources.cited(citations)


def _gate(task: Task, parts: Parts) -> Gate:
    return Gate(parts.scorer, lexicon=(*task.request.lexicon, *task.shelf.lexicon))
