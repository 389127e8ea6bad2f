"""`zhanqing prepare` and `--export`: cited, labelled, and refused early where there is nothing to do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.exports import ExportFormat, read_aigc
from agent.testing import publish, read_cases
from language.testing import HashingEncoder
from retrieval.testing import SearchInMemory
from signals.pipeline import SignalDetector
from zhanqing.bootstrap import Parts
from zhanqing.cli import main
from zhanqing.settings import Settings

CASES = Path(__file__).parents[2] / "examples" / "cases.jsonl"
NOTE = "客户嫌四周上线太长，还担心老设备接不上。"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command over the sample cases without weights; returns exit code, stdout, stderr."""
    monkeypatch.setattr(Parts, "encoder", HashingEncoder())
    monkeypatch.setattr(Parts, "detector", SignalDetector([]))
    monkeypatch.setattr(Parts, "search", SearchInMemory(read_cases(CASES)))
    monkeypatch.setenv("ZHANQING_HOME", str(tmp_path / "home"))

    async def load() -> None:
        async with Parts(Settings()).opened() as parts:
            await publish(parts.store, read_cases(CASES))

    asyncio.run(load())

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["zhanqing", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_a_preparation_is_printed_as_json_and_exported(run: Run, tmp_path: Path) -> None:
    kept = tmp_path / "new" / "lines.docx"
    code, out, _ = run("prepare", "practice", NOTE, "--json", "-", "--export", kept)
    document = json.loads(out)
    assert (code, document["kind"]) == (0, "practice")
    assert len([one for one in document["suggestions"] if one["tactic"] != "风险提示"]) == 3
    assert read_aigc(kept.read_bytes(), ExportFormat.DOCX).ProduceID == document["decision_id"]


def test_a_form_that_is_not_known_is_refused_before_anything_is_drafted(run: Run, tmp_path: Path) -> None:
    code, _, err = run("prepare", "practice", NOTE, "--export", tmp_path / "lines.pdf")
    assert (code, ".pdf" in err) == (2, True)


def test_a_preparation_of_nothing_is_refused(run: Run) -> None:
    assert run("prepare", "summary")[0] == 2
