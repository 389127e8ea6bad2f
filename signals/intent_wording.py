"""How a customer's turn is worded, intent by intent: signs, and clauses that name a topic without meaning it.

The patterns are data (`rules/intents.toml`). What each is worth is learned in `signals.train_intents`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from domain.signals import Intent
from language.sentences import Span
from language.spoken import spoken_clauses
from signals.heads import Utterance
from signals.rulebook import alternatives, rulebook, section

LABELS = tuple(Intent)
"""In the order of the score columns; 其他 is scored too, and asserted where nothing else is."""
_RULES = "intents"
_BLANK = "＿"
_MOST_SIGNS = 5
WORDING = _MOST_SIGNS + 6
"""How many numbers describe the wording of a turn for one intent."""
KINDS = ("done", "denied", "others", "praised", "asked", "wanted", "supposed")
"""How a clause may speak of a topic without wanting anything of it, and what tells that it does want something."""
SHAPE = 6 + 3 * len(KINDS) + 2
"""How many numbers describe a turn's shape."""
_TOLD = ("done", "denied", "others", "praised")
_TYPICAL_LOG_LENGTH = 2.7
_SHORT = 6


@dataclass(frozen=True, slots=True)
class IntentRule:
    """The compiled patterns of one intent."""

    signs: tuple[re.Pattern[str], ...]
    exempt: re.Pattern[str] | None
    denied: re.Pattern[str] | None


@dataclass(frozen=True, slots=True)
class AnswerRule:
    """What a short turn means after a question."""

    question: re.Pattern[str]
    answer: re.Pattern[str]
    intent: Intent


@dataclass(frozen=True, slots=True)
class IntentWording:
    """One turn, looked at for all intents.

    Attributes:
        clauses: The turn's clauses.
        exempt: bool (clauses, L): the clause names the topic without the intent.
        features: float32 (WORDING, L).
    """

    clauses: tuple[Span, ...]
    exempt: NDArray[np.bool_]
    features: NDArray[np.float32]


@cache
def intent_rules() -> tuple[IntentRule, ...]:
    """Return the patterns of every label, compiled once; 其他 has none."""
    return tuple(_rule(intent) for intent in LABELS)


@cache
def answer_rules() -> tuple[AnswerRule, ...]:
    """Return what short turns mean after which questions."""
    return tuple(
        AnswerRule(re.compile(entry["question"]), re.compile(entry["answer"]), Intent(entry["intent"]))
        for entry in section(_RULES, "answer.rule")
    )


def clauses_of(text: str) -> tuple[Span, ...]:
    """Return the clauses of a turn; a turn without any is one clause."""
    return spoken_clauses(text) or (Span(start=0, end=len(text), text=text),)


def read_wording(said: Utterance) -> IntentWording:
    """Look at a turn for every intent."""
    clauses = clauses_of(said.text)
    answered = answers(said)
    columns, exempt = [], []
    for intent, rule in zip(LABELS, intent_rules(), strict=True):
        out = [_is_exempt(rule, clause.text) for clause in clauses]
        exempt.append(out)
        columns.append(_features(rule, said.text, clauses, out, intent in answered))
    return IntentWording(clauses, np.array(exempt).T, np.array(columns, np.float32).T)


def answers(said: Utterance) -> frozenset[Intent]:
    """Return what a short turn says as the answer to the last thing the other side asked."""
    if not said.before or len(said.text) > section(_RULES, "answer.longest"):
        return frozenset()
    asked = said.before[-1]
    if asked.speaker == said.speaker:
        return frozenset()
    return frozenset(
        rule.intent for rule in answer_rules() if rule.question.search(asked.text) and rule.answer.search(said.text)
    )


def signs_in(clause: str, place: int) -> int:
    """Return how many signs of the label at `place` a clause has; none where it is exempt."""
    rule = intent_rules()[place]
    return 0 if _is_exempt(rule, clause) else sum(sign.search(clause) is not None for sign in rule.signs)


def shape_of(said: Utterance, clauses: Sequence[Span]) -> NDArray[np.float32]:
    """Return float32 (SHAPE,): length, marks, context; by kind whether any, all, the last clause is; idle."""
    text = said.text
    shape = [
        np.log(max(len(text), 1)) - _TYPICAL_LOG_LENGTH,
        float("？" in text or "?" in text),
        float("！" in text or "!" in text),
        float(bool(said.before)),
        float(bool(said.before) and len(text) <= _SHORT),
        float(len(text) <= _SHORT),
    ]
    seen = {
        kind: [pattern.search(clause.text) is not None for clause in clauses]
        for kind, pattern in zip(KINDS, _kinds(), strict=True)
    }
    for told in seen.values():
        shape += [float(any(told)), float(all(told)), float(told[-1])]
    told = [any(seen[kind][place] for kind in _TOLD) for place in range(len(clauses))]
    calls = any(seen["asked"]) or any(seen["wanted"])
    return np.array([*shape, float(all(told)), float(all(told) and not calls)], np.float32)


def _rule(intent: Intent) -> IntentRule:
    if intent is Intent.OTHER:
        return IntentRule((), None, None)
    entry = rulebook(_RULES)[intent]
    topics = [topic["words"] for topic in section(_RULES, "denial.topic") if intent in topic["intents"]]
    forms = [form.replace("<TOPIC>", f"(?:{topic})") for topic in topics for form in section(_RULES, "denial.forms")]
    return IntentRule(
        tuple(re.compile(sign) for sign in entry["signs"]),
        re.compile(alternatives(entry["exempt"])) if entry["exempt"] else None,
        re.compile(alternatives(forms)) if forms else None,
    )


@cache
def _kinds() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(alternatives(section(_RULES, f"told.{kind}"))) for kind in KINDS)


def _is_exempt(rule: IntentRule, clause: str) -> bool:
    return any(pattern is not None and pattern.search(clause) is not None for pattern in (rule.exempt, rule.denied))


def _features(
    rule: IntentRule, text: str, clauses: Sequence[Span], exempt: Sequence[bool], answered: bool
) -> list[float]:
    said = text
    for clause, out in zip(clauses, exempt, strict=True):
        if out:
            said = said[: clause.start] + _BLANK * (clause.end - clause.start) + said[clause.end :]
    signs = [float(sign.search(said) is not None) for sign in rule.signs]
    named = any(sign.search(text) for sign in rule.signs) if said != text else False
    total = sum(signs)
    padded = [*signs, *[0.0] * (_MOST_SIGNS - len(signs))]
    tail = [float(any(exempt)), float(all(exempt)), float(named and not total), float(total >= 1), float(total >= 2)]
    return [*padded, *tail, float(answered)]
