"""Companies that no lexicon knows, found where a vendor would be named: 用的是X, X那边报了, 跟X比.

The words around say that a vendor is meant; the name's own edges come from the dictionary: it ends at a word
that everybody uses, or behind a company's suffix. Candidates are for review, so they are `known: false`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from language.dates import find_dates
from language.tagging import dictionary_words, frequency
from signals.rulebook import pattern, section

_RULES = "candidates"
COMMON_FROM = 150
"""Corpus frequency from which a word is everybody's and no name by itself."""
_LONGEST = 10
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9.&+-]*(?: [A-Z][A-Za-z0-9]+)?")
_ASKED = re.compile("什么|啥|哪|怎么|多少|几")
"""Behind a name's place these ask what is done: 用考勤做什么."""
_LIST = re.compile(r"[、和跟与]|还有|以及")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A name at `text[start:end]` that is probably a company's."""

    start: int
    end: int
    text: str


def find_candidates(text: str) -> list[Candidate]:
    """Find names in a vendor's place, in order, without overlap."""
    found: dict[int, Candidate] = {}
    for candidate in (*_named_after(text), *_named_before(text)):
        held = found.get(candidate.start)
        if held is None or held.end < candidate.end:
            found[candidate.start] = candidate
    kept: list[Candidate] = []
    asked = {start for start, one in found.items() if _ASKED.match(text, one.end)}
    for candidate in sorted(
        (one for start, one in found.items() if start not in asked), key=lambda one: (one.start, -one.end)
    ):
        if not kept or candidate.start >= kept[-1].end:
            kept.append(candidate)
    return kept


def _named_after(text: str) -> Iterator[Candidate]:
    """Names that follow an expression: 现在用的是X, 有一家叫X."""
    for anchor in pattern(_RULES, "before").finditer(text):
        start = anchor.end()
        lead_in = re.compile(f"(?:{section(_RULES, 'names.lead_ins')}|[，,\\s])*").match(text, start)
        start = lead_in.end() if lead_in else start
        end = _confirmed_edge(anchor.group(), text, start)
        if not _is_name(text[start:end]):
            continue
        yield Candidate(start=start, end=end, text=text[start:end])
        yield from _listed_after(text, end)


def _listed_after(text: str, at: int) -> Iterator[Candidate]:
    """The further names of 对比了X和Y, X、Y."""
    while joint := _LIST.match(text, at):
        end = _right_edge(text, joint.end())
        if not _is_name(text[joint.end() : end]):
            return
        yield Candidate(start=joint.end(), end=end, text=text[joint.end() : end])
        at = end


def _named_before(text: str) -> Iterator[Candidate]:
    """Names in front of an expression: X那边报了, X比你们便宜."""
    for anchor in pattern(_RULES, "after.sure").finditer(text):
        yield from _ending_at(text, anchor.start())
    for anchor in pattern(_RULES, "after.with_suffix").finditer(text):
        for candidate in _ending_at(text, anchor.start()):
            if _wears_suffix(candidate.text) or _LATIN.match(candidate.text):
                yield candidate
    for anchor in pattern(_RULES, "after.with_chinese_suffix").finditer(text):
        for candidate in _ending_at(text, anchor.start()):
            if _wears_suffix(candidate.text):
                yield candidate


def _ending_at(text: str, end: int) -> Iterator[Candidate]:
    start = _left_edge(text, end)
    name, lead = text[start:end], text[start - 1 : start] if start else ""
    if not _is_name(name) or lead.isdigit() or (lead == "的" and not _wears_suffix(name)):
        return
    yield Candidate(start=start, end=end, text=name)
    if lead in ("、", "和", "跟", "与"):
        yield from _ending_at(text, start - 1)


def _right_edge(text: str, start: int) -> int:
    latin = _LATIN.match(text, start)
    if latin:
        return latin.end()
    end = start
    for left, right in dictionary_words(text[start : start + 2 * _LONGEST]):
        word = text[start + left : start + right]
        if _stops(word, so_far=text[start:end]) or start + right - start > _LONGEST:
            break
        end = start + right
        latin = _LATIN.match(text, end)
        if latin and latin.group().isupper():
            return latin.end()
    return _trimmed(text, start, end)


