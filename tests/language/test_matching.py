"""Names by spelling and by sound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.lexicon import LexiconEntry, LexiconKind
from language.matching import Likeness, Matcher, fold

RIVALS = (
    LexiconEntry(name="数擎软件", aliases=("数擎", "SQ"), kind=LexiconKind.COMPETITOR),
    LexiconEntry(name="瀚海系统", aliases=("瀚海",), kind=LexiconKind.COMPETITOR),
)


def test_the_longest_form_wins() -> None:
    (match,) = Matcher(RIVALS).literal("数擎软件报了价")
    assert (match.form, match.likeness) == ("数擎软件", Likeness.EXACT)


def test_an_alias_leads_to_the_canonical_name() -> None:
    (match,) = Matcher(RIVALS).literal("瀚海那边")
    assert (match.entry.name, match.likeness) == ("瀚海系统", Likeness.ALIAS)


def test_letter_case_and_width_do_not_matter() -> None:
    assert [match.form for match in Matcher(RIVALS).literal("ＳＱ和sq")] == ["SQ", "SQ"]


def test_a_latin_name_is_no_part_of_a_longer_word() -> None:
    assert Matcher(RIVALS).literal("MySQL") == []


def test_other_characters_with_the_same_sounds_are_heard() -> None:
    (match,) = Matcher(RIVALS).homophones("树情软件来过")
    assert (match.entry.name, match.likeness, match.distance) == ("数擎软件", Likeness.HOMOPHONE, 0.0)


def test_a_name_written_right_is_no_homophone() -> None:
    assert [m for m in Matcher(RIVALS).homophones("数擎软件") if m.form == "数擎软件"] == []


def test_an_empty_lexicon_finds_nothing() -> None:
    assert (Matcher(()).literal("数擎"), Matcher(()).homophones("数擎")) == ([], [])


@given(st.text(max_size=40))
def test_folding_keeps_offsets(text: str) -> None:
    assert len(fold(text)) == len(text)


@given(st.text(alphabet="我们跟比较，。", max_size=8), st.text(alphabet="我们跟比较，。", max_size=8))
def test_an_alias_is_found_where_it_was_put(before: str, after: str) -> None:
    (match,) = Matcher(RIVALS).literal(f"{before}瀚海{after}")
    assert (match.start, match.end) == (len(before), len(before) + 2)
