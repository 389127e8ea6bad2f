"""Settings are read once, and every fault is said at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import InputError
from zhanqing.settings import Settings, read_settings, unknown_variables, variables
from zhanqing.settings_reference import reference


def test_a_misspelt_variable_is_named_with_the_nearest_known_one() -> None:
    assert unknown_variables({"ZHANQING_LLM__BASE_ULR": "x"}) == [("ZHANQING_LLM__BASE_ULR", "ZHANQING_LLM__BASE_URL")]


def test_variables_of_others_and_of_tests_are_left_alone() -> None:
    assert unknown_variables({"PATH": "x", "ZHANQING_TEST_DATABASE__URL": "x", "ZHANQING_HOME": "x"}) == []


def test_all_misspelt_variables_are_reported_together() -> None:
    with pytest.raises(InputError) as caught:
        read_settings({"ZHANQING_HOMW": "a", "ZHANQING_REDIS_URL": "b"})
    assert "ZHANQING_HOMW" in str(caught.value)
    assert "ZHANQING_REDIS__URL" in str(caught.value)


def test_a_bad_value_is_named_but_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHANQING_SPEECH__THREADS", "sk-secret")
    with pytest.raises(InputError) as caught:
        read_settings({})
    assert "ZHANQING_SPEECH__THREADS" in str(caught.value)
    assert "sk-secret" not in str(caught.value)


def test_nested_settings_come_from_double_underscores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHANQING_LLM__MODEL", "qwen")
    assert read_settings({}).llm.model == "qwen"


def test_secrets_do_not_show_in_a_printed_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHANQING_LLM__API_KEY", "sk-secret")
    assert "sk-secret" not in repr(read_settings({}))


def test_the_default_database_lies_in_the_home_folder(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert Settings(home=tmp_path).database_url.endswith("zhanqing.db")


def test_every_variable_is_described() -> None:
    assert all(description for _, description in variables())


def test_misspelt_and_unfit_settings_are_reported_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHANQING_SPEECH__THREADS", "-1")
    monkeypatch.setenv("ZHANQING_OIDC__ISSUER", "https://id.acme.cn")
    with pytest.raises(InputError) as caught:
        read_settings({"ZHANQING_HOMW": "a"})
    for wanted in ("ZHANQING_HOMW", "ZHANQING_SPEECH__THREADS", "ZHANQING_OIDC"):
        assert wanted in str(caught.value)


def test_the_page_of_settings_is_what_the_code_says() -> None:
    """Mended by: zhanqing settings > docs/settings.md"""
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == reference().rstrip("\n") + "\n"
    assert all(f"`{name}`" in page for name, _ in variables())
