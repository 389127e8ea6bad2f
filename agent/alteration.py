"""What a claim changes inside a clause that is otherwise its evidence's: 新产线 for 旧产线, 全免 for 减免一半."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from agent.questions import same_meaning
from agent.substitution import THE_CUSTOMER
from language.quantities import Dimension, Quantity, quantities
from language.sentences import clauses, sentences
from language.tagging import Word, tagged

_MOST_CHANGED = 2
_AFTER, _AROUND = 2, 5
"""Characters that must be the same behind the change, and on both sides together."""
_MEASURES = re.compile(r"^[一-鿿]?[率量数费额价期级线款单]")
_KINDS = ("n", "a", "b", "f", "s", "t", "j", "z")
_EVERYDAY = frozenset(
    "的了是在有和与也都还就而及着把被给对从向到为我你您他她它们咱这那个一可能要会将已再又很更最并由得"
)
_TOTAL = re.compile(r"全(?:部|额|都|免|款|数|[退扣赔付收包])|(?:百分之百|一律|完全|整个)(?=[一-鿿])")
_PART = re.compile(r"一半|半数|部分|一部分|折半|减半")
_SHARES = (Dimension.PERCENT, Dimension.DISCOUNT)
_TOGETHER = re.compile(r"([一-鿿A-Za-z]{2,12})[和与跟及、]([一-鿿A-Za-z]{2,12}?)(?:都|均|全都|也都)([一-鿿].+)")
_TAIL = 2
_SAID_OF_IT = 0.4
_SAID_OF_OTHER, _SAID_HERE = 0.5, 0.3


def altered(clause: str, evidence: Sequence[str]) -> str | None:
    """Return a word of the clause that stands where a clause of evidence, alike around it, has another; or None.

    Args:
        clause: Of the claim.
        evidence: Clauses that share words with it, the likest first.
    """
    everything = " ".join(evidence)
    for one in evidence[:2]:
        steps = SequenceMatcher(None, one, clause, autojunk=False).get_opcodes()
        for number, (kind, at, end, here, stop) in enumerate(steps):
            length = stop - here
            if kind != "replace" or length > _MOST_CHANGED or end - at < length or (end - at > length and here):
                continue
            after = _equal(steps, number + 1)
            if after < _AFTER or after + _equal(steps, number - 1) < _AROUND:
                continue
            said, given = clause[here:stop], one[end - length : end]
            if said not in everything and given not in clause and _is_another_thing(clause, here, said, given):
                return said + clause[stop : stop + _AFTER]
    return None


def _equal(steps: Sequence[tuple[str, int, int, int, int]], number: int) -> int:
    if not 0 <= number < len(steps) or steps[number][0] != "equal":
        return 0
    return steps[number][4] - steps[number][3]


def _is_another_thing(clause: str, at: int, said: str, given: str) -> bool:
    if not re.fullmatch(r"[一-鿿]+", said + given) or _EVERYDAY & set(said + given) or said in THE_CUSTOMER:
        return False
    if given in same_meaning(said) or said in same_meaning(given) or quantities(said) or quantities(given):
        return False
    word = next((one for one in tagged(clause) if one.start <= at < one.end), None)
    return word is not None and word.start == at and _names(word, clause[at + len(said) :])


def _names(word: Word, rest: str) -> bool:
    return word.tag.startswith(_KINDS) or not word.is_known or _MEASURES.match(rest) is not None


def made_total(clause: str, evidence: Sequence[str]) -> str | None:
    """Return the word that makes all of what the likest evidence clause gives as a share, or None."""
    total = _TOTAL.search(clause)
    if total is None or not evidence or _PART.search(clause) or _TOTAL.search(evidence[0]):
        return None
    is_share = _PART.search(evidence[0]) or (_shares(evidence[0]) and not _shares(clause))
    return total.group() if is_share else None


def _shares(text: str) -> list[Quantity]:
    return [one for one in quantities(text) if one.dimension in _SHARES]


def rebound(clause: str, contexts: Sequence[str]) -> str | None:
    """Return the thing of which the clause says what its evidence says of another thing beside it, or None.

    新线装了四台，旧线还没装 does not say that 旧线 has four: what is said stands with the other name, and the name
    begins a clause that says something else.
    """
    subject = _leading_noun(clause)
    if subject is None:
        return None
    said = _pairs(clause[len(subject) :])
    for text in contexts:
        for sentence in sentences(text):
            pieces = [one.text for one in clauses(sentence.text)]
            own = [one for one in pieces if one.startswith(subject)]
            other = [one for one in pieces if subject not in one and _is_of_another(one, clause)]
            rest = [one for one in pieces if one not in other]
            if own and _best_share(said, other) >= _SAID_OF_OTHER and _best_share(said, rest) < _SAID_HERE:
                return subject
    return None


def _is_of_another(piece: str, clause: str) -> bool:
    noun = _leading_noun(piece)
    return noun is not None and noun not in clause


def _leading_noun(text: str) -> str | None:
    words = tagged(text)
    named = "".join(word.text for word in words[:2] if word.tag[0] in "abfj") if words else ""
    first = words[0] if words else None
    if first is None or first.text in THE_CUSTOMER:
        return None
    if first.tag[0] in "ns" and len(first.text) > 1:
        return first.text
    if len(words) > 1 and first.tag[0] in "abfjm" and words[1].tag[0] in "nqs" and named:
        return first.text + words[1].text
    return first.text if not first.is_known and len(first.text) > 1 else None


def _best_share(said: frozenset[str], pieces: Sequence[str]) -> float:
    return max((len(said & _pairs(one)) / max(1, len(said)) for one in pieces), default=0.0)


def lumped(claim: str, contexts: Sequence[str]) -> str | None:
    """Return the second of two things of which a claim says the same, where the evidence says it of the other only."""
    match = _TOGETHER.search(claim)
    if match is None:
        return None
    said = _pairs(match[3])
    pieces = [clause.text for text in contexts for clause in clauses(text)]
    one, other = (_best(name[-_TAIL:], said, pieces) for name in (match[1], match[2]))
    if one is None or other is None or max(one, other) < _SAID_OF_IT:
        return None
    return (match[2] if other < one else match[1]) if min(one, other) == 0 else None


def _best(tail: str, said: frozenset[str], pieces: Sequence[str]) -> float | None:
    shares = [len(said & _pairs(piece)) / max(1, len(said)) for piece in pieces if tail in piece]
    return max(shares) if shares else None


def _pairs(text: str) -> frozenset[str]:
    run = re.sub(r"\W", "", text)
    return frozenset(run[at : at + 2] for at in range(len(run) - 1))
