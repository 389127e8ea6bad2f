"""Clauses of speech and denials."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from language.negation import is_negated
from language.spoken import spoken_clauses


def test_speech_without_marks_is_cut_where_it_is_spoken() -> None:
    clauses = spoken_clauses("行没问题我周五前把报价单发给您然后您再看一下")
    assert [clause.text for clause in clauses] == ["行没问题", "我周五前把报价单发给您", "然后您再看一下"]


def test_a_new_actor_with_a_date_begins_a_clause() -> None:
    clauses = spoken_clauses("您周三把地块图给我我周五给您出种植方案")
    assert [clause.text for clause in clauses] == ["您周三把地块图给我", "我周五给您出种植方案"]


def test_a_list_stays_whole_and_a_clock_time_is_not_cut() -> None:
    assert [clause.text for clause in spoken_clauses("排期图、案例，15:00前给您")] == ["排期图、案例", "15:00前给您"]


@given(st.text(alphabet="我您周五给，。然后吗吧好的行 ：15", max_size=40))
def test_clauses_are_stretches_of_the_text_in_order(text: str) -> None:
    clauses = spoken_clauses(text)
    assert all(text[clause.start : clause.end] == clause.text for clause in clauses)
    assert all(left.end <= right.start for left, right in pairwise(clauses))


@pytest.mark.parametrize(
    ("text", "phrase", "negated"),
    [
        ("这个不是太贵", "太贵", True), ("价格这块倒不是问题", "价格", True), ("我不觉得贵", "贵", True),
        ("没有说太贵", "太贵", True), ("太贵了", "太贵", False), ("不过太贵了", "太贵", False),
        ("是不是太贵了", "太贵", False), ("不是不贵", "贵", False),
    ],
)  # fmt: skip
def test_a_denial_is_told_from_a_question_and_a_double_denial(text: str, phrase: str, negated: bool) -> None:
    start = text.index(phrase)
    assert is_negated(text, start, start + len(phrase)) is negated
