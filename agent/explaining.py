"""为什么: a decision told from its record alone: input → retrieval → rule or model → claims → checks → people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.columns import column_of, column_words
from domain.messages import text
from domain.sources import SourceStatus
from domain.suggestions import Decision, ErasedDecision, Suggestion
from store.work import Work

_SHOWN_PASSAGES = 5
_ERASED = "█"
_TOMBSTONES = {
    SourceStatus.SUPERSEDED: "agent.why_superseded",
    SourceStatus.RETIRED: "agent.why_retired",
    SourceStatus.ERASED: "agent.why_source_erased",
}
Statuses = Mapping[tuple[str, int], SourceStatus]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """A source that a decision cites and that no longer stands; later suggestions do not use it."""

    source_id: str
    version: int
    status: SourceStatus


async def explained(
    work: Work, decision: Decision | ErasedDecision, lang: str = "zh", *, number: int | None = None
) -> list[str]:
    """Return the explanation as lines for people, with what became of its sources since."""
    return explain_lines(decision, lang, tombstones=await tombstones_of(work, decision), number=number)


async def tombstones_of(work: Work, decision: Decision | ErasedDecision) -> list[Tombstone]:
    """Return the cited sources that were replaced, withdrawn or erased since, each once."""
    if isinstance(decision, ErasedDecision):
        return []
    cited = [one for said in decision.envelope.suggestions for claim in said.claims for one in claim.citations]
    sources = await work.sources.cited(cited)
    found = {}
    for key in dict.fromkeys((one.source_id, one.version) for one in cited):
        status = sources[key].status if key in sources else SourceStatus.ERASED
        if status is not SourceStatus.LIVE:
            found[key] = Tombstone(source_id=key[0], version=key[1], status=status)
    return list(found.values())


def explain_lines(
    decision: Decision | ErasedDecision,
    lang: str = "zh",
    *,
    tombstones: Sequence[Tombstone] = (),
    number: int | None = None,
) -> list[str]:
    """Return the explanation as lines for people; the words of an erased source are not shown.

    Args:
        number: One suggestion's sentences and sources alone, counted from 1.
    """
    if isinstance(decision, ErasedDecision):
        return [text("agent.why_erased", lang, at=f"{decision.erased_at:%Y-%m-%d %H:%M}", receipt=decision.receipt)]
    status = {(one.source_id, one.version): one.status for one in tombstones}
    if number is not None and 0 < number <= len(decision.envelope.suggestions):
        one = replace(decision.envelope, suggestions=decision.envelope.suggestions[number - 1 : number])
        return list(_claims(replace(decision, envelope=one), status, lang))
    return [
        *_inputs(decision, lang),
        *_retrieval(decision, lang),
        *_writer(decision, lang),
        *_claims(decision, status, lang),
        *_checks(decision, lang),
        *_people(decision, lang),
    ]


def _inputs(decision: Decision, lang: str) -> Iterator[str]:
    yield text("agent.why_inputs", lang, count=len(decision.inputs))
    for name in ("stage", "intents", "emotions", "competitors"):
        value = decision.context.get(name)
        if value:
            shown = "、".join(str(item) for item in value) if isinstance(value, list) else str(value)
            yield text(f"agent.why_{name}", lang, value=shown)


def _retrieval(decision: Decision, lang: str) -> Iterator[str]:
    used = sum(line.used for line in decision.retrieval)
    yield text("agent.why_retrieval", lang, found=len(decision.retrieval), used=used)
    for line in decision.retrieval[:_SHOWN_PASSAGES]:
        mark = "✓" if line.used else "·"
        dense = "—" if line.dense is None else f"{line.dense:.2f}"
        lexical = "—" if line.lexical is None else f"{line.lexical:.1f}"
        yield f"  {mark} {line.fused_rank}. {line.source_id}  dense {dense}  lexical {lexical}"


def _writer(decision: Decision, lang: str) -> Iterator[str]:
    yield text(
        "agent.why_writer", lang, engine=decision.engine, prompt=decision.prompt.name, version=decision.prompt.version
    )


def _claims(decision: Decision, gone: Statuses, lang: str) -> Iterator[str]:
    envelope = decision.envelope
    if envelope.abstained:
        yield text("agent.why_abstained", lang, reason=envelope.reason or "")
    for suggestion in envelope.suggestions:
        yield from _suggestion(suggestion, gone, lang)


def _suggestion(suggestion: Suggestion, gone: Statuses, lang: str) -> Iterator[str]:
    yield f"【{suggestion.tactic}】{suggestion.why}"
    for claim in suggestion.claims:
        statuses = [gone.get((one.source_id, one.version)) for one in claim.citations]
        yield f"  “{claim.text if SourceStatus.ERASED not in statuses else _ERASED}”"
        for citation, status in zip(claim.citations, statuses, strict=True):
            column = column_words()["case"].get(column_of(citation.source_id), ("",))[0]
            place = f"{citation.title} · {column}" if column else citation.title
            quote = _ERASED if status is SourceStatus.ERASED else citation.quote
            yield f"    ← {citation.source_id} v{citation.version}（{place}）：{quote}"
            if status is not None:
                yield "      † " + text(_TOMBSTONES[status], lang)


def _checks(decision: Decision, lang: str) -> Iterator[str]:
    passed = sum(check.passed for check in decision.checks)
    yield text(
        "agent.why_checks", lang, passed=passed, count=len(decision.checks), dropped=len(decision.envelope.dropped)
    )


def _people(decision: Decision, lang: str) -> Iterator[str]:
    if not decision.feedback:
        yield text("agent.why_no_feedback", lang)
    for one in decision.feedback:
        yield text("agent.why_feedback", lang, by=one.by, action=one.action.value, at=f"{one.at:%Y-%m-%d %H:%M}")
    if decision.chain is not None:
        yield text("agent.why_chain", lang, index=decision.chain.index, hash=decision.chain.hash)
