"""The settings as a page, made from the code: `docs/settings.md` is what `zhanqing settings` prints."""

from __future__ import annotations

import types
from collections.abc import Iterator
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from zhanqing.settings import PREFIX, Settings

_HEAD = """# Settings

Every setting is an environment variable, read once when a process starts; a misspelt or unfit one keeps it from
starting, and all of them are named in one line. `zhanqing settings` prints this page.
"""


def reference() -> str:
    """Return the page in Markdown, one table a group."""
    own = [(name, item) for name, item in Settings.model_fields.items() if not _group(item)]
    tables = [_table("General", "What everything shares.", own, PREFIX)]
    tables += list(_tables(Settings, PREFIX))
    return "\n".join([_HEAD, *tables])


def _tables(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, item in model.model_fields.items():
        group = _group(item)
        if group is not None:
            below = f"{prefix}{name.upper()}__"
            own = [(each, field) for each, field in group.model_fields.items() if not _group(field)]
            if own:
                yield _table(below.removeprefix(PREFIX).rstrip("_").lower(), group.__doc__ or "", own, below)
            yield from _tables(group, below)


def _table(title: str, about: str, fields: list[tuple[str, FieldInfo]], prefix: str) -> str:
    lines = [f"## {title}", "", " ".join(about.split()), "", "| variable | takes | default | what it is |"]
    lines.append("|---|---|---|---|")
    for name, item in fields:
        cells = (f"`{prefix}{name.upper()}`", _kind(item.annotation), _default(item), item.description or "")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*lines, ""])


def _group(item: FieldInfo) -> type[BaseModel] | None:
    kind = item.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _kind(kind: Any) -> str:
    """Say what a variable takes, in words that need no Python."""
    if get_origin(kind) is Literal:
        return " or ".join(f"`{each}`" for each in get_args(kind))
    if get_origin(kind) in (Union, types.UnionType):
        return _kind(next(each for each in get_args(kind) if each is not type(None)))
    if get_origin(kind) in (tuple, list, dict):
        return "JSON"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(f"`{each.value}`" for each in kind)
    names = {bool: "true or false", int: "whole number", float: "number", SecretStr: "secret"}
    return names.get(kind, "text")


def _default(item: FieldInfo) -> str:
    """Say the default; one that is made when it is needed depends on the machine."""
    if item.default_factory is not None:
        return "see right"
    if item.default in (None, PydanticUndefined, "", (), {}):
        return "—"
    value = item.default.value if isinstance(item.default, Enum) else item.default
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
