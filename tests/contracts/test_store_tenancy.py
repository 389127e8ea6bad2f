"""What every database must do to keep tenants, transactions and versions apart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.accounts import Account
from domain.errors import ConflictError, InputError, MissingError, UpstreamError
from domain.sources import SourceKind
from store import tables
from store.columns import TenantOwned
from store.engine import make_engine, writer
from store.migrate import HEAD, SchemaState, downgrade, prepare, state, upgrade
from store.scope import Repository
from store.tables import SourceRow, metadata
from store.testing import Databases, create_postgres, drop_postgres
from store.work import Store

DOC = {"kind": SourceKind.DOCUMENT, "title": ""}


class TestTenants:
    async def test_no_statement_of_one_tenant_reaches_a_row_of_another(self, any_store: Store) -> None:
        for tenant in ("acme", "other"):
            async with any_store.begin(tenant) as work:
                await work.sources.put("doc:p", text=f"{tenant} 的价格", **DOC)
        async with any_store.begin("other") as work:
            session = work.scope.session
            everything = list(await session.scalars(select(SourceRow)))
            await session.execute(update(SourceRow).values(title="改"))
            await work.sources.erase("doc:p")
        assert [row.tenant_id for row in everything] == ["other"]
        async with any_store.read("acme") as work:
            kept = await work.sources.get("doc:p")
        assert kept is not None and (kept.text, kept.title) == ("acme 的价格", "")

    async def test_every_tenants_table_leads_with_the_tenant(self) -> None:
        owned = [row for row in vars(tables).values() if isinstance(row, type) and issubclass(row, TenantOwned)]
        assert {*metadata.tables} - {row.__tablename__ for row in owned} == {"tenants", "locks"}
        assert all(next(iter(row.__table__.primary_key)).name == "tenant_id" for row in owned)

    async def test_a_write_for_another_tenant_is_not_possible_through_a_repository(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            await Repository(work.scope)._insert(tables.CorpusRow, [{"version": 4}])
            assert await work.corpus.version() == 4
        async with any_store.read("other") as work:
            assert await work.corpus.version() == 0

    @pytest.mark.parametrize("name", ["", "ACME", "../etc", "a" * 64, "acme corp", "-x", "华星"])
    async def test_a_name_that_is_no_folder_name_is_refused(self, any_store: Store, name: str) -> None:
        with pytest.raises(InputError):
            async with any_store.begin(name):
                pass

    async def test_reading_makes_no_tenant(self, any_store: Store) -> None:
        async with any_store.read("typo") as work:
            assert await work.sources.get("doc:p") is None
        async with any_store.across_tenants() as session:
            assert await session.scalar(text("SELECT count(*) FROM tenants")) == 0


class TestTransactions:
    async def test_writers_of_one_tenant_wait_for_each_other_and_none_is_lost(self, any_store: Store) -> None:
        async def grow() -> int:
            async with any_store.begin("acme") as work:
                return await work.corpus.grow()

        grown = await asyncio.gather(*(grow() for _ in range(20)))
        assert sorted(grown) == list(range(1, 21))

    async def test_a_reader_sees_one_moment_and_holds_nobody_up(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            await work.sources.put("doc:p", text="一", **DOC)
        async with any_store.read("acme") as reader:
            before = await reader.sources.get("doc:p")
            async with any_store.begin("acme") as work:
                await work.sources.put("doc:p", text="二", **DOC)
            assert await reader.sources.get("doc:p") == before
        async with any_store.read("acme") as reader:
            after = await reader.sources.get("doc:p")
        assert after is not None and after.text == "二"

    async def test_a_taken_unique_key_is_a_conflict(self, any_store: Store) -> None:
        with pytest.raises(ConflictError):
            async with any_store.begin("acme") as work:
                for _ in range(2):
                    await Repository(work.scope)._insert(tables.CorpusRow, [{"version": 1}])

    @pytest.mark.parametrize(("name", "code"), [("x" * 600, "identifier_too_long"), ("a\0b", "unstorable_text")])
    async def test_bad_ids_are_the_callers_fault(self, any_store: Store, name: str, code: str) -> None:
        with pytest.raises(InputError) as caught:
            async with any_store.begin("acme") as work:
                await work.accounts.put(Account(account_id=name, name="华星"))
        assert caught.value.code == f"store.{code}"

    async def test_a_number_beyond_32_bits_is_the_callers_fault(self, any_store: Store) -> None:
        with pytest.raises(InputError):
            async with any_store.begin("acme") as work:
                await work.sources.put(
                    "turn:c:t", kind=SourceKind.TURN, title="", text="一", start_ms=2**31, end_ms=2**31
                )


class TestMigrations:
    @pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
    def empty_url(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
        if request.param == "sqlite":
            yield f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"
            return
        request.getfixturevalue("postgres_databases")
        url = asyncio.run(create_postgres())
        yield url
        asyncio.run(drop_postgres(url))

    @pytest.fixture
    async def empty(self, empty_url: str) -> Any:
        engine = make_engine(empty_url)
        yield engine
        await engine.dispose()

    async def test_a_new_database_is_made_at_head_once(self, empty: AsyncEngine) -> None:
        assert await state(empty) is SchemaState.EMPTY
        await asyncio.gather(prepare(empty), prepare(empty))
        assert await state(empty) is SchemaState.HEAD

    async def test_every_migration_goes_down_and_up_again(self, empty: AsyncEngine) -> None:
        await upgrade(empty)
        await downgrade(empty, "base")
        assert await names_of_tables(empty) == {"alembic_version"}
        await upgrade(empty)
        assert await names_of_tables(empty) == {*metadata.tables, "alembic_version"}

    async def test_the_migrations_make_exactly_the_tables_that_the_code_knows(self, empty: AsyncEngine) -> None:
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext

        await upgrade(empty)
        async with empty.connect() as connection:
            drift = await connection.run_sync(
                lambda sync: compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), metadata)
            )
        assert drift == []

    async def test_an_older_database_waits_to_be_told_and_a_newer_one_is_refused(self, empty: AsyncEngine) -> None:
        await upgrade(empty)
        await set_version(empty, "0000")
        assert await state(empty) is SchemaState.BEHIND
        with pytest.raises(MissingError):
            await prepare(empty)
        await set_version(empty, "9999")
        with pytest.raises(InputError):
            await prepare(empty, migrate=True)


async def names_of_tables(engine: AsyncEngine) -> set[str]:
    from sqlalchemy import inspect

    async with engine.connect() as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


async def set_version(engine: AsyncEngine, version: str) -> None:
    async with writer(engine).begin() as connection:
        await connection.execute(text(f"UPDATE alembic_version SET version_num = '{version}'"))


def test_the_head_that_the_code_names_is_the_newest_migration() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    import store.migrate

    config = Config()
    config.set_main_option("script_location", str(Path(store.migrate.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


async def test_a_database_out_of_reach_is_said_so(tmp_path: Path) -> None:
    for url in ("postgresql+asyncpg://nobody@127.0.0.1:1/none", f"sqlite:///{tmp_path / 'no' / 'folder.db'}"):
        engine = make_engine(url)
        with pytest.raises(UpstreamError) as caught:
            await prepare(engine)
        assert caught.value.code == "store.unreachable"
        with pytest.raises(UpstreamError):
            async with Store(engine).read("acme") as work:
                await work.sources.get("doc:p")
        await engine.dispose()


@pytest.mark.parametrize("url", ["", "mysql://x/y", "sqlite+pysqlite:///x", "postgresql+psycopg://x/y", "no url"])
def test_only_the_two_databases_are_accepted(url: str) -> None:
    with pytest.raises(InputError):
        make_engine(url)


async def test_sqlite_runs_with_the_safe_settings(store: Store) -> None:
    async with store.across_tenants() as session:
        found = [
            await session.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "foreign_keys", "synchronous")
        ]
    assert found == ["wal", 1, 2]


async def test_every_statement_of_a_tenants_transaction_names_the_tenant(databases: Databases) -> None:
    seen: list[str] = []
    async with databases.fresh() as engine:
        event.listen(engine.sync_engine, "before_cursor_execute", lambda *call: seen.append(call[2]))
        store = Store(engine)
        async with store.begin("acme") as work:
            await work.sources.put("doc:p", text="一", **DOC)
            await work.sources.put("doc:p", text="二", **DOC)
            await work.accounts.put(Account(name="华星"))
            await work.jobs.add("digest_call", {})
            await work.decisions.verify()
            await work.sources.erase("doc:p")
    touching = [each for each in seen if each.split(" ", 1)[0] in ("SELECT", "INSERT", "UPDATE", "DELETE")]
    assert len(touching) > 10
    assert [each for each in touching if "tenant_id" not in each and "pg_catalog" not in each] == []
