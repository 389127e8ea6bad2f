"""The description in the repository is the one that the service gives: what changes for callers is seen in review."""

from __future__ import annotations

import json
from pathlib import Path

from api.description import description

KEPT = Path(__file__).parents[2] / "docs" / "openapi.json"


def test_the_kept_description_is_current() -> None:
    """Mended by: zhanqing openapi > docs/openapi.json"""
    kept, now = json.loads(KEPT.read_text(encoding="utf-8")), description()
    assert {path: sorted(item) for path, item in kept["paths"].items()} == {
        path: sorted(item) for path, item in now["paths"].items()
    }
    assert kept == json.loads(json.dumps(now))


def test_every_operation_is_named_once_and_says_what_it_does() -> None:
    operations = [each for item in description()["paths"].values() for each in item.values()]
    names = [each["operationId"] for each in operations]
    assert len(set(names)) == len(names)
    assert [each["operationId"] for each in operations if not each.get("description")] == []
