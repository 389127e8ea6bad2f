"""Two sides that a claim puts in each other's place: who is dearer, who gives to whom, what comes first."""

from __future__ import annotations

import re
from collections.abc import Sequence

from language.sentences import clauses, sentences

_COMPARES = re.compile(
    r"([一-鿿A-Za-z\d]{2,10})比([一-鿿A-Za-z\d]{2,10}?)(?=还|更|要|[贵低高多少快慢强弱好差早晚便大小长短])"
)
_PASSES = re.compile(
    r"([一-鿿A-Za-z\d]{2,8}?)(?:给|向|让|要求|催|通知|请|答应|赔给?|付给|交给)(?!的)([一-鿿A-Za-z\d]{2,8})"
)
_FIRST = re.compile(r"先(?:把|将)?([^，,。；;先]{2,14}?)(?=再|后|然后|$|，)")
_LATER = re.compile(r"再|以后|之后|然后|等|后")
_SAME = 0.6
_LIKER = 0.3
"""How much more of what comes first in the claim must stand in a later clause of the evidence."""


def swapped_sides(clause: str, evidence: Sequence[str]) -> str | None:
    """Return the first side of a comparison or handing over that the evidence has on the other side, or None."""
    for pattern in (_COMPARES, _PASSES):
        for claimed in pattern.finditer(clause):
            for text in evidence:
                for given in pattern.finditer(text):
                    if _is_crossed(claimed, given):
                        return claimed[1]
    return None


def _is_crossed(claimed: re.Match[str], given: re.Match[str]) -> bool:
    crossed = min(_alike(claimed[1], given[2]), _alike(claimed[2], given[1]))
    return crossed >= _SAME and crossed > max(_alike(claimed[1], given[1]), _alike(claimed[2], given[2]))


def _alike(one: str, other: str) -> float:
    """Return the share of the shorter name's character pairs that the other has."""
    pairs = sorted((_pairs(one), _pairs(other)), key=len)
    return len(pairs[0] & pairs[1]) / max(1, len(pairs[0]))


def put_first(clause: str, contexts: Sequence[str]) -> str | None:
    """Return what the claim says is done first and the evidence only later, or None."""
    match = _FIRST.search(clause)
    if match is None:
        return None
    wanted = _pairs(match[1])
    for text in contexts:
        for sentence in sentences(text):
            parts = clauses(sentence.text)
            first = [one.text for one in parts if "先" in one.text]
            later = [one.text for one in parts if "先" not in one.text and _LATER.search(one.text)]
            if first and later and _most(wanted, later) > _most(wanted, first) + _LIKER:
                return match.group()
    return None


def _most(wanted: frozenset[str], texts: Sequence[str]) -> float:
    return max(len(wanted & _pairs(one)) / max(1, len(wanted)) for one in texts)


def _pairs(text: str) -> frozenset[str]:
    run = re.sub(r"\W", "", text)
    return frozenset(run[at : at + 2] for at in range(len(run) - 1))
