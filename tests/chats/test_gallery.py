"""docs/bots.md shows what the product says today; `python -m tests.chats.gallery` renews it."""

from __future__ import annotations

from pathlib import Path

from tests.chats.gallery import DOC, document, exchanges


async def test_the_page_of_chats_is_what_reps_see(tmp_path: Path) -> None:
    assert document(await exchanges(tmp_path)) == DOC.read_text(encoding="utf-8")