def _trimmed(text: str, start: int, end: int) -> int:
    """Cut what follows a suffix: 瀚海系统用了三年 ends behind 系统."""
    found = list(re.finditer(section(_RULES, "names.suffixes"), text[start:end]))
    inner = [match for match in found if match.start() >= 2]
    return start + inner[-1].end() if inner and len(text[start:end]) - inner[-1].end() > 0 else end


def _left_edge(text: str, end: int) -> int:
    latin = re.search(r"[A-Za-z][A-Za-z0-9.&+-]*$", text[:end])
    start = latin.start() if latin else end
    window = max(0, start - 2 * _LONGEST)
    for left, right in reversed(dictionary_words(text[window:start])):
        word = text[window + left : window + right]
        so_far = text[start:end] if end - start > 1 else ""
        if _stops(word, so_far=so_far, leftwards=True) or end - window - left > _LONGEST:
            break
        start = window + left
    lead_in = re.compile(f"(?:{section(_RULES, 'names.lead_ins')})+").match(text, start, end)
    return lead_in.end() if lead_in and end - lead_in.end() >= 2 else start


def _stops(word: str, *, so_far: str, leftwards: bool = False) -> bool:
    if not re.fullmatch(r"[一-鿿]+", word) or word in _common_words():
        return word not in _suffix_words() or bool(leftwards and so_far and word in _suffix_words())
    if len(word) == 1:
        return word in section(_RULES, "names.stops")
    if word in _suffix_words():
        return leftwards and bool(so_far)
    return frequency(word) >= COMMON_FROM and bool(so_far) and not (leftwards and word in _suffix_words())


@cache
def _common_words() -> frozenset[str]:
    return frozenset(section(_RULES, "names.common"))


@cache
def _suffix_words() -> frozenset[str]:
    return frozenset(section(_RULES, "names.suffix_words"))


def _wears_suffix(name: str) -> bool:
    return re.fullmatch(f".{{2,}}{section(_RULES, 'names.suffixes')}", name) is not None


def _is_name(name: str) -> bool:
    """Whether the characters can be a company's name: something in them is no everyday word."""
    if not 2 <= len(name) <= _LONGEST or name in _common_words():
        return False
    latin = _LATIN.fullmatch(name)
    if latin:
        return name.lower() not in section(_RULES, "names.latin_generic") and len(name) >= 2
    if not re.fullmatch(r"[一-鿿A-Za-z0-9·]+", name) or _has_stop(name):
        return False
    if re.search(section(_RULES, "names.not_company"), name) or find_dates(name, today=None):
        return False
    bare = re.sub(f"{section(_RULES, 'names.suffixes')}$", "", name)
    return _is_unusual(name, bare)


def _has_stop(name: str) -> bool:
    stops = section(_RULES, "names.stops")
    return any(right - left == 1 and name[left] in stops for left, right in dictionary_words(name))


def _is_unusual(name: str, bare: str) -> bool:
    """Whether the name says more than everyday words do; a suffix makes a name of a word unless it names a use."""
    stem = bare if len(bare) >= 2 else name
    if stem in _common_words() or stem in section(_RULES, "names.generic_stems") or frequency(name) >= COMMON_FROM:
        return False
    if stem != name and frequency(name) == 0:
        return True
    if frequency(stem) >= COMMON_FROM:
        return False
    words = [stem[left:right] for left, right in dictionary_words(stem)]
    weak = section(_RULES, "names.weak_characters")
    if any(len(word) > 1 and word in _common_words() for word in words):
        return False
    rare = [word for word in words if (len(word) > 1 and frequency(word) < COMMON_FROM) or re.search("[A-Za-z]", word)]
    return bool(rare) or any(len(word) == 1 and word not in weak for word in words)


def _confirmed_edge(anchor: str, text: str, start: int) -> int:
    """Find where the name ends; some anchors (从, 跟, 看了) have everyday uses and need a vendor's word behind it."""
    needs = section(_RULES, "before_needs")
    key = "和" if anchor[-1] in "跟和与同" else anchor[-1]
    if key not in needs:
        return _right_edge(text, start)
    needed = re.compile(needs[key])
    for end in range(start + 2, min(len(text), start + _LONGEST) + 1):
        if needed.match(text, end):
            return end
    return start
