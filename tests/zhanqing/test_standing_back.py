"""A worker's process lets whoever answers requests go first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zhanqing import service
from zhanqing.bootstrap import Parts
from zhanqing.settings import Settings


async def test_a_workers_process_stands_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[int] = []
    monkeypatch.setattr(os, "nice", noted.append)
    monkeypatch.setattr(service, "make_workers", lambda _parts, _desk: [])
    async with Parts(Settings(home=tmp_path)).opened() as parts:
        await service.run_worker(parts)
    assert noted == [service.NICENESS]
