"""Whether a name of the lexicon, where it stands, is the company: a word, a person or a place may look the same."""

from __future__ import annotations

import re
from functools import cache

from language.matching import Likeness, Match
from language.sentences import clauses
from language.tagging import dictionary_words, frequency, tag_of
from signals.rulebook import ending, pattern, section

_RULES = "competitors"
_AMBIGUOUS_FROM = 120
"""Corpus frequency from which a name counts as an ordinary word: 用友 83 and 金蝶 110 are names, 方正 144 is a word."""
_RARE_PROPER_BELOW = 300
_WORD_FROM = 40
_COMMON_FROM = 200
_NEAR_A_SYLLABLE = 0.12
_ENOUGH = 1.0


def is_company(text: str, match: Match, *, speaker: str, is_settled: bool = False, is_listed: bool = False) -> bool:
    """Decide whether the match is a mention of the company.

    Args:
        text: The turn.
        match: A competitor's name in it.
        speaker: Who says it: "我们X" is one's own product.
        is_settled: The same name was already certain elsewhere in the conversation.
        is_listed: Another company of the lexicon stands next to it (农行、光大).
    """
    if _is_trapped(text, match, speaker):
        return False
    evidence = evidence_for(text, match.start, match.end) + (_ENOUGH if is_listed else 0.0)
    if _cuts_a_word(text, match.start, match.end):
        return match.likeness is not Likeness.HOMOPHONE and evidence >= 2 * _ENOUGH
    said = text[match.start : match.end]
    if match.likeness is Likeness.HOMOPHONE:
        return _sounds_meant(said, match, evidence)
    if len(said) == 1:
        return False
    if not _is_everyday_word(said):
        return True
    return evidence >= (_ENOUGH / 2 if is_settled else _ENOUGH)


def evidence_for(text: str, start: int, end: int) -> float:
    """Weigh the words around a name: 1 for one sure sign, ½ for a weak one or talk of business in the clause."""
    before, after = text[:start], text[end:]
    total = 0.0
    total += _ENOUGH if pattern(_RULES, "after.strong").match(after) else 0.0
    total += _ENOUGH if ending(_RULES, "before.strong").search(before) else 0.0
    if total < _ENOUGH:
        total += _ENOUGH / 2 if ending(_RULES, "before.weak").search(before) else 0.0
        total += _ENOUGH / 2 if pattern(_RULES, "after.weak").match(after) else 0.0
        opens = _opens_clause(before) and pattern(_RULES, "after.predicate").match(after) is not None
        around = text if opens else _clause_around(text, start)
        total = _ENOUGH / 2 if total or opens else 0.0
        total += _ENOUGH / 2 if pattern(_RULES, "around.clause").search(around.replace(text[start:end], "")) else 0.0
    return total


def _clause_around(text: str, start: int) -> str:
    return next((clause.text for clause in clauses(text) if clause.start <= start < clause.end), text)


def _opens_clause(before: str) -> bool:
    return not before or before[-1] in "，。！？；、,.!?; \n】["


def _is_everyday_word(said: str) -> bool:
    """Whether the dictionary has the name as an ordinary word; abbreviations and organisations are none."""
    limit = {"j": 10**9, "nt": 10**9, "nz": _RARE_PROPER_BELOW}.get(tag_of(said), _AMBIGUOUS_FROM)
    return len(said) < 4 and frequency(said) >= limit


def _sounds_meant(said: str, match: Match, evidence: float) -> bool:
    """Whether other characters with the name's sounds are the name.

    An everyday word is itself unless the words on both sides say otherwise. What distinguishes a name is its stem:
    a suffix such as 软件 or 银行 sounds right in every company's name.
    """
    words = [said[left:right] for left, right in dictionary_words(said)]
    common = any(frequency(word) >= _COMMON_FROM for word in words if len(word) > 1 and word not in match.form)
    if frequency(said) >= _WORD_FROM or (match.distance > 0 and all(len(word) > 1 for word in words)):
        return match.distance == 0 and evidence >= 2 * _ENOUGH
    if common and (match.distance > 0 or len(said) < 3):
        return False
    if frequency(said) > 0:
        return evidence >= _ENOUGH
    stem = re.sub(f"{section('candidates', 'names.suffixes')}$", "", match.form)
    if match.distance > _NEAR_A_SYLLABLE * max(len(stem), 2):
        return len(stem) > 3 and evidence >= _ENOUGH / 2
    if len(said) > 2:
        return True
    return evidence >= (_ENOUGH if match.distance or _is_common(said) else _ENOUGH / 2)


def _is_common(said: str) -> bool:
    return len(dictionary_words(said)) == len(said) and all(frequency(character) > 20_000 for character in said)


def _cuts_a_word(text: str, start: int, end: int) -> bool:
    """Whether a dictionary word reaches over an edge of the name: 用友 in 用友好方式, 途安 in 长途安检."""
    return any(
        left < edge < right for left, right in dictionary_words(text) for edge in (start, end) if right - left > 1
    )


def _is_trapped(text: str, match: Match, speaker: str) -> bool:
    before, after = text[: match.start], text[match.end :]
    if pattern(_RULES, "traps.place_after").match(after) or pattern(_RULES, "traps.other_business_after").match(after):
        return True
    if ending(_RULES, "traps.name_before").search(before) or _is_person(match.form, after):
        return True
    own = "traps.own_by_rep" if speaker == "rep" else "traps.own_by_customer"
    return ending(_RULES, own).search(before) is not None


def _is_person(form: str, after: str) -> bool:
    """华宇总 and 华宇明经理 are people if 华 can be a surname; in 云舟王经理 the manager's surname is 王."""
    if len(form) > 2 or form[0] not in _surnames():
        return False
    if re.match(section(_RULES, "traps.short_title"), after) or re.match(section(_RULES, "traps.title"), after):
        return True
    return re.match(f"[一-龥]{section(_RULES, 'traps.title')}", after) is not None and (
        after[0] not in section(_RULES, "traps.manager_surnames")
    )


@cache
def _surnames() -> frozenset[str]:
    return frozenset(section(_RULES, "traps.surnames"))
