"""Starting is light: importing rooms and asking for help loads no heavy library, and our names are ours."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = (
    "domain wire language speech signals coaching retrieval prompts agent store bots api console eval zhanqing"
).split()
HEAVY = (
    "torch transformers sentence_transformers faiss faster_whisper ctranslate2 onnxruntime av sklearn scipy jieba "
    "langgraph langchain_openai openai whisper resemblyzer pymilvus opencc"
).split()

LOADED = """
import sys
{statement}
print(",".join(name for name in {heavy!r} if name in sys.modules))
"""


def heavy_after(statement: str) -> list[str]:
    """Return the heavy libraries that a fresh process has loaded after a statement."""
    code = LOADED.format(statement=statement, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return [name for name in done.stdout.strip().splitlines()[-1].split(",") if name] if done.stdout.strip() else []


def modules_of(room: str) -> list[str]:
    folder = ROOT / room
    names = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sorted(folder.rglob("*.py")))
    # Adapters of optional extras and framework-bound modules are loaded by whoever uses them.
    return [
        name.removesuffix(".__init__")
        for name in names
        if "migrations" not in name and not name.endswith("__main__") and name not in FRAMEWORK_MODULES
    ]


# These modules exist to wrap a framework, or to train, and are imported by whoever chose that.
FRAMEWORK_MODULES: frozenset[str] = frozenset(
    {
        "retrieval.langchain_retriever",
        "zhanqing.handlers",
        "zhanqing.service",
        "zhanqing.chats.answering",
        "zhanqing.chats.desk",
        "zhanqing.chats.talking",
    }
)


def test_the_command_line_loads_nothing_heavy() -> None:
    assert heavy_after("import zhanqing.cli") == []


def test_building_the_parts_loads_nothing_heavy() -> None:
    assert heavy_after("from zhanqing.bootstrap import build; build()") == []


@pytest.mark.parametrize("room", [room for room in ROOMS if room not in ("agent", "api", "eval")])
def test_importing_every_module_of_a_room_loads_nothing_heavy(room: str) -> None:
    assert heavy_after("; ".join(f"import {name}" for name in modules_of(room))) == []


@pytest.mark.parametrize("room", [*ROOMS, "examples"])
def test_a_top_level_name_belongs_to_our_distribution_only(room: str) -> None:
    assert set(packages_distributions().get(room, ())) <= {"zhanqing"}
