"""The catalogue, and what is in a cache."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from domain.errors import IntegrityError, MissingError, NotFoundError
from zhanqing.models import Model, ModelFile, State, catalogue, digest, find_models, model_folder, state, verify

CONTENT = b"weights"
WHISPER_FILES = {"model.bin", "config.json", "tokenizer.json", "vocabulary.json"}


def tiny_model(content: bytes = CONTENT) -> Model:
    file = ModelFile(name="model.bin", sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
    return Model(
        name="tiny",
        task="test",
        licence="MIT",
        origin="here",
        is_default=True,
        wheels=(),
        sources=(file,),
        files=(file,),
        converter=None,
        alternatives=(),
    )


def stored(cache: Path, content: bytes) -> Path:
    path = cache / "tiny" / "model.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_the_default_models_are_the_recogniser_and_the_encoder() -> None:
    assert [model.name for model in find_models()] == ["whisper-base", "e5-small-zh"]


def test_named_models_come_in_the_order_asked_for() -> None:
    assert [model.name for model in find_models(("e5-small-zh", "whisper-base"))] == ["e5-small-zh", "whisper-base"]


def test_an_unknown_model_is_named_with_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match=r"no model named bert.*whisper-base"):
        find_models(("bert",))


@pytest.mark.parametrize("model", catalogue().values(), ids=lambda model: model.name)
def test_every_entry_says_what_it_is_and_under_which_licence(model: Model) -> None:
    assert model.task
    assert model.licence in {"MIT", "Apache-2.0"}
    assert model.origin
    assert {entry.kind for entry in model.alternatives} <= {"hub", "modelscope"}


@pytest.mark.parametrize("model", catalogue().values(), ids=lambda model: model.name)
def test_every_source_is_pinned_and_can_be_joined_from_known_wheels(model: Model) -> None:
    for source in model.sources:
        assert len(bytes.fromhex(source.sha256)) == 32
        assert source.size_bytes > 0
        assert source.parts
        assert {part.wheel for part in source.parts} <= set(model.wheels)


@pytest.mark.parametrize("model", catalogue().values(), ids=lambda model: model.name)
def test_only_data_members_are_named(model: Model) -> None:
    members = [part.member for source in model.sources for part in source.parts]
    assert members
    assert not [member for member in members if member.endswith((".py", ".so", ".pyd", ".dll", ".dylib", ".sh"))]


def test_split_models_list_their_parts_in_counting_order() -> None:
    source = catalogue()["qwen2.5-coder-1.5b-instruct-q4"].sources[0]
    assert [part.member[-10:] for part in source.parts] == [f"part{number:02}.bin" for number in range(1, 23)]


def test_the_recogniser_has_the_files_that_faster_whisper_opens() -> None:
    assert {file.name for file in catalogue()["whisper-base"].files} == WHISPER_FILES


def test_a_model_that_was_never_pulled_is_missing(tmp_path: Path) -> None:
    assert state(tiny_model(), tmp_path) is State.MISSING


def test_a_model_of_the_right_size_is_present(tmp_path: Path) -> None:
    stored(tmp_path, CONTENT)
    assert state(tiny_model(), tmp_path) is State.PRESENT


def test_a_model_cut_short_is_broken(tmp_path: Path) -> None:
    stored(tmp_path, CONTENT[:-1])
    assert state(tiny_model(), tmp_path) is State.BROKEN


def test_the_folder_of_an_absent_model_is_refused_with_the_command_that_brings_it(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="zhanqing models pull e5-small-zh") as caught:
        model_folder("e5-small-zh", tmp_path)
    assert caught.value.exit_code == 3


def test_verify_accepts_the_right_bytes(tmp_path: Path) -> None:
    stored(tmp_path, CONTENT)
    assert verify(tiny_model(), tmp_path) is State.PRESENT


def test_verify_says_missing_without_failing(tmp_path: Path) -> None:
    assert verify(tiny_model(), tmp_path) is State.MISSING


def test_verify_removes_a_file_whose_bytes_changed(tmp_path: Path) -> None:
    path = stored(tmp_path, CONTENT[::-1])
    with pytest.raises(IntegrityError, match=r"model\.bin of the model tiny") as caught:
        verify(tiny_model(), tmp_path)
    assert caught.value.exit_code == 1
    assert not path.exists()


def test_a_digest_does_not_depend_on_the_chunks(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3_000_001)
    assert digest(path) == hashlib.sha256(b"x" * 3_000_001).hexdigest()


@pytest.mark.model
@pytest.mark.parametrize("name", ["whisper-base", "e5-small-zh"])
def test_the_pulled_default_models_are_what_the_catalogue_says(name: str, models_cache: Path) -> None:
    assert verify(catalogue()[name], models_cache) is State.PRESENT
