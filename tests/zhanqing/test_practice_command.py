"""`zhanqing team` and `zhanqing drill` on a small installation."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.drills import DrillCoach
from coaching.testing import report
from domain.cases import Outcome, WarCase
from signals.pipeline import SignalDetector
from store.cases import CaseAction
from zhanqing.bootstrap import Parts
from zhanqing.cli import main
from zhanqing.settings import Settings

Run = Callable[..., tuple[int, str, str]]
CASE = WarCase(
    id="C-1", title="赶评审", outcome=Outcome.WON, customer_question="三周能不能上线？", blocker="接口要排期。",
    talk_track="先上三个模块。", result="第20天上线。",
)  # fmt: skip


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process on a home with one analysed call; drills hear no acts."""
    monkeypatch.setenv("ZHANQING_HOME", str(tmp_path))
    monkeypatch.setattr(Parts, "drills", property(lambda self: DrillCoach(self.store, SignalDetector([]))))

    async def fill() -> None:
        made = report()
        async with Parts(Settings(home=tmp_path)).opened() as parts, parts.store.begin("default") as work:
            transcript = replace(made.transcript, id="call-1", rep_id="r1", started_at=datetime.now(UTC))
            await work.conversations.put(transcript)
            await work.signals.put("call-1", replace(made.analysis, conversation_id="call-1"))
            await work.cases.save([CASE], by="a")
            for action in (CaseAction.SUBMIT, CaseAction.APPROVE):
                await work.cases.move(["C-1"], action, by="a")

    asyncio.run(fill())

    def run(*words: str, said: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["zhanqing", *words])
        monkeypatch.setattr("sys.stdin", io.StringIO(said))
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_the_team_digest_is_a_page_and_json(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("team", "--html", str(tmp_path / "team.html"), "--json", str(tmp_path / "team.json"))
    assert code == 0
    assert "r1" in out
    assert "<html" in (tmp_path / "team.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "team.json").read_text(encoding="utf-8"))["who_needs_help"] == ["r1"]


def test_a_drill_is_played_line_by_line_and_taken_up_later(run: Run) -> None:
    _, out, _ = run("drill", "--case", "C-1", said="您最担心什么？\n")
    assert "【AI 陪练】" in out
    drill_id = out.splitlines()[0]
    assert f"--resume {drill_id}" in out
    code, out, _ = run("drill", "--resume", drill_id, "--json", "-", said="结束\n")
    document = json.loads(out)
    assert (code, document["status"], document["ai"]) == (0, "over", True)
    assert [turn["text"] for turn in document["turns"] if turn["speaker"] == "rep"] == ["您最担心什么？", "结束"]
    assert document["debrief"]["scorecard"]["items"]


def test_what_cannot_be_practised_is_one_clear_line(run: Run) -> None:
    code, out, err = run("drill", "--case", "none", "--lang", "en")
    assert (code, out) == (2, "")
    assert err.strip().splitlines() == ["There is no such published case. Check its id."]
