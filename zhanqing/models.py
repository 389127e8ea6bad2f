"""The catalogue of local models and which of them are in the cache. Nothing else knows where weights come from."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from domain.errors import IntegrityError, MissingError, NotFoundError

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A package of one version on the package index, opened as an archive.

    `platform` is the wheel's platform tag where it has one; what we take is plain data all the same.
    """

    package: str
    version: str
    size_bytes: int
    platform: str | None = None

    @property
    def requirement(self) -> str:
        """`name==version`."""
        return f"{self.package}=={self.version}"

    @property
    def file_prefix(self) -> str:
        """How the wheel's file name begins."""
        return f"{self.package.replace('-', '_')}-{self.version}-"


class Part(NamedTuple):
    """A piece of a file: one member of a wheel."""

    wheel: Wheel
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A file by its content; `parts` in the order in which they are joined."""

    name: str
    sha256: str
    size_bytes: int
    parts: tuple[Part, ...] = ()


class Alternative(NamedTuple):
    """Where else the same weights are published: `kind` is hub or modelscope."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One entry of the catalogue.

    `sources` are fetched; `files` are what ends up in the cache: the same, unless a `converter` makes them.
    """

    name: str
    task: str
    licence: str
    origin: str
    is_default: bool
    wheels: tuple[Wheel, ...]
    sources: tuple[ModelFile, ...]
    files: tuple[ModelFile, ...]
    converter: str | None
    alternatives: tuple[Alternative, ...]

    @property
    def size_bytes(self) -> int:
        """Size in the cache."""
        return sum(file.size_bytes for file in self.files)


class State(StrEnum):
    """Of a model in a cache."""

    PRESENT = "present"
    MISSING = "missing"
    BROKEN = "broken"


def _file(row: Mapping[str, Any], wheels: Mapping[str, Wheel]) -> ModelFile:
    parts = tuple(Part(wheels[part["package"]], part["member"]) for part in row.get("parts", ()))
    return ModelFile(name=row["name"], sha256=row["sha256"], size_bytes=row["size_bytes"], parts=parts)


def _model(name: str, row: Mapping[str, Any]) -> Model:
    wheels = {wheel["package"]: Wheel(**wheel) for wheel in row["wheels"]}
    sources = tuple(_file(file, wheels) for file in row["sources"])
    return Model(
        name=name,
        task=row["task"],
        licence=row["licence"],
        origin=row["origin"],
        is_default=row["default"],
        wheels=tuple(wheels.values()),
        sources=sources,
        files=tuple(_file(file, wheels) for file in row["files"]) if "files" in row else sources,
        converter=row.get("converter"),
        alternatives=tuple(Alternative(**entry) for entry in row["alternatives"]),
    )


@cache
def catalogue() -> dict[str, Model]:
    """Return every model we know by name, default ones first."""
    rows = tomllib.loads((files("zhanqing") / "model_catalogue.toml").read_text(encoding="utf-8"))
    return {name: _model(name, row) for name, row in rows.items()}


def find_models(names: tuple[str, ...] = ()) -> list[Model]:
    """Return the named models, or the default ones when no name is given.

    Raises:
        NotFoundError: A name that the catalogue does not have.
    """
    known = catalogue()
    for name in names:
        if name not in known:
            raise NotFoundError("zhanqing.unknown_model", name=name, known=", ".join(known))
    return [known[name] for name in names] or [model for model in known.values() if model.is_default]


def state(model: Model, folder: Path) -> State:
    """Look at names and sizes only; `verify` reads the content.

    Args:
        model: Whose files.
        folder: The cache that holds one folder a model.
    """
    home = folder / model.name
    if not home.is_dir():
        return State.MISSING
    whole = all(
        (home / file.name).is_file() and (home / file.name).stat().st_size == file.size_bytes for file in model.files
    )
    return State.PRESENT if whole else State.BROKEN


def model_folder(name: str, folder: Path) -> Path:
    """Return where a model's files are.

    Args:
        name: Catalogue name.
        folder: The cache.

    Raises:
        NotFoundError: The catalogue has no such model.
        MissingError: It is not in the cache, or not whole; the line names the command that brings it.
    """
    (model,) = find_models((name,))
    if state(model, folder) is not State.PRESENT:
        raise MissingError("zhanqing.model_missing", name=name)
    return folder / name


def verify(model: Model, folder: Path) -> State:
    """Read every file of a model and compare its SHA-256.

    Returns:
        `MISSING` or `PRESENT`.

    Raises:
        IntegrityError: A file is not what the catalogue says; it is removed, so that a new pull brings it.
    """
    if state(model, folder) is State.MISSING:
        return State.MISSING
    for file in model.files:
        check(folder / model.name / file.name, file, model=model.name)
    return State.PRESENT


def check(path: Path, file: ModelFile, *, model: str) -> None:
    """Compare a file on disk with the catalogue and remove it if it differs.

    Raises:
        IntegrityError: The file is absent or has another content.
    """
    if not path.is_file() or digest(path) != file.sha256:
        path.unlink(missing_ok=True)
        raise IntegrityError("zhanqing.wrong_hash", file=file.name, name=model)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    total = hashlib.sha256()
    for chunk in file_chunks(path):
        total.update(chunk)
    return total.hexdigest()


def file_chunks(path: Path) -> Iterator[bytes]:
    """Read a file a megabyte at a time."""
    with path.open("rb") as content:
        while chunk := content.read(CHUNK_BYTES):
            yield chunk
