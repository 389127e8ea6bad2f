"""A backup brings back every row and recording, and never overwrites an installation."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import InputError
from domain.sources import SourceKind
from zhanqing.backup import make_backup, restore_backup
from zhanqing.bootstrap import Parts
from zhanqing.settings import Settings


async def filled(home: Path) -> Settings:
    settings = Settings(home=home)
    async with Parts(settings).opened() as parts, parts.store.begin("default") as work:
        await work.sources.put("doc:1", kind=SourceKind.DOCUMENT, title="价格表", text="每席位 300 元")
    (home / "blobs").mkdir(exist_ok=True)
    (home / "blobs" / "recording").write_bytes(b"sound")
    return settings


async def test_what_was_kept_is_there_after_a_restore(tmp_path: Path) -> None:
    settings = await filled(tmp_path / "old")
    make_backup(settings, tmp_path / "all.tar.gz")
    fresh = Settings(home=tmp_path / "new")
    restore_backup(fresh, tmp_path / "all.tar.gz")
    async with Parts(fresh).opened() as parts, parts.store.read("default") as work:
        source = await work.sources.get("doc:1")
    assert source is not None
    assert source.text == "每席位 300 元"
    assert (fresh.home / "blobs" / "recording").read_bytes() == b"sound"


async def test_an_installation_in_use_is_not_overwritten(tmp_path: Path) -> None:
    settings = await filled(tmp_path / "old")
    make_backup(settings, tmp_path / "all.tar.gz")
    with pytest.raises(InputError, match="already holds data"):
        restore_backup(settings, tmp_path / "all.tar.gz")


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b\x08\x00damaged"])
async def test_a_damaged_backup_is_refused_and_leaves_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.tar.gz").write_bytes(content)
    fresh = Settings(home=tmp_path / "new")
    with pytest.raises(InputError, match="not a usable backup"):
        restore_backup(fresh, tmp_path / "bad.tar.gz")
    assert list(fresh.home.iterdir()) == []
