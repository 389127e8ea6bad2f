"""`zhanqing models`, as the shell sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from domain.errors import IntegrityError, MissingError, NotFoundError
from zhanqing.cli import app
from zhanqing.models import catalogue


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZHANQING_MODELS__CACHE", str(tmp_path))
    return tmp_path


def test_list_shows_every_model_with_size_licence_and_state(cache: Path) -> None:
    lines = CliRunner().invoke(app, ["models", "list", "--lang", "en"]).stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(catalogue())
    assert lines[0].split()[1:6] == ["150", "MB", "MIT", "default", "missing"]


def test_list_tells_a_broken_model(cache: Path) -> None:
    (cache / "e5-small-zh").mkdir()
    lines = CliRunner().invoke(app, ["models", "list", "--lang", "en"]).stdout.splitlines()
    assert lines[1].split()[5] == "broken"


def test_verify_exits_3_and_names_the_command_when_a_default_model_is_missing(cache: Path) -> None:
    result = CliRunner().invoke(app, ["models", "verify"])
    assert result.exit_code == 3
    assert "zhanqing models pull whisper-base e5-small-zh" in result.stderr


def test_verify_exits_3_when_a_model_asked_for_by_name_is_missing(cache: Path) -> None:
    assert CliRunner().invoke(app, ["models", "verify", "use-multilingual"]).exit_code == 3


def test_verify_exits_1_when_a_file_is_wrong(cache: Path) -> None:
    (cache / "e5-small-zh").mkdir()
    (cache / "e5-small-zh" / "model.onnx").write_bytes(b"not the graph")
    result = CliRunner().invoke(app, ["models", "verify", "--lang", "en"])
    assert result.exit_code == 1
    assert "model.onnx of the model e5-small-zh" in result.stderr
    assert not (cache / "e5-small-zh" / "model.onnx").exists()


@pytest.mark.model
def test_verify_exits_0_when_only_optional_models_are_missing(cache: Path, models_cache: Path, encoder: object) -> None:
    for name in ("whisper-base", "e5-small-zh"):
        (cache / name).symlink_to(models_cache / name)
    result = CliRunner().invoke(app, ["models", "verify", "--lang", "en"])
    assert result.exit_code == 0
    assert "use-multilingual" not in result.output


def test_pull_refuses_an_unknown_name(cache: Path) -> None:
    error = CliRunner().invoke(app, ["models", "pull", "whisper-huge"]).exception
    assert isinstance(error, NotFoundError)
    assert error.exit_code == 2


def test_pull_refuses_a_carried_file_of_another_content(cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "carried"
    folder.mkdir()
    (folder / "e5-small-q4.bin").write_bytes(b"not the weights")
    error = CliRunner().invoke(app, ["models", "pull", "e5-small-zh", "--from", str(folder)]).exception
    assert isinstance(error, IntegrityError)
    assert error.exit_code == 1
    assert not (cache / "e5-small-zh").exists()


def test_an_export_without_the_source_names_the_command_that_brings_it(cache: Path) -> None:
    error = CliRunner().invoke(app, ["models", "export-e5", "--to", str(cache / "out")]).exception
    assert isinstance(error, MissingError)
    assert "zhanqing models pull e5-small-q4" in str(error)
