"""The rule files of this room (`rules/*.toml`), read once and compiled once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def rulebook(name: str) -> dict[str, Any]:
    """Return the rules of `rules/<name>.toml`."""
    return tomllib.loads((files("signals") / "rules" / f"{name}.toml").read_text(encoding="utf-8"))


def section(name: str, path: str) -> Any:
    """Return one entry of a rule file: `section("competitors", "after.strong")`."""
    here: Any = rulebook(name)
    for part in path.split("."):
        here = here[part]
    return here


@cache
def pattern(name: str, path: str) -> re.Pattern[str]:
    """Compile a list of regular expressions of a rule file as alternatives, in their order."""
    return re.compile(alternatives(section(name, path)))


@cache
def ending(name: str, path: str) -> re.Pattern[str]:
    """Compile a list as alternatives that must end where the text given ends."""
    return re.compile(f"(?:{alternatives(section(name, path))})$")


def alternatives(expressions: Iterable[str]) -> str:
    """Join regular expressions; each stays a whole."""
    return "|".join(f"(?:{expression})" for expression in expressions)
