"""Every line that people read exists in Chinese and English and is filled with what its caller gives."""

from __future__ import annotations

import ast
import string
from pathlib import Path

import pytest

from domain.messages import catalogue

ROOMS = (
    "agent api bots coaching console domain eval language prompts retrieval signals speech store wire zhanqing"
).split()
ROOT = Path(__file__).parents[2]


def keyed_calls() -> list[tuple[str, int, str, frozenset[str] | None]]:
    """Find calls whose first argument is `<room>.<name>`: path, line, key, keyword names (None with **)."""
    found = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                key = _key(node)
                if key and isinstance(node, ast.Call):
                    names = frozenset(keyword.arg for keyword in node.keywords if keyword.arg)
                    starred = any(keyword.arg is None for keyword in node.keywords)
                    found.append((str(path.relative_to(ROOT)), node.lineno, key, None if starred else names))
    return found


def _key(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Call) or not node.args or not isinstance(node.func, ast.Name):
        return None
    first = node.args[0]
    if not (node.func.id.endswith("Error") or node.func.id == "text") or not isinstance(first, ast.Constant):
        return None
    key = first.value
    return key if isinstance(key, str) and key.partition(".")[0] in ROOMS and " " not in key else None


def fields(template: str) -> set[str]:
    return {name.partition(".")[0] for _, name, _, _ in string.Formatter().parse(template) if name}


CALLS = keyed_calls()


def test_the_walk_finds_the_calls() -> None:
    assert len(CALLS) > 20


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call[0]}:{call[1]}")
def test_a_key_exists_and_is_given_what_it_needs(call: tuple[str, int, str, frozenset[str] | None]) -> None:
    _, _, key, given = call
    room, name = key.split(".", 1)
    message = catalogue(room)[name]
    if given is not None:
        assert fields(message["zh"]) | fields(message["en"]) <= given - {"lang"}


@pytest.mark.parametrize("room", [room for room in ROOMS if (ROOT / room / "messages.toml").exists()])
def test_each_line_is_there_in_both_languages_with_the_same_fields(room: str) -> None:
    for name, message in catalogue(room).items():
        assert set(message) == {"zh", "en"}, name
        assert fields(message["zh"]) == fields(message["en"]), name
