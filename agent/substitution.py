"""A word put in the place of another: 采购总监担心… where the evidence says 财务总监担心…"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from agent.questions import same_meaning
from language.quantities import quantities
from language.tagging import Word, tagged

_MOST_WORDS = 3
_AROUND = 3
"""Characters around the place that both texts share, at least."""
_AFTER_SUBJECT = 4
_NOUNS = ("n", "b", "f", "s", "j")
_NO_SUBJECT = ("c", "d", "p", "r", "t", "u", "y", "e", "m")
THE_CUSTOMER = frozenset({"客户", "您", "您们", "我们", "你们", "我", "他", "她", "他们", "那边", "这边"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where two clauses differ: the words of each, and how many characters around are the same."""

    claimed: tuple[Word, ...]
    given: tuple[Word, ...]
    before: int
    after: int
    is_first: bool


def substituted(claim: str, evidence: str) -> str | None:
    """Return the claim's word that stands where the evidence clause has another thing or actor, or None."""
    for place in _places(claim, evidence):
        said, given = (_text(words) for words in (place.claimed, place.given))
        if _says_the_same(said, given) or said in evidence:
            continue
        heads = place.claimed[-1], place.given[-1]
        is_thing = all(_names_a_thing(word) for word in heads) and place.before + place.after >= _AROUND
        is_actor = (
            place.is_first
            and place.after >= _AFTER_SUBJECT
            and (min(len(said), len(given)) > 1 or all(word.tag[0] in "abn" for word in heads))
            and not any(word.tag.startswith(_NO_SUBJECT) for word in heads)
        )
        if is_thing or is_actor:
            return said
    return None


def _text(words: Sequence[Word]) -> str:
    return "".join(word.text for word in words)


def _names_a_thing(word: Word) -> bool:
    return word.tag.startswith(_NOUNS) and (len(word.text) > 1 or word.tag[0] in "nb")


def _places(claim: str, evidence: str) -> Iterator[_Place]:
    """Yield where other words stand, word by word; of several words there, the last carries the meaning."""
    given, claimed = tagged(evidence), tagged(claim)
    texts = [one.text for one in given], [one.text for one in claimed]
    steps = SequenceMatcher(None, *texts, autojunk=False).get_opcodes()
    for number, (kind, at, end, here, stop) in enumerate(steps):
        if kind != "replace" or end - at > _MOST_WORDS or stop - here > _MOST_WORDS:
            continue
        yield _Place(
            claimed=claimed[here:stop],
            given=given[at:end],
            before=_length(claimed, steps[number - 1]) if number else 0,
            after=_length(claimed, steps[number + 1]) if number + 1 < len(steps) else 0,
            is_first=here == 0,
        )


def _length(words: Sequence[Word], step: tuple[str, int, int, int, int]) -> int:
    """Return how many characters an equal step of the claim has; other steps have none."""
    kind, _, _, here, stop = step
    return sum(len(word.text) for word in words[here:stop]) if kind == "equal" else 0


def _says_the_same(claimed: str, given: str) -> bool:
    if claimed in THE_CUSTOMER or given in THE_CUSTOMER or claimed in given or given in claimed:
        return True
    if quantities(claimed) or quantities(given) or re.search(r"[\d一二两三四五六七八九十]", claimed + given):
        return True
    return given in same_meaning(claimed) or claimed in same_meaning(given)
