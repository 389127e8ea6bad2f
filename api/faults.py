"""What is wrong with a field of a request, in the reader's language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any


def in_words(fault: Mapping[str, Any], lang: str) -> str:
    """Say one of pydantic's faults without repeating the value; a kind without Chinese words is said in English."""
    template = _chinese().get(fault["type"]) if lang == "zh" else None
    return template.format(**fault.get("ctx", {})) if template else str(fault["msg"])


@cache
def _chinese() -> Mapping[str, str]:
    return tomllib.loads((files("api") / "faults.toml").read_text(encoding="utf-8"))
