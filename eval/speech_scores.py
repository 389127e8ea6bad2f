"""Scores of transcripts: character error rate after folding, name recall, attribution, diarization error rate."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import fsum, sqrt

from eval.result import Figure
from language.script import as_read, simplified

_SAID = re.compile(r"[^\w]|_")
_COLLAR_MS = 250
_STEP_MS = 10


def folded(text: str) -> str:
    """Fold a text for scoring: NFKC, lower case, simplified, numbers as read aloud, no marks and no spaces."""
    plain = simplified(unicodedata.normalize("NFKC", text)).lower()
    return _SAID.sub("", as_read(plain))


@dataclass(frozen=True, slots=True, kw_only=True)
class CharacterErrors:
    """Edits that turn a hypothesis into its reference, and the reference's length, in folded characters."""

    edits: int
    length: int


def character_errors(reference: str, hypothesis: str) -> CharacterErrors:
    """Count substitutions, deletions and insertions between two folded texts."""
    from rapidfuzz.distance import Levenshtein

    wanted = folded(reference)
    return CharacterErrors(edits=Levenshtein.distance(wanted, folded(hypothesis)), length=len(wanted))


def error_rate(name: str, counts: Sequence[CharacterErrors], *, note: str = "") -> Figure:
    """The pooled rate Σ edits / Σ length with the standard error of a ratio over the rows (Cochran 1977, ch. 6)."""
    length = sum(count.length for count in counts)
    if not length:
        return Figure(name=name, value=None, n=0, note=note or "no rows")
    rate = sum(count.edits for count in counts) / length
    n = len(counts)
    spread = fsum((count.edits - rate * count.length) ** 2 for count in counts)
    error = sqrt(spread * n / (n - 1)) / length if n > 1 else None
    return Figure(name=name, value=rate, n=n, standard_error=error, note=note or f"{length} characters")


def error_difference(name: str, before: Sequence[CharacterErrors], after: Sequence[CharacterErrors]) -> Figure:
    """How much the pooled rate grows from one hearing of the same rows to another, paired by row.

    Raises:
        ValueError: The rows are not the same.
    """
    if [count.length for count in before] != [count.length for count in after]:
        raise ValueError("paired rows have the same references")
    growth = [
        CharacterErrors(edits=second.edits - first.edits, length=first.length)
        for first, second in zip(before, after, strict=True)
    ]
    return error_rate(name, growth, note="paired")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A stretch of one speaker, in milliseconds."""

    speaker: str
    start_ms: int
    end_ms: int


def attributed_rightly(turn: Spoken, reference: Iterable[Spoken]) -> bool | None:
    """Whether the speaker who talks most while the turn lasts is the turn's; None where nobody talks."""
    shares: dict[str, int] = {}
    for spoken in reference:
        overlap = min(turn.end_ms, spoken.end_ms) - max(turn.start_ms, spoken.start_ms)
        if overlap > 0:
            shares[spoken.speaker] = shares.get(spoken.speaker, 0) + overlap
    return max(shares, key=shares.__getitem__) == turn.speaker if shares else None


def diarization_error_rate(reference: Sequence[Spoken], hypothesis: Sequence[Spoken]) -> float:
    """Missed, false and confused speech over reference speech, collar 0.25 s, labels mapped as well as they can be.

    References:
        NIST RT-09 evaluation plan; times are compared every 10 ms.
    """
    length = max((spoken.end_ms for spoken in [*reference, *hypothesis]), default=0) // _STEP_MS + 1
    wanted, found = _frames(reference, length), _frames(hypothesis, length)
    ignored = _collars(reference, length)
    scored = [step for step in range(length) if step not in ignored]
    total = sum(len(wanted[step]) for step in scored)
    if not total:
        return 0.0
    return min(_errors(scored, wanted, found, mapping) for mapping in _mappings(reference, hypothesis)) / total


def _errors(
    scored: Sequence[int], wanted: Sequence[set[str]], found: Sequence[set[str]], mapping: dict[str, str]
) -> int:
    errors = 0
    for step in scored:
        named = {mapping.get(speaker, speaker + "?") for speaker in found[step]}
        errors += max(len(wanted[step]), len(named)) - len(wanted[step] & named)
    return errors


def _mappings(reference: Sequence[Spoken], hypothesis: Sequence[Spoken]) -> list[dict[str, str]]:
    """Every way to name the found speakers after reference speakers; at most six of each are expected."""
    ours, theirs = sorted({one.speaker for one in hypothesis}), sorted({one.speaker for one in reference})
    padded = theirs + [f"nobody_{number}" for number in range(len(ours) - len(theirs))]
    return [dict(zip(ours, chosen, strict=False)) for chosen in permutations(padded, len(ours))] or [{}]


def _frames(spans: Iterable[Spoken], length: int) -> list[set[str]]:
    frames: list[set[str]] = [set() for _ in range(length)]
    for span in spans:
        for step in range(span.start_ms // _STEP_MS, span.end_ms // _STEP_MS):
            frames[step].add(span.speaker)
    return frames


def _collars(reference: Iterable[Spoken], length: int) -> set[int]:
    ignored: set[int] = set()
    for span in reference:
        for edge in (span.start_ms, span.end_ms):
            ignored.update(range(max(0, (edge - _COLLAR_MS) // _STEP_MS), min(length, (edge + _COLLAR_MS) // _STEP_MS)))
    return ignored
