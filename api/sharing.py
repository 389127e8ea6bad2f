"""What was granted to a colleague comes to them without personal data: the words, and all that quotes them.

Hidden characters are ＊, one for one, so that offsets hold: a claim still is its words, a quote still is its turn's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from functools import singledispatchmethod
from typing import Any, TypeVar

from api.callers import Caller
from api.rights import only_granted
from coaching.documents import read_report, report_document
from coaching.page import render_html
from domain.conversation import Transcript, Turn
from domain.signals import Analysis, Moment, Signal
from domain.suggestions import Aigc, ChainLink, Decision, ErasedDecision, PromptUse, Suggestion
from language.pii import mask
from store.signals import StoredReport
from store.work import Work

Value = TypeVar("Value")

_NAMES = {"id", "engine", "extractor", "version", "content_hash", "inputs", "unit", "rubric_version", "models"}
"""Fields that name things and hold nobody's words; so do all that end in `_id`."""


async def shown_transcript(work: Work, caller: Caller, transcript: Transcript) -> Transcript:
    """Return a conversation as this caller sees it."""
    return without_personal_data(transcript) if await only_granted(work, caller, transcript.rep_id) else transcript


async def shown_analysis(work: Work, caller: Caller, analysis: Analysis) -> Analysis:
    """Return what was noticed in a conversation as this caller sees it."""
    transcript = await work.conversations.get(analysis.conversation_id)
    if transcript is None or not await only_granted(work, caller, transcript.rep_id):
        return analysis
    return without_personal_data(analysis, said=transcript)


def shared_report(stored: StoredReport) -> StoredReport:
    """Return a report as a colleague sees it to whom it was granted."""
    report = read_report(stored.document)
    shown = without_personal_data(report, said=report.transcript)
    return replace(stored, document=report_document(shown), html=render_html(shown))


async def shown_decision(work: Work, caller: Caller, decision: Decision | ErasedDecision) -> Decision | ErasedDecision:
    """Return a decision as this caller sees it; nobody's is everybody's."""
    rep_id = await work.decisions.rep_of(decision.decision_id)
    shared = rep_id is not None and await only_granted(work, caller, rep_id)
    return without_personal_data(decision) if shared else decision


def without_personal_data(value: Value, *, said: Transcript | None = None) -> Value:
    """Return a value with the personal data in its words hidden.

    Args:
        value: A dataclass, or plain values.
        said: The conversation that it quotes: what is a number in a turn is hidden in a part of it too.
    """
    shared: Value = _Shared(turns={turn.id: turn.text for turn in said.turns} if said else {}).of(value)
    return shared


@dataclass(frozen=True, slots=True)
class _Shared:
    """Values without personal data; `turns` are the words, by turn, that they may quote."""

    turns: Mapping[str, str] = field(default_factory=dict)

    @singledispatchmethod
    def of(self, value: Any) -> Any:
        """Return a value with the personal data in its words hidden."""
        if isinstance(value, Mapping):
            return {name: each if _is_name(str(name)) else self.of(each) for name, each in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self.of(each) for each in value)
        return self._fields(value) if is_dataclass(value) and not isinstance(value, type) else value

    @of.register
    def _(self, value: str) -> str:
        return value if isinstance(value, Enum) else mask(value)

    @of.register
    def _(self, value: Aigc | ChainLink | PromptUse) -> Any:
        return value

    @of.register
    def _(self, value: Turn) -> Turn:
        """Its other versions and single words are left out, a number may hide between them."""
        return replace(value, text=mask(value.text), original_text=None, normalized_text=None, words=())

    @of.register
    def _(self, value: Signal) -> Signal:
        quote = self._part(value.turn_id, value.quote, at=value.start)
        return replace(value, quote=quote, attributes=self.of(value.attributes))

    @of.register
    def _(self, value: Moment) -> Moment:
        at = self.turns.get(value.turn_id, "").find(value.quote)
        return replace(value, quote=self._part(value.turn_id, value.quote, at=at))

    @of.register
    def _(self, value: Suggestion) -> Suggestion:
        what = mask(value.what)
        claims = tuple(
            replace(claim, text=what[claim.start : claim.end], citations=self.of(claim.citations))
            for claim in value.claims
        )
        return replace(value, what=what, why=mask(value.why), next=mask(value.next), claims=claims)

    def _part(self, turn_id: str, quote: str, *, at: int) -> str:
        """A part of a turn, cut from the turn as it is shown."""
        whole = self.turns.get(turn_id, "")
        return mask(whole)[at : at + len(quote)] if whole[at : at + len(quote)] == quote and at >= 0 else mask(quote)

    def _fields(self, value: Any) -> Any:
        given = {each.name: getattr(value, each.name) for each in fields(value) if each.init}
        return replace(value, **{name: self.of(each) for name, each in given.items() if not _is_name(name)})


def _is_name(name: str) -> bool:
    return name in _NAMES or name.endswith("_id")
