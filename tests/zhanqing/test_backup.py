"""A backup brings back every row and recording, and never overwrites an installation."""

from __future__ import annotations

import tarfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from domain.conversation import Transcript, Turn
from domain.errors import InputError
from domain.sources import SourceKind
from store.testing import create_postgres, drop_postgres
from zhanqing.backup import make_backup, restore_backup
from zhanqing.bootstrap import Parts
from zhanqing.settings import DatabaseSettings, Settings


async def filled(settings: Settings) -> None:
    async with Parts(settings).opened() as parts, parts.store.begin("default") as work:
        await work.sources.put("doc:1", kind=SourceKind.DOCUMENT, title="价格表", text="每席位 300 元\n含税\\")
        await work.conversations.put(Transcript(id="talk-1", turns=(Turn(id="t1", speaker="customer", text="太贵了"),)))
    (settings.home / "blobs").mkdir(exist_ok=True)
    (settings.home / "blobs" / "recording").write_bytes(b"sound")


async def check(settings: Settings) -> None:
    async with Parts(settings).opened() as parts, parts.store.read("default") as work:
        source = await work.sources.get("doc:1")
        transcript = await work.conversations.get("talk-1")
    assert source is not None and source.text == "每席位 300 元\n含税\\"
    assert transcript is not None and [turn.text for turn in transcript.turns] == ["太贵了"]
    assert (settings.home / "blobs" / "recording").read_bytes() == b"sound"


async def test_what_was_kept_is_there_after_a_restore(tmp_path: Path) -> None:
    await filled(Settings(home=tmp_path / "old"))
    await make_backup(Settings(home=tmp_path / "old"), tmp_path / "all.tar.gz")
    fresh = Settings(home=tmp_path / "new")
    await restore_backup(fresh, tmp_path / "all.tar.gz")
    await check(fresh)


@pytest.fixture
async def on_postgres(postgres_databases: object, tmp_path: Path) -> AsyncIterator[Callable[[str], Settings]]:
    """Settings of installations on PostgreSQL databases of their own, empty at first."""
    urls = {name: await create_postgres() for name in ("old", "new")}
    yield lambda name: Settings(home=tmp_path / name, database=DatabaseSettings(url=SecretStr(urls[name])))
    for url in urls.values():
        await drop_postgres(url)


@pytest.mark.postgres
async def test_an_installation_on_postgresql_is_there_after_a_restore(
    on_postgres: Callable[[str], Settings], tmp_path: Path
) -> None:
    await filled(on_postgres("old"))
    await make_backup(on_postgres("old"), tmp_path / "all.tar.gz")
    await restore_backup(on_postgres("new"), tmp_path / "all.tar.gz")
    await check(on_postgres("new"))


@pytest.mark.postgres
async def test_a_database_that_holds_data_is_not_filled_again(
    on_postgres: Callable[[str], Settings], tmp_path: Path
) -> None:
    await filled(on_postgres("old"))
    await make_backup(on_postgres("old"), tmp_path / "all.tar.gz")
    elsewhere = on_postgres("old").model_copy(update={"home": tmp_path / "fresh"})
    with pytest.raises(InputError, match="already holds data"):
        await restore_backup(elsewhere, tmp_path / "all.tar.gz")


@pytest.mark.postgres
async def test_a_copy_of_another_kind_of_database_or_one_cut_short_is_refused_and_changes_nothing(
    on_postgres: Callable[[str], Settings], tmp_path: Path
) -> None:
    await filled(Settings(home=tmp_path / "lite"))
    await make_backup(Settings(home=tmp_path / "lite"), tmp_path / "lite.tar.gz")
    await filled(on_postgres("old"))
    await make_backup(on_postgres("old"), tmp_path / "whole.tar.gz")
    with tarfile.open(tmp_path / "whole.tar.gz") as archive:
        archive.extractall(tmp_path / "cut", filter="data")
    (tmp_path / "cut" / "tables" / "turns.copy").write_text("")
    with tarfile.open(tmp_path / "cut.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "cut" / "tables", "tables")
    for name in ("lite.tar.gz", "cut.tar.gz"):
        with pytest.raises(InputError, match="not a usable backup"):
            await restore_backup(on_postgres("new"), tmp_path / name)
    await restore_backup(on_postgres("new"), tmp_path / "whole.tar.gz")


async def test_an_installation_in_use_is_not_overwritten(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "old")
    await filled(settings)
    await make_backup(settings, tmp_path / "all.tar.gz")
    with pytest.raises(InputError, match="already holds data"):
        await restore_backup(settings, tmp_path / "all.tar.gz")


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b\x08\x00damaged"])
async def test_a_damaged_backup_is_refused_and_leaves_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.tar.gz").write_bytes(content)
    fresh = Settings(home=tmp_path / "new")
    with pytest.raises(InputError, match="not a usable backup"):
        await restore_backup(fresh, tmp_path / "bad.tar.gz")
    assert list(fresh.home.iterdir()) == []
