"""Users, audits and retention from the command line."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from speech.transcriber import CallTranscriber
from speech.voiceprints import Voiceprint
from zhanqing.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process with this standard input; returns exit code, stdout, stderr."""
    monkeypatch.setenv("ZHANQING_HOME", str(tmp_path / "home"))

    def run(*words: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["zhanqing", *words])
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_a_user_is_added_once_with_a_password_that_is_read_and_never_shown(run: Run) -> None:
    code, out, err = run("user", "add", "Boss", "--role", "admin", stdin="correct horse 1\n")
    assert (code, "boss" in out, "correct horse" in out + err) == (0, True, False)
    assert run("user", "add", "boss", stdin="correct horse 2\n")[0] == 2
    assert run("user", "add", "lead", "--role", "integration", stdin="correct horse 1\n")[0] == 2
    assert run("user", "add", "lead", stdin="short\n")[0] == 2
    assert run("user", "add", "lead", "--oidc", "--role", "manager", "--team", "east")[0] == 0
    assert run("user", "password", "nobody", stdin="correct horse 3\n")[0] == 2
    assert run("user", "password", "boss", stdin="correct horse 3\n")[0] == 0
    listed = run("user", "list")[1].splitlines()
    assert [line.split()[:2] for line in listed] == [["boss", "admin"], ["lead", "manager"]]
    code, out, _ = run("audit", "access", "--json", "-")
    assert code == 0
    assert {line["id"]: line["role"] for line in json.loads(out)} == {"boss": "admin", "lead": "manager"}


def test_a_voice_is_kept_by_consent_listed_and_forgotten(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = Voiceprint(wide=np.ones(4, np.float32), telephone=np.ones(4, np.float32))
    monkeypatch.setattr(CallTranscriber, "voiceprint", lambda *_: one)
    run("bots", "bind", "r1", "--name", "小陈")
    enroll = ("voice", "enroll", "r1", str(tmp_path / "rep.wav"), "--consent", "voice-1")

    assert run(*enroll)[0] == 2  # nobody agreed to it yet
    assert run("voice", "enroll", "r2", "rep.wav", "--consent", "voice-2", "--agreed")[0] == 2  # no such rep
    assert run(*enroll, "--agreed")[0] == 0
    assert run("voice", "list")[1].split()[::3] == ["r1", "voice-1"]
    assert run("voice", "forget", "r1")[0] == 0
    assert run("voice", "forget", "r1")[0] == 2
    assert run("voice", "list")[1] == ""


AUDITS = (
    "customer A1|advice|source doc:x|consents|refusals|grants|erasures|abstentions|risks|case C-1|access|labels".split(
        "|"
    )
)


@pytest.mark.parametrize("audit", AUDITS)
def test_every_audit_of_an_empty_installation_is_empty(run: Run, audit: str) -> None:
    code, out, err = run("audit", *audit.split(), "--json", "-")
    assert (code, json.loads(out), err) == (0, [], "")


def test_there_are_twelve_audits() -> None:
    assert len(AUDITS) == 12


def test_retention_runs_where_nothing_is_over(run: Run) -> None:
    assert run("retention", "run")[0] == 0
