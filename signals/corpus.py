"""The labelled utterances that heads are trained and measured on; written for this project."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Protocol, TypeVar

from domain.errors import InputError
from signals.heads import Said, Utterance

_TEST_FIFTHS = 5


class Kin(Protocol):
    """Something that belongs to a family of paraphrases."""

    @property
    def family(self) -> str:
        """The family's name."""
        ...


K = TypeVar("K", bound=Kin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One labelled utterance.

    Attributes:
        family: Paraphrases of one thought share it, and are never on both sides of a split.
        hard: A hard negative: it names a topic that is not its label.
        style: `call` or `chat`.
    """

    utterance: Utterance
    labels: frozenset[str]
    family: str
    style: str = "call"
    hard: bool = False


def read_rows(folder: Traversable | Path, *, labels: Sequence[str]) -> tuple[Row, ...]:
    """Read every `*.jsonl` of a folder, by name.

    Args:
        labels: The taxonomy; another label is refused.

    Raises:
        InputError: A line is no row; the message has the file and the line number.
    """
    rows: list[Row] = []
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        if file.name.endswith(".jsonl"):
            rows.extend(_read_file(file, frozenset(labels)))
    return tuple(rows)


def corpus_folder(name: str) -> Traversable:
    """Return the folder of a head's own rows."""
    return files("signals") / "corpora" / name


def corpus_hash(folder: Traversable | Path) -> str:
    """Return `sha256:` over the names and bytes of the folder's rows."""
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        if file.name.endswith(".jsonl"):
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return f"sha256:{digest.hexdigest()}"


def split(rows: Iterable[K]) -> tuple[tuple[K, ...], tuple[K, ...]]:
    """Split into training and test rows, about 4 to 1, whole families at a time, by a hash of the family."""
    sides: tuple[list[K], list[K]] = ([], [])
    for row in rows:
        fifth = int(hashlib.sha256(row.family.encode()).hexdigest(), 16) % _TEST_FIFTHS
        sides[fifth == 0].append(row)
    return tuple(sides[0]), tuple(sides[1])


def _read_file(file: Traversable | Path, labels: frozenset[str]) -> Iterable[Row]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = _row(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError("signals.bad_row", file=file.name, line=number) from error
        if not row.labels <= labels:
            raise InputError("signals.unknown_label", file=file.name, line=number)
        yield row


def _row(document: Mapping[str, object]) -> Row:
    before = document.get("before") or []
    if not isinstance(before, list) or not isinstance(document["labels"], list):
        raise ValueError("lists expected")
    said = tuple(Said(str(turn["speaker"]), str(turn["text"])) for turn in before)
    return Row(
        utterance=Utterance(str(document["text"]), str(document.get("speaker", "customer")), said[-2:]),
        labels=frozenset(map(str, document["labels"])),
        family=str(document["family"]),
        style=str(document.get("style", "call")),
        hard=bool(document.get("hard", False)),
    )
