"""What a source's place says by itself: the column of a case, the field of the CRM, who spoke."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from domain.sources import Citation, Source, SourceKind


@cache
def column_words() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Load kind → column → words, the one we write first."""
    table = tomllib.loads((files("agent") / "columns.toml").read_text(encoding="utf-8"))
    return {kind: {name: tuple(words) for name, words in columns.items()} for kind, columns in table.items()}


def column_of(source_id: str) -> str:
    """Return the last part of a source id: the case's column or the CRM field."""
    return source_id.rsplit(":", 1)[-1]


def words_of_place(cited: Citation | Source, speaker: str | None = None) -> tuple[str, ...]:
    """Return the words that citing this place already says: 负责销售 for a case's rep column."""
    kind = cited.source_kind if isinstance(cited, Citation) else cited.kind
    words = column_words()
    if kind is SourceKind.TURN:
        return words["turn"].get(speaker or "other", words["turn"]["other"])
    if kind in (SourceKind.CASE, SourceKind.CRM):
        return words[kind.value].get(column_of(cited.source_id), ())
    return ()
