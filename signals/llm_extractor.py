"""Intents and rep acts as a language model reads them: it may add to what the heads found or overrule it.

What customers and reps say goes out masked and quoted, under a registered prompt. Of the answer only this is taken: a
label of the taxonomy, for a turn that was shown, with words that stand in that turn. Everything else is dropped; where
the model fails, what the other detectors found stands alone.

The one detector that is not pure: the same conversation may be read differently another time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.conversation import CUSTOMER, REP, Turn
from domain.errors import ModelError
from domain.signals import Intent, RepAct, Signal, SignalKind
from language.pii import mask
from prompts.registry import Prompt, PromptRegistry, RenderedPrompt, registry, render
from signals.opinions import SECOND
from signals.pipeline import CONTEXT_TURNS, Reading, observe

log = structlog.get_logger(__name__)

SCORE = 0.8
"""Of everything the model says: not calibrated, for no model is shipped that it could be measured with."""
_TURNS_AT_ONCE = 24
_MOST_PER_TURN = 4
_PROMPT = "extract"
_KINDS: Mapping[str, tuple[SignalKind, frozenset[str]]] = {
    CUSTOMER: (SignalKind.INTENT, frozenset(map(str, Intent))),
    REP: (SignalKind.REP_ACT, frozenset(map(str, RepAct))),
}


class Chat(Protocol):
    """A language model that answers one prompt at a time."""

    @property
    def model(self) -> str:
        """Name of the model, for the record."""
        ...

    def ask(self, prompt: RenderedPrompt, *, schema: Mapping[str, Any], timeout_s: float) -> str:
        """Return what the model says, asked for JSON of a schema; it may be anything.

        Raises:
            ModelError: It failed, refused or took longer than `timeout_s`.
        """
        ...


class Finding(BaseModel):
    """One label that the model gives a turn, with the words that carry it."""

    model_config = ConfigDict(extra="ignore")

    turn: str = Field(max_length=80)
    label: str = Field(max_length=20)
    quote: str = Field(min_length=1, max_length=400)


class Findings(BaseModel):
    """The whole answer."""

    findings: list[Finding]


class LlmExtractor:
    """Asks a model for the labels of a conversation, a stretch of turns at a time.

    Args:
        chat: The model.
        budget_s: Longest time for one conversation; what was not read by then is left to the other detectors.
        prompts: The registered prompts.
        clock: Seconds that only go forward.
    """

    name = SECOND

    def __init__(
        self,
        chat: Chat,
        *,
        budget_s: float,
        prompts: PromptRegistry | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._chat = chat
        self._budget_s = budget_s
        self._prompt = (prompts or registry()).find(_PROMPT)
        self._clock = clock

    @property
    def version(self) -> str:
        """The prompt's version and the model."""
        return f"{self._prompt.version}+{self._chat.model}"

    def detect(self, reading: Reading) -> Iterable[Signal]:
        """Yield what the model says and the turns bear out; nothing more once it has failed or time is up."""
        ends_at = self._clock() + self._budget_s
        for start in range(0, len(reading.turns), _TURNS_AT_ONCE):
            left_s = ends_at - self._clock()
            if left_s <= 0:
                log.warning("extraction.stopped", why="budget", read_turns=start)
                return
            turns = reading.turns[start : start + _TURNS_AT_ONCE]
            try:
                said = self._asked(reading.turns[max(0, start - CONTEXT_TURNS) : start], turns, left_s)
            except ModelError as error:
                log.warning("extraction.stopped", why=error.code, read_turns=start)
                return
            yield from self._signals(turns, said)

    def _asked(self, before: Sequence[Turn], turns: Sequence[Turn], left_s: float) -> str:
        values = {"before": [_shown(turn) for turn in before], "turns": [_shown(turn) for turn in turns]}
        return self._chat.ask(render(self._prompt, values), schema=findings_schema(), timeout_s=left_s)

    def _signals(self, turns: Sequence[Turn], said: str) -> Iterator[Signal]:
        by_id = {turn.id: turn for turn in turns}
        taken: dict[str, set[str]] = {}
        for finding in read_findings(said):
            turn = by_id.get(finding.turn)
            labels = taken.setdefault(finding.turn, set())
            if turn is None or finding.label in labels or len(labels) == _MOST_PER_TURN:
                continue
            signal = self._signal(turn, finding)
            if signal is not None:
                labels.add(finding.label)
                yield signal

    def _signal(self, turn: Turn, finding: Finding) -> Signal | None:
        """The finding as a signal; None where its label is not the speaker's or its words are not the turn's."""
        kind, labels = _KINDS.get(turn.speaker, (SignalKind.INTENT, frozenset[str]()))
        quote = finding.quote.strip()
        start = mask(turn.text).find(quote) if quote else -1  # masking keeps offsets
        if finding.label not in labels or start < 0:
            return None
        return observe(
            self,
            turn,
            kind=kind,
            label=finding.label,
            score=SCORE,
            start=start,
            end=start + len(quote),
            attributes=_provenance(self._prompt, self._chat.model),
        )


def findings_schema() -> dict[str, Any]:
    """Return the JSON schema that the model is held to; only labels of the taxonomy are words of it."""
    schema = Findings.model_json_schema()
    labels = sorted(set(map(str, Intent)) | set(map(str, RepAct)))
    schema["$defs"]["Finding"]["properties"]["label"] = {"type": "string", "enum": labels}
    return schema


def read_findings(said: str) -> list[Finding]:
    """Read the findings of an answer one by one, so that fences, chatter and a cut end cost only what they touch."""
    decoder, found = json.JSONDecoder(), []
    at = said.find("[")
    while at >= 0 and (at := said.find("{", at)) >= 0:
        try:
            value, at = decoder.raw_decode(said, at)
            found.append(Finding.model_validate(value))
        except RecursionError:
            return found
        except ValidationError:
            continue
        except ValueError:
            at += 1
    return found


def _shown(turn: Turn) -> dict[str, str]:
    return {"id": turn.id, "speaker": turn.speaker, "text": mask(turn.text)}


def _provenance(prompt: Prompt, model: str) -> dict[str, object]:
    return {"model": model, "prompt": f"{prompt.name} {prompt.version}", "prompt_sha256": prompt.sha256}
