"""Mentors: reps who won with a similar customer, with the case and what makes it similar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.drafts import DraftSentence
from agent.shelf import CaseFile, Shelf
from domain.cases import CaseHit, Outcome
from domain.sources import cite

MOST_MENTORS = 3
_WEIGHTS = {"industry": 2.0, "product": 1.5, "customer_size": 0.5}
_SIMILAR = 1.5
"""Same product or same industry at least; the size alone makes nobody similar."""
_HIT_WEIGHT = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentor:
    """A won case of a rep and the columns that it shares with the customer."""

    case: CaseFile
    shared: tuple[str, ...]
    score: float


def find_mentors(wanted: Mapping[str, str], shelf: Shelf, hits: Sequence[CaseHit]) -> list[Mentor]:
    """Return the best won case of each of up to three reps with similar customers, the most similar first.

    Args:
        wanted: The customer's industry, product and customer_size, as far as known.
        hits: Cases near the customer's words; they decide between equally similar ones, then the newer one does.
    """
    near = {hit.case_id: 1.0 / rank for rank, hit in enumerate(hits, start=1)}
    found = [_mentor(case, wanted, near) for case in shelf.cases.values()]
    similar = [one for one in found if one is not None]
    similar.sort(key=lambda one: one.case.text("closed_at"), reverse=True)
    similar.sort(key=lambda one: -one.score)
    best = {one.case.text("rep"): one for one in reversed(similar)}
    return sorted(best.values(), key=lambda one: -one.score)[:MOST_MENTORS]


def mentor_sentence(mentor: Mentor, frames: Mapping[str, str]) -> DraftSentence:
    """Name the rep, the case with its id, and what makes it similar; each from its column."""
    case = mentor.case
    reasons = "、".join(frames[_FRAMES[column]].format(value=case.text(column)) for column in mentor.shared)
    text = frames["mentor"].format(
        rep=case.text("rep"), title=case.title, case_id=case.case_id, outcome=case.text("outcome"), reasons=reasons
    )
    columns = ("rep", "title", "outcome", *mentor.shared)
    sources = [case.columns[column] for column in columns]
    return DraftSentence(text=text, citations=tuple(cite(source, 0, len(source.text)) for source in sources))


_FRAMES = {"industry": "same_industry", "product": "same_product", "customer_size": "same_size"}


def _mentor(case: CaseFile, wanted: Mapping[str, str], near: Mapping[str, float]) -> Mentor | None:
    if case.outcome is not Outcome.WON or not case.text("rep"):
        return None
    shared = tuple(column for column in _WEIGHTS if wanted.get(column) and wanted[column] == case.text(column))
    similarity = sum(_WEIGHTS[column] for column in shared)
    if similarity < _SIMILAR:
        return None
    return Mentor(case=case, shared=shared, score=similarity + _HIT_WEIGHT * near.get(case.case_id, 0.0))
