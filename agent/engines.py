"""Engines turn a task into a draft; all of them pass the same gate. The default needs no model."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Protocol

from agent.answers import AskEvidence, answer
from agent.briefs import draft_brief
from agent.drafts import Draft, DraftSentence
from agent.outlines import draft_first_call, draft_follow_up, draft_summary
from agent.practice import draft_practice, risks_of
from agent.replies import draft_replies
from agent.tasks import Task
from agent.tips import draft_tips
from agent.vectors import Vectors
from domain.suggestions import PromptUse, SuggestionKind

RULES_VERSION = "2026.11.2"
"""Version of the composer's rules; grows with any change of what it may say."""
_RULE_FILES = (
    "answer_frames.toml",
    "applicability.toml",
    "closing_questions.toml",
    "columns.toml",
    "compliance.toml",
    "outlines.toml",
    "phrases.toml",
    "polarity.toml",
    "question_words.toml",
    "requests.toml",
    "support.json",
    "tactics.toml",
    "talk.toml",
    "templates.toml",
    "wording.toml",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """A draft with what wrote it.

    Attributes:
        notes: Names of notes that the envelope carries (a fallback).
        usage: Tokens in and out, where a model wrote.
    """

    draft: Draft
    engine: str
    prompt: PromptUse
    notes: tuple[str, ...] = ()
    usage: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A sentence as soon as it is drafted; `number` is its suggestion's place in the draft, from 1."""

    number: int
    tactic: str
    sentence: DraftSentence


Hear = Callable[[Heard], Awaitable[bool]]
"""Takes a sentence while the next ones are being written, and says whether it left the house."""


class Engine(Protocol):
    """Writes drafts. It raises only `ModelError`; a bad draft is the gate's matter."""

    async def draft(self, task: Task, *, hear: Hear | None = None) -> Drafted:
        """Return a draft for the task.

        Args:
            hear: Told of sentences while later ones are being written. An engine that drafts all at once need not.
        """
        ...


class ExtractiveEngine:
    """Selects, orders and joins published sentences; deterministic, needs no model but the encoder.

    Args:
        vectors: Meaning; without it only words count.
    """

    def __init__(self, vectors: Vectors | None) -> None:
        self._vectors = vectors

    async def draft(self, task: Task, *, hear: Hear | None = None) -> Drafted:
        """Return the composed draft, which comes all at once; computing runs beside the event loop."""
        draft = await asyncio.to_thread(self.compose, task)
        return Drafted(draft=draft, engine="extractive", prompt=rules_in_use(task.request.kind))

    def compose(self, task: Task) -> Draft:
        """Compose by the kind of the request."""
        match task.request.kind:
            case SuggestionKind.ASK:
                return answer(
                    task.request.text, AskEvidence(shelf=task.shelf, hits=task.hits, here=task.here), self._vectors
                )
            case SuggestionKind.REPLY:
                return draft_replies(task, self._vectors)
            case SuggestionKind.BRIEF:
                return draft_brief(task, self._vectors)
            case SuggestionKind.TIPS:
                return draft_tips(task, self._vectors)
            case SuggestionKind.PRACTICE:
                return draft_practice(task, self._vectors)
            case SuggestionKind.FIRST_CALL:
                return draft_first_call(task, risks_of(task))
            case SuggestionKind.FOLLOW_UP:
                return draft_follow_up(task, self._vectors)
            case SuggestionKind.SUMMARY:
                return draft_summary(task)


def rules_in_use(kind: SuggestionKind) -> PromptUse:
    """Name the rule set that a composed draft came from."""
    return PromptUse(name=f"composer.{kind.value}", version=RULES_VERSION, sha256=_rules_hash())


@cache
def _rules_hash() -> str:
    digest = hashlib.sha256()
    for name in _RULE_FILES:
        digest.update(name.encode() + b"\0" + (files("agent") / name).read_bytes() + b"\0")
    return digest.hexdigest()
