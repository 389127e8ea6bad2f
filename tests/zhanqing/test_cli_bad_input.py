"""Bad input gets one clear line, the right exit code, and leaves nothing behind."""

from __future__ import annotations

import json
import sqlite3
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from zhanqing.cli import main

CALL = Path(__file__).parents[2] / "examples" / "calls" / "bad_pitch.ogg"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process; returns exit code, stdout, stderr."""
    monkeypatch.setenv("ZHANQING_HOME", str(tmp_path / "home"))

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


def rows_kept(home: Path) -> int:
    """Count conversations, sources, decisions and recordings in an installation; 0 where there is none."""
    if not (home / "zhanqing.db").exists():
        return 0
    connection = sqlite3.connect(home / "zhanqing.db")
    tables = ("conversations", "turns", "sources", "decisions", "blobs", "jobs")
    kept = sum(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)
    connection.close()
    return int(kept)


def silent_wave(path: Path, seconds: float) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(b"\0\0\0\0" * int(16_000 * seconds))
    return path


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


BAD: dict[str, Callable[[Path], Path]] = {
    "missing": lambda folder: folder / "nowhere.ogg",
    "empty": lambda folder: written(folder / "empty.ogg", b""),
    "text renamed": lambda folder: written(folder / "text.ogg", "这不是录音".encode() * 100),
    "truncated": lambda folder: written(folder / "cut.ogg", CALL.read_bytes()[:200_000]),
    "unknown format": lambda folder: written(folder / "call.xyz", b"\x00\x01\x02" * 500),
    "a folder": lambda folder: folder,
}


@pytest.mark.model
@pytest.mark.parametrize("make", BAD.values(), ids=BAD.keys())
def test_an_unusable_recording_is_one_line_and_leaves_nothing(
    make: Callable[[Path], Path], run: Run, tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    code, out, err = run("coach", make(tmp_path), "--consent", "C-1", "--html", report)
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert out == ""
    assert not report.exists()
    assert rows_kept(tmp_path / "home") == 0


@pytest.mark.model
@pytest.mark.parametrize("seconds", [0.0, 0.2])
def test_a_recording_without_words_is_said_to_have_none(seconds: float, run: Run, tmp_path: Path) -> None:
    code, out, err = run("transcribe", silent_wave(tmp_path / "short.wav", seconds), "--json", "-")
    if code == 0:
        assert json.loads(out)["turns"] == []
    else:
        assert (code, len(err.strip().splitlines())) == (2, 1)


def test_without_consent_nothing_is_read_or_kept(run: Run, tmp_path: Path) -> None:
    code, _, err = run("coach", CALL)
    assert code == 2
    assert "--consent" in err
    assert rows_kept(tmp_path / "home") == 0


def test_an_unwritable_output_is_found_before_the_work(run: Run, tmp_path: Path) -> None:
    blocked = written(tmp_path / "file", b"")
    code, _, err = run("coach", CALL, "--consent", "C-1", "--html", blocked / "report.html")
    assert code == 2
    assert "report.html" in err
    assert rows_kept(tmp_path / "home") == 0


def test_a_misspelt_setting_is_reported_at_start(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHANQING_HOEM", "x")
    code, _, err = run("audit", "verify")
    assert code == 2
    assert "ZHANQING_HOME" in err


def test_a_missing_model_names_the_command_that_brings_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ZHANQING_MODELS__CACHE", str(tmp_path / "none"))
    code, _, err = run("transcribe", CALL)
    assert code == 3
    assert "zhanqing models pull" in err


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "JSON"), ("[]", "Transcript"), ('{"id":"c","turns":[{"speaker":"bob","text":"x"}]}', "speaker")],
)
def test_a_bad_transcript_is_named_with_the_place(content: str, said: str, run: Run, tmp_path: Path) -> None:
    code, _, err = run("analyze", written(tmp_path / "t.json", content.encode()))
    assert code == 2
    assert said in err


def test_the_line_is_in_english_when_asked_for(run: Run, tmp_path: Path) -> None:
    assert "no such file" in run("analyze", tmp_path / "x.json", "--lang", "en")[2].lower()


def test_an_unknown_suite_names_those_there_are(run: Run, tmp_path: Path) -> None:
    code, _, err = run("eval", "nonsense", "--data", tmp_path)
    assert code == 2
    assert "retrieval" in err


def test_json_to_stdout_is_alone_there(run: Run, tmp_path: Path) -> None:
    transcript = written(tmp_path / "t.json", '{"id":"c","turns":[{"speaker":"rep","text":"您好"}]}'.encode())
    code, out, _ = run("analyze", transcript, "--json", "-")
    assert code == 0
    assert json.loads(out)["conversation_id"] == "c"


def test_an_empty_chain_is_whole(run: Run) -> None:
    assert run("audit", "verify")[0] == 0
