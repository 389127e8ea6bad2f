"""Hand labels of talk-track sentences: which words of them hold in their own deal alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from domain.suggestions import Claim

FRAME = "当时的"
"""Stands in every sentence that tells of another customer as theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSentence:
    """One sentence of a talk track with its label, given by hand.

    Attributes:
        family: The case's id: all its sentences are on one side.
        bound: Words that promise, price, count or claim; nobody else may be sent them.
        world: Words of that customer's business; sent to a customer of another trade they make no sense.
    """

    id: str
    family: str
    half: str
    base: str
    text: str
    label: str
    bound: tuple[str, ...]
    world: tuple[str, ...]

    def tied_in(self, said: str, *, ours: str = "", is_near: bool = False) -> list[str]:
        """Return the tied words that are left in what would be said to a customer who said `ours`."""
        world = [] if is_near else [word for word in self.world if word not in ours]
        return [word for word in (*self.bound, *world) if word in said]


def labelled_sentences() -> list[LabelledSentence]:
    """Read all rows of `sets/agent/applicability.jsonl`."""
    lines = (files("eval") / "sets" / "agent" / "applicability.jsonl").read_text(encoding="utf-8").splitlines()
    rows = map(json.loads, lines)
    return [LabelledSentence(**{**row, "bound": tuple(row["bound"]), "world": tuple(row["world"])}) for row in rows]


def is_unframed_promise(claim: Claim, labels: Mapping[str, LabelledSentence], *, ours: str) -> bool | None:
    """Whether a claim says another deal's promise as the rep's own; None where a cited sentence has no label.

    Args:
        labels: By the sentence, of the base that was asked.
        ours: What this customer said, with the deal's fields.
    """
    if FRAME in claim.text:
        return False
    quotes = [one.quote for one in claim.citations if one.source_id.endswith(":talk_track")]
    told = [one for one in claim.citations if one.source_id.rsplit(":", 1)[-1] in ("result", "turning_point")]
    if told:
        return True
    if any(quote not in labels for quote in quotes):
        return None
    return any(labels[quote].tied_in(claim.text, ours=ours, is_near=True) for quote in quotes)


def by_sentence(base: str, rows: Sequence[LabelledSentence]) -> dict[str, LabelledSentence]:
    """Index the rows of one base by their sentence."""
    return {row.text: row for row in rows if row.base == base}
