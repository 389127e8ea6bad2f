"""The crash test in short: nothing accepted is lost and nothing happens twice while processes are killed."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from store.testing import create_postgres, drop_postgres

pytestmark = pytest.mark.crash


def load_crash() -> ModuleType:
    """The script beside this file; tests are no package."""
    spec = importlib.util.spec_from_file_location("crash", Path(__file__).parent / "crash.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["crash"] = module
    spec.loader.exec_module(module)
    return module


crash = load_crash()


async def test_nothing_is_lost_or_doubled_on_sqlite(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'crash.db'}"
    outcome = await crash.run(crash.Plan(calls=10, messages=60, kills=4, url=url, folder=tmp_path))
    assert (outcome.faults, outcome.kills) == ([], 4)


@pytest.fixture
def redis_url() -> str:
    """Redis; without it skip here, but fail in CI."""
    import redis

    url = os.environ.get("ZHANQING_TEST_REDIS__URL", "redis://localhost:6379/15")
    try:
        redis.Redis.from_url(url).ping()
    except redis.exceptions.ConnectionError:
        if os.environ.get("CI") == "true":
            pytest.fail("Redis is not there")
        pytest.skip("Redis is not there")
    return url


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.parametrize("replicas", [1, 2])
def test_nothing_is_lost_or_doubled_on_postgresql_with_redis(
    tmp_path: Path, postgres_databases: object, redis_url: str, replicas: int
) -> None:
    url = asyncio.run(create_postgres())
    try:
        plan = crash.Plan(calls=10, messages=60, kills=4, url=url, folder=tmp_path, redis=redis_url, replicas=replicas)
        outcome = asyncio.run(crash.run(plan))
    finally:
        asyncio.run(drop_postgres(url))
    assert (outcome.faults, outcome.kills) == ([], 4)
