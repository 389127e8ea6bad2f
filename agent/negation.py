"""What a text denies: the content words behind 不, 没有, 无法, or before 都没有."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from language.quantity_units import any_of
from language.tagging import tagged

_SCOPE = 2
"""Content words after a negation that it denies."""
_ENDS = re.compile(r"[，,。；;！？!?、：]|的|也|就|都|才|再|还|而|但")
_LEADING = re.compile(r"^(?:再|还|过|能|会|可以|要|曾|有)+")
_COMPLEMENT = re.compile(r"[一-鿿]不(?=[到了通上下起完清好动住及开出来去着得懂见成过明])")
"""达不到, 接不通: the verb itself is denied, nothing behind it."""
_ASPECT = re.compile(r"(?<=[一-鿿])(?<![不除经通超错])[了过着](?=[一-鿿])")
_BARE_VERB = re.compile(
    r"(?:再|会|能|想|需要|要)?(做|用|要|来|去|买|换|付|收|下来|到位)了?(?=[，,。；;！!？?也就都]|$)"
)
"""不做了 has no other word to deny."""
_DENIED_BEFORE = re.compile(r"([一-鿿]{2,4}?)(?:都|也)没有?$")
_CONTENT_TAGS = "nvaijlzxep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """What a text denies, and the text with that blanked out.

    Attributes:
        terms: Denied content words.
        rest: The text, denied words as □, and 了, 过, 着 taken out (降了价 is 降价).
    """

    terms: frozenset[str]
    rest: str


@lru_cache(maxsize=8192)
def denial(text: str) -> Denial:
    """Read what a text denies."""
    plain = without_aspect(text)
    terms: set[str] = set()
    rest = plain
    for start, end in _negations(plain):
        for term in [*_terms_after(plain[end:]), *_terms_before(plain[:end])]:
            terms.add(term)
            rest = _blanked(rest, term, start if term in plain[:start] and term not in plain[end:] else end)
    return Denial(terms=frozenset(terms), rest=rest)


def negation_count(text: str) -> int:
    """Return how many words of a text deny something."""
    return len(_negations(text))


_RUN = 4
"""Characters right behind a negation that say what is denied, verb and object."""


def stated_only_denied(clause: str, evidence: str) -> str | None:
    """Return a run of words that the clause states and the evidence has behind a negation only, or None."""
    plain = without_aspect(clause)
    denied = _denied_runs(evidence)
    for run in denied:
        stands_open = without_aspect(evidence).count(run) > denied.count(run)
        if run in plain and not stands_open and run not in _denied_runs(clause):
            return run
    return None


def _denied_runs(text: str) -> list[str]:
    """Return the characters right behind each negation, where there are enough of them before the clause ends."""
    plain = without_aspect(text)
    runs = [_ENDS.split(plain[end:], maxsplit=1)[0][:_RUN] for _, end in _negations(plain)]
    return [run for run in runs if len(run) == _RUN]


def without_aspect(text: str) -> str:
    """Return the text without 了, 过 and 着 inside it: 降了价 is 降价."""
    return _ASPECT.sub("", text)


def _negations(text: str) -> list[tuple[int, int]]:
    words = _words()
    harmless = [match.span() for match in words.harmless.finditer(text)]
    harmless += [match.span() for match in _COMPLEMENT.finditer(text) if not _ends_a_word(text, match.start())]
    return [
        match.span()
        for match in words.negation.finditer(text)
        if not any(match.start() < end and start < match.end() for start, end in harmless)
    ]


def _ends_a_word(text: str, at: int) -> bool:
    """Whether the character there ends a longer word: 预算不下来 denies 下来, 算不下来 denies nothing behind it."""
    return any(word.end == at + 1 and len(word.text) > 1 for word in tagged(text))


def _terms_after(rest: str) -> list[str]:
    """Return the words denied; 的 ends the scope only behind one (不含第二年的维护 denies 维护)."""
    for scope in _scopes(_LEADING.sub("", rest)):
        found = [word.text for word in tagged(scope) if word.tag[0] in _CONTENT_TAGS and _is_deniable(word.text)]
        if found:
            return found[:_SCOPE]
    bare = _BARE_VERB.match(rest)
    return [bare.group(1)] if bare else []


def _scopes(rest: str) -> list[str]:
    end = _ENDS.search(rest)
    if end is None:
        return [rest]
    further = _ENDS.split(rest[end.end() :], maxsplit=1)[0] if end.group() == "的" else ""
    return [rest[: end.start()], further]


def _is_deniable(word: str) -> bool:
    return bool(word.strip()) and word not in _words().auxiliaries and not _words().negation.fullmatch(word)


def _terms_before(text: str) -> list[str]:
    match = _DENIED_BEFORE.search(text)
    return [match.group(1)] if match else []


def _blanked(text: str, term: str, at: int) -> str:
    place = text.rfind(term, 0, at) if term in text[:at] and term not in text[at:] else text.find(term, at)
    return text if place < 0 else text[:place] + "□" * len(term) + text[place + len(term) :]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    negation: re.Pattern[str]
    harmless: re.Pattern[str]
    auxiliaries: frozenset[str]


@cache
def _words() -> _Words:
    table = tomllib.loads((files("agent") / "polarity.toml").read_text(encoding="utf-8"))
    return _Words(
        negation=re.compile(any_of(table["negations"])),
        harmless=re.compile(any_of(table["not_negations"])),
        auxiliaries=frozenset(table["auxiliaries"]),
    )
