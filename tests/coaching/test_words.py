"""Our own fixed words have English, so that the English report holds Chinese only where somebody said it."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import pytest

from coaching.words import in_words


def _wording() -> list[str]:
    rules = tomllib.loads((files("signals") / "rules" / "wording.toml").read_text(encoding="utf-8"))["rule"]
    return [rule[name] for rule in rules for name in ("message", "rewrite") if rule.get(name)]


def _advice() -> list[str]:
    tactics = tomllib.loads((files("agent") / "tactics.toml").read_text(encoding="utf-8"))["tactic"]
    notes = tomllib.loads((files("agent") / "compliance.toml").read_text(encoding="utf-8"))
    named = [tactic["name"] for tactic in tactics]
    return [*named, *(topic["message"] for topic in notes["topic"]), *notes["rewritten"].values()]


@pytest.mark.parametrize("words", [*_wording(), *_advice()])
def test_what_we_say_ourselves_is_said_in_english_too(words: str) -> None:
    said = in_words(words, "en")
    assert said != words
    assert said.isascii() or not any("一" <= character <= "鿿" for character in said)


def test_a_heading_of_ours_is_put_into_english_with_what_it_heads() -> None:
    asked = in_words("客户的话里问到（这条回复没有写）：不许诺任何个人好处、回扣或礼品。", "en")
    assert asked == "Asked by the customer, not in this reply: Promise no personal benefit, kickback or gift."
    assert in_words("他说：好的", "en") == "他说：好的"
