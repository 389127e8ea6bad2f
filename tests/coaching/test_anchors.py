"""A comment stays on its moment when the conversation is heard again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coaching.anchors import Anchoring, anchor
from domain.conversation import Transcript, Turn
from domain.signals import Moment


def turn(turn_id: str, text: str, start_ms: int, end_ms: int) -> Turn:
    return Turn(id=turn_id, speaker="customer", text=text, start_ms=start_ms, end_ms=end_ms)


THEN = Moment(turn_id="t003", start_ms=20_000, end_ms=24_000, quote="价格太贵了")


def test_while_the_turn_holds_the_words_nothing_moves() -> None:
    now = Transcript(id="c", turns=(turn("t003", "说实话，价格太贵了", 20_100, 24_000),))
    assert anchor(THEN, now).how is Anchoring.SAME


def test_new_turn_ids_and_other_characters_are_found_by_time_and_likeness() -> None:
    now = Transcript(
        id="c", turns=(turn("a", "我们先看看", 19_000, 20_000), turn("b", "说实话价格太贵咯", 20_200, 24_100))
    )
    found = anchor(THEN, now)
    assert (found.how, found.moment.turn_id, found.moment.start_ms) == (Anchoring.MOVED, "b", 20_200)


def test_the_same_words_a_minute_later_are_another_moment() -> None:
    now = Transcript(id="c", turns=(turn("b", "价格太贵了", 90_000, 92_000),))
    assert anchor(THEN, now).how is Anchoring.LOST


def test_what_is_gone_stays_as_it_was_remembered() -> None:
    assert anchor(THEN, Transcript(id="c", turns=())).moment == THEN


@given(st.integers(0, 10_000), st.integers(1, 5))
def test_a_shift_of_a_few_seconds_and_a_split_do_not_lose_it(shift_ms: int, parts: int) -> None:
    start = 20_000 + shift_ms
    turns = [turn(f"x{at}", "嗯", start - 500 * (at + 1), start - 500 * at) for at in range(parts, 0, -1)]
    now = Transcript(id="c", turns=(*turns, turn("y", "价格太贵了", start, start + 4_000)))
    assert anchor(THEN, now).moment.turn_id == "y"
