"""为什么: a decision told from its record alone: input → retrieval → rule or model → claims → checks → people."""

from __future__ import annotations

from collections.abc import Iterator

from agent.columns import column_of, column_words
from domain.messages import text
from domain.suggestions import Decision, ErasedDecision, Suggestion

_SHOWN_PASSAGES = 5


def explain_lines(decision: Decision | ErasedDecision, lang: str = "zh") -> list[str]:
    """Return the explanation as lines for people."""
    if isinstance(decision, ErasedDecision):
        return [text("agent.why_erased", lang, at=f"{decision.erased_at:%Y-%m-%d %H:%M}", receipt=decision.receipt)]
    return [
        *_inputs(decision, lang),
        *_retrieval(decision, lang),
        *_writer(decision, lang),
        *_claims(decision, lang),
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


def _claims(decision: Decision, lang: str) -> Iterator[str]:
    envelope = decision.envelope
    if envelope.abstained:
        yield text("agent.why_abstained", lang, reason=envelope.reason or "")
    for suggestion in envelope.suggestions:
        yield from _suggestion(suggestion)


def _suggestion(suggestion: Suggestion) -> Iterator[str]:
    yield f"【{suggestion.tactic}】{suggestion.why}"
    for claim in suggestion.claims:
        yield f"  “{claim.text}”"
        for citation in claim.citations:
            column = column_words()["case"].get(column_of(citation.source_id), ("",))[0]
            place = f"{citation.title} · {column}" if column else citation.title
            yield f"    ← {citation.source_id} v{citation.version}（{place}）：{citation.quote}"


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
