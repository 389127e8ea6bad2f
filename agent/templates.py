"""The words that the machine adds by itself, and what may fill their slots."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

from agent.columns import column_of, column_words
from domain.sources import Citation, SourceKind


@cache
def templates() -> Mapping[str, Mapping[str, str]]:
    """Load the templates once."""
    return tomllib.loads((files("agent") / "templates.toml").read_text(encoding="utf-8"))


def fill_why(name: str, *, tactic: str, citations: Iterable[Citation], intents: Iterable[str] = ()) -> str:
    """Say why, from the places cited and fixed labels only: no slot can bring in a number or a name."""
    cited = list(citations)
    columns = [
        column_words()["case"].get(column_of(one.source_id), ("记录",))[0]
        for one in cited
        if one.source_kind is SourceKind.CASE
    ]
    kinds = [templates()["kinds"][one.source_kind.value] for one in cited]
    return templates()["why"][name].format(
        tactic=tactic,
        columns="、".join(dict.fromkeys(columns)) or "记录",
        kinds="、".join(dict.fromkeys(kinds)),
        intents="、".join(dict.fromkeys(intents)) or "一般咨询",
    )
