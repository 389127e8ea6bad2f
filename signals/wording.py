"""The wording rules as data: what each one looks for, and the exemption tests of the law's guidelines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from domain.signals import Risk, Severity
from signals.rulebook import alternatives, rulebook, section

_RULES = "wording"


@dataclass(frozen=True, slots=True, kw_only=True)
class WordingRule:
    """One rule of `rules/wording.toml`, compiled.

    Attributes:
        domain: Where set, the rule holds only in talk of this field (medical, finance).
        unless_scope: What `unless` looks at: the sentence, the clause, or the match itself.
        is_absolute: The exemptions of the guideline on absolute wording apply.
    """

    id: str
    label: Risk
    severity: Severity
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None
    unless_scope: str
    exemptions: tuple[str, ...]
    domain: str | None
    is_absolute: bool
    questions_are_clean: bool
    message: str
    rewrite: str


ABSOLUTE_EXEMPTIONS = ("scoped_fact", "award", "national_grade", "proper_name", "usage_tip", "self_compare", "own_goal")
"""In the order they are tried; the first that applies is named."""


@lru_cache(maxsize=32)
def wording_rules(rivals: tuple[str, ...]) -> tuple[WordingRule, ...]:
    """Return the rules in order; `rivals` are further names that count as competitors."""
    words = section(_RULES, "words")
    names = "|".join(re.escape(name) for name in sorted(rivals, key=len, reverse=True)) or "(?!)"
    fragments = {"RIVAL": words["rival"].replace("<NAMES>", names), "BAD": words["bad"], "DENIAL": words["denial"]}
    return tuple(_rule(entry, fragments) for entry in rulebook(_RULES)["rule"])


def _rule(entry: Mapping[str, Any], fragments: Mapping[str, str]) -> WordingRule:
    unless = entry.get("unless", ())
    is_absolute = entry.get("absolute", False)
    return WordingRule(
        id=entry["id"],
        label=Risk(entry["label"]),
        severity=Severity(entry["severity"]),
        pattern=_compiled(entry["patterns"], fragments),
        unless=_compiled(unless, fragments) if unless else None,
        unless_scope=entry.get("unless_scope", "sentence"),
        exemptions=ABSOLUTE_EXEMPTIONS if is_absolute else tuple(entry.get("exemptions", ())),
        domain=entry.get("domain"),
        is_absolute=is_absolute,
        questions_are_clean=entry.get("questions_are_clean", False),
        message=entry["message"],
        rewrite=entry["rewrite"],
    )


def _compiled(expressions: Sequence[str], fragments: Mapping[str, str]) -> re.Pattern[str]:
    joined = alternatives(expressions)
    for name, fragment in fragments.items():
        joined = joined.replace(f"<{name}>", fragment)
    return re.compile(joined)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A match in its surroundings: `clause` and `sentence` hold it, `before` and `after` are the clause's rest.

    `nearby` adds the clauses on both sides; `mark` is the character that ends the clause.
    """

    said: str
    before: str
    after: str
    clause: str
    sentence: str
    nearby: str
    mark: str


def exemption_of(rule: WordingRule, place: Place) -> str | None:
    """Return the id of the first exemption that applies to this use, or None."""
    return next((name for name in rule.exemptions if _applies(name, place)), None)


def _applies(name: str, place: Place) -> bool:
    tests = _tests(name)
    where = place.nearby if section(_RULES, f"exempt.{name}").get("wide") else place.clause
    if "unless" in tests and tests["unless"][0].search(where):
        return False
    if "either" in tests and tests["either"][0].search(where):
        return True
    around = f"{place.before[-8:]}{place.said}{place.after[:12]}"
    if any(test.search(around) for test in tests.get("near", [])):
        return True
    if "match" in tests:
        at = place.said.find("最")
        tail = f"{place.said[max(at, 0) :]}{place.after}"
        return tests["match"][0].match(tail) is not None
    if "near" in tests:
        return False
    if "clause" in tests and not tests["clause"][0].search(where):
        return False
    return all(test.search(place.nearby) for test in tests.get("needs", []))


@cache
def _tests(name: str) -> dict[str, list[re.Pattern[str]]]:
    """Compile an exemption; every entry of `needs` must hold, of the others one is enough."""
    entry = section(_RULES, f"exempt.{name}")
    tests = {
        key: [re.compile(alternatives(entry[key]))] for key in ("clause", "unless", "either", "match") if key in entry
    }
    for key in ("needs", "near"):
        if key in entry:
            tests[key] = [re.compile(expression) for expression in entry[key]]
    return tests


def exemption_reason(name: str) -> str:
    """Say in Chinese why a use is exempt."""
    return str(section(_RULES, f"exempt.{name}.reason"))


@cache
def words(name: str) -> re.Pattern[str]:
    """Compile an entry of `[words]`."""
    return re.compile(section(_RULES, f"words.{name}"))
