"""Buying roles: who at the customer decides, pays, buys, judges the technology, uses it, or has a say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from domain.conversation import REP, Turn
from domain.signals import BuyingRole, Signal, SignalKind
from language.sentences import Span
from language.spoken import spoken_clauses
from signals.pipeline import Reading, observe
from signals.rulebook import rulebook, section

_RULES = "buying_roles"
_OF_CUSTOMER = re.compile(r"您|你们?|贵|除了|还(?:需要|要)|需要|哪些人|谁")
_OWN = re.compile(r"(?:我们|咱们|我司|我这边|我)(?:公司|这边)?(?:的|那边的)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleMention:
    """A person or body in a buying role, named at `[start, end)` of a turn; `is_self`: the speaker's own role."""

    start: int
    end: int
    role: BuyingRole
    is_self: bool


class BuyingRoleDetector:
    """Finds buying roles by title and by what is said of them (X拍板, 合同得X看过)."""

    name = "buying_roles"
    version = "1.0"

    def detect(self, reading: Reading) -> Iterator[Signal]:
        """Yield one signal a role named; `person` is the words, `self` whether the speaker means themselves."""
        for turn in reading.turns:
            for mention in roles_in(turn):
                yield observe(
                    self,
                    turn,
                    kind=SignalKind.BUYING_ROLE,
                    label=mention.role,
                    score=0.85,
                    start=mention.start,
                    end=mention.end,
                    attributes={"person": turn.text[mention.start : mention.end], "self": mention.is_self},
                )


def roles_in(turn: Turn) -> list[RoleMention]:
    """Return the roles a turn names, in order, without overlap; a decision outranks a title's own role."""
    found: list[RoleMention] = []
    for clause in spoken_clauses(turn.text):
        found += _deciders(turn, clause)
    for clause in spoken_clauses(turn.text):
        found += [one for one in _titled(turn, clause) if not _overlaps(one, found)]
    return _joined(turn.text, sorted(found, key=lambda mention: mention.start))


def _joined(text: str, found: list[RoleMention]) -> list[RoleMention]:
    """车间主任和班组长 in one role are one mention."""
    joined: list[RoleMention] = []
    for mention in found:
        last = joined[-1] if joined else None
        if last and last.role is mention.role and text[last.end : mention.start] in ("和", "与", "跟", "及"):
            joined[-1] = replace(last, end=mention.end)
        else:
            joined.append(mention)
    return joined


def _overlaps(one: RoleMention, others: list[RoleMention]) -> bool:
    return any(one.start < other.end and other.start < one.end for other in others)


def _deciders(turn: Turn, clause: Span) -> Iterator[RoleMention]:
    if turn.speaker == REP and not _OF_CUSTOMER.search(clause.text):
        return
    if _rule("decision.not_self").search(clause.text):
        return
    myself = _rule("decision.self").search(clause.text)
    if myself and turn.speaker != REP:
        start = clause.start + myself.start()
        yield RoleMention(start=start, end=start + 1, role=BuyingRole.DECIDER, is_self=True)
        return
    for match in _deciding().finditer(clause.text):
        group = next(name for name in ("acts", "headed", "last") if match[name])
        left, right = match.span(group)
        yield RoleMention(start=clause.start + left, end=clause.start + right, role=BuyingRole.DECIDER, is_self=False)


@cache
def _deciding() -> re.Pattern[str]:
    """总经理定, 拍板的是总经理, and 最后是分管副院长 at the end of a clause."""
    title, verbs = section(_RULES, "decision.title"), section(_RULES, "decision.verbs")
    heads, final = section(_RULES, "decision.heads"), section(_RULES, "decision.final")
    return re.compile(
        f"(?P<acts>{title})(?:也)?{verbs}|{heads}(?P<headed>{title})|(?:{final})(?P<last>{title})(?=$|那里|那边|那儿)"
    )


def _titled(turn: Turn, clause: Span) -> Iterator[RoleMention]:
    for label, noun, not_after, context in _titles():
        for match in noun.finditer(clause.text):
            before, after = clause.text[: match.start()], clause.text[match.end() :]
            if not match.group() or not_after.match(after) or not context.search(_around(turn, clause, match)):
                continue
            if turn.speaker == REP and (_OWN.search(before) or not _OF_CUSTOMER.search(clause.text)):
                continue
            yield RoleMention(
                start=clause.start + match.start(),
                end=clause.start + match.end(),
                role=label,
                is_self=re.search(r"我(?:就)?(?:是|在|负责)(?:做)?$", before) is not None,
            )


def _around(turn: Turn, clause: Span, match: re.Match[str]) -> str:
    """The clause without the noun, and what follows up to the next 16 characters."""
    following = turn.text[clause.end : clause.end + 16]
    return f"{clause.text[: match.start()]} {clause.text[match.end() :]}{following} {match.group()[2:]}"


@cache
def _titles() -> tuple[tuple[BuyingRole, re.Pattern[str], re.Pattern[str], re.Pattern[str]], ...]:
    return tuple(
        (
            BuyingRole(entry["label"]),
            re.compile(entry["noun"]),
            re.compile(entry["not_after"]),
            re.compile(entry["context"]),
        )
        for entry in rulebook(_RULES)["role"]
    )


@cache
def _rule(path: str) -> re.Pattern[str]:
    return re.compile(section(_RULES, path))
