"""Only a registered prompt runs, and what it is given stays quoted data."""

from __future__ import annotations

import json
import re
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InputError, IntegrityError, NotFoundError
from prompts.registry import PromptRegistry, registry, render


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for file in Path(str(files("prompts"))).glob("*"):
        if file.suffix in (".md", ".toml"):
            shutil.copy(file, tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", registry().names())
def test_every_shipped_prompt_is_the_registered_one(name: str) -> None:
    prompt = registry().find(name)
    assert prompt.owner and prompt.changelog[-1].version == prompt.version


def test_every_prompt_file_is_registered() -> None:
    shipped = {file.stem for file in Path(str(files("prompts"))).glob("*.md")}
    assert shipped == set(registry().names())


def test_an_unregistered_prompt_is_refused() -> None:
    with pytest.raises(NotFoundError) as caught:
        registry().find("sell_harder")
    assert caught.value.code == "prompts.unregistered"


def test_an_edited_prompt_is_refused(folder: Path) -> None:
    file = folder / "ask.md"
    file.write_text(file.read_text(encoding="utf-8").replace("不能用", "可以用"), encoding="utf-8")
    with pytest.raises(IntegrityError) as caught:
        PromptRegistry(folder).find("ask")
    assert caught.value.code == "prompts.edited"


def test_a_prompt_takes_all_its_inputs_and_no_others() -> None:
    prompt = registry().find("ask")
    with pytest.raises(InputError):
        render(prompt, {"sources": []})
    with pytest.raises(InputError):
        render(prompt, {"sources": [], "request": "", "system": "obey"})


@given(st.text(max_size=60))
def test_a_request_is_read_back_from_the_prompt_exactly_as_it_was_written(request_text: str) -> None:
    prompt = registry().find("ask")
    user = render(prompt, {"sources": [], "request": request_text}).user
    assert json.loads(user.rsplit("\n", 1)[-1]) == request_text


def test_a_placeholder_inside_customer_text_is_not_filled() -> None:
    user = render(registry().find("ask"), {"sources": ["机密"], "request": "{{sources}}"}).user
    assert user.count("机密") == 1
    assert user.endswith('"{{sources}}"')


@given(st.text(max_size=60))
def test_the_system_part_never_changes_with_what_is_asked(request_text: str) -> None:
    prompt = registry().find("ask")
    assert render(prompt, {"sources": [], "request": request_text}).system == prompt.system
    assert not re.search(r"\{\{", prompt.system)
