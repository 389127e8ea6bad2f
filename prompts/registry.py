"""The registered prompts: versioned files whose hash is on record. An unregistered or edited one does not run."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from domain.errors import InputError, IntegrityError, NotFoundError

_INPUT = re.compile(r"\{\{(\w+)\}\}")
_SYSTEM, _USER = "# system\n", "\n# user\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of a prompt's changelog."""

    version: str
    on: date
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A registered prompt.

    Attributes:
        sha256: Of the whole file, in hex.
        inputs: Names of the values it must be given, all of them and no others.
    """

    name: str
    version: str
    sha256: str
    inputs: tuple[str, ...]
    owner: str
    changelog: tuple[Change, ...]
    system: str
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedPrompt:
    """A prompt with its values in place; only `user` holds any of them."""

    system: str
    user: str


class PromptRegistry:
    """The prompts of a folder that has a `registry.toml`.

    Args:
        folder: Where the files are; by default those shipped with this room.
    """

    def __init__(self, folder: Traversable | None = None) -> None:
        self._folder = folder or files("prompts")

    def find(self, name: str) -> Prompt:
        """Return a registered prompt as it is on record.

        Raises:
            NotFoundError: `prompts.unregistered`.
            IntegrityError: `prompts.edited`: the file is not the registered one.
        """
        entries = {row["name"]: row for row in self._table()["prompt"]}
        if name not in entries:
            raise NotFoundError("prompts.unregistered", name=name)
        row = entries[name]
        raw = (self._folder / row["file"]).read_bytes()
        found = hashlib.sha256(raw).hexdigest()
        system, _, user = raw.decode("utf-8").removeprefix(_SYSTEM).partition(_USER)
        inputs = tuple(row["inputs"])
        if found != row["sha256"] or set(_INPUT.findall(user)) != set(inputs) or _INPUT.search(system):
            raise IntegrityError("prompts.edited", name=name, file=row["file"])
        return Prompt(
            name=name,
            version=row["version"],
            sha256=found,
            inputs=inputs,
            owner=row["owner"],
            changelog=tuple(Change(**change) for change in row["changelog"]),
            system=system.strip(),
            user=user.strip(),
        )

    def names(self) -> list[str]:
        """Return the names of all registered prompts."""
        return [row["name"] for row in self._table()["prompt"]]

    def _table(self) -> Mapping[str, list[dict[str, Any]]]:
        table: Mapping[str, list[dict[str, Any]]] = tomllib.loads(
            (self._folder / "registry.toml").read_text(encoding="utf-8")
        )
        return table


@cache
def registry() -> PromptRegistry:
    """Return the shipped prompts."""
    return PromptRegistry()


def render(prompt: Prompt, values: Mapping[str, object]) -> RenderedPrompt:
    """Put values into a prompt, each as JSON: what a customer wrote is a quoted string and nothing else.

    A value is put in once and never read for placeholders, so that none can smuggle in another.

    Raises:
        InputError: `prompts.wrong_inputs`: a value is missing or not asked for.
    """
    if set(values) != set(prompt.inputs):
        raise InputError("prompts.wrong_inputs", name=prompt.name, wanted=", ".join(prompt.inputs))
    quoted = {name: json.dumps(value, ensure_ascii=False) for name, value in values.items()}
    user = _INPUT.sub(lambda match: quoted[match[1]], prompt.user)
    return RenderedPrompt(system=prompt.system, user=user)
