"""Laws of the conversation metrics and the figures of one call worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coaching.metrics import interactivity_score, measure
from domain.conversation import Transcript, Turn
from domain.signals import Metric, Signal, SignalKind


def timed(*rows: tuple[str, int, int], duration_ms: int | None = None, text: str = "我们聊聊") -> Transcript:
    turns = tuple(
        Turn(id=f"t{number:03d}", speaker=speaker, text=text, start_ms=start, end_ms=end)
        for number, (speaker, start, end) in enumerate(rows, start=1)
    )
    return Transcript(id="c", turns=turns, duration_ms=duration_ms)


def by_name(transcript: Transcript, signals: tuple[Signal, ...] = ()) -> dict[str, Metric]:
    return {metric.name: metric for metric in measure(transcript, signals)}


def signal(kind: SignalKind, label: str, turn: Turn, quote: str, **attributes: object) -> Signal:
    start = turn.text.index(quote)
    return Signal(
        id="s",
        kind=kind,
        label=label,
        score=1.0,
        turn_id=turn.id,
        start=start,
        end=start + len(quote),
        quote=quote,
        extractor="test",
        version="1",
        attributes=attributes,
    )


CALL = timed(
    ("rep", 0, 10_000),
    ("customer", 10_600, 20_000),
    ("rep", 21_000, 30_000),
    ("rep", 32_000, 40_000),
    ("customer", 39_000, 45_000),
    ("rep", 44_000, 50_000),
    duration_ms=60_000,
)


def test_a_call_worked_out_by_hand() -> None:
    metrics = by_name(CALL)
    assert metrics["talk_ratio"].value == pytest.approx(33 / (33 + 15.4))
    assert metrics["longest_monologue"].value == 19_000
    assert metrics["longest_customer_story"].value == 9_400
    assert metrics["patience"].value == 500  # gaps of 1,000 ms and, talking over, 0 ms
    assert metrics["interactivity"].value == pytest.approx(4 / (50_000 / 60_000))
    assert metrics["interruptions"].value == pytest.approx(1_000 / 60_000)
    assert metrics["silence"].value == pytest.approx(1 - 46.4 / 60)
    assert metrics["talking_speed"].value == pytest.approx(16 / (33 / 60))


def test_every_metric_of_the_contract_is_there_once() -> None:
    assert list(by_name(CALL)) == [
        "talk_ratio",
        "longest_monologue",
        "longest_customer_story",
        "interactivity",
        "patience",
        "question_rate",
        "open_questions_first_90s",
        "talking_speed",
        "interruptions",
        "silence",
        "company_pitch",
        "competitor_timing",
        "next_step_specificity",
        "emotion_volatility",
    ]


def test_an_empty_conversation_has_no_zeros() -> None:
    assert all(metric.value is None and metric.undefined_because for metric in measure(Transcript(id="c", turns=())))


def test_without_times_lengths_are_in_characters_and_times_are_undefined() -> None:
    chat = Transcript(
        id="c",
        turns=(Turn(id="1", speaker="rep", text="您好，报价 3000 元"), Turn(id="2", speaker="customer", text="太贵了")),
    )
    metrics = by_name(chat)
    assert metrics["talk_ratio"].value == pytest.approx(6 / 9)
    assert (metrics["longest_monologue"].value, metrics["longest_monologue"].unit) == (6, "字")
    assert metrics["longest_monologue"].default_range is None
    assert {name for name, metric in metrics.items() if metric.value is None} >= {
        "patience",
        "silence",
        "talking_speed",
    }


def test_mostly_unattributed_speech_gives_no_talk_ratio() -> None:
    assert by_name(timed(("rep", 0, 5_000), ("speaker_0", 5_000, 10_000)))["talk_ratio"].value is None


def test_questions_in_the_first_90_seconds_count_by_when_they_are_spoken() -> None:
    turn = Turn(id="t", speaker="rep", text="先介绍一下情况。您最担心什么？", start_ms=0, end_ms=200_000)
    call = Transcript(
        id="c", turns=(turn, Turn(id="u", speaker="customer", text="嗯", start_ms=200_100, end_ms=200_400))
    )
    late = signal(SignalKind.QUESTION, "开放式", turn, "您最担心什么？")
    early = signal(SignalKind.QUESTION, "开放式", turn, "先介绍一下情况。")
    assert by_name(call, (late,))["open_questions_first_90s"].value == 0
    assert by_name(call, (early,))["open_questions_first_90s"].value == 1


def test_a_step_is_specific_with_owner_and_date() -> None:
    turn = Turn(id="t", speaker="rep", text="周五前我发方案，以后再约")
    call = Transcript(id="c", turns=(turn,))
    dated = signal(SignalKind.NEXT_STEP, "next_step", turn, "周五前我发方案", who="rep", due="周五前")
    vague = signal(SignalKind.NEXT_STEP, "next_step", turn, "以后再约", who="both", due=None)
    assert by_name(call, (dated, vague))["next_step_specificity"].value == 0.5


def test_volatility_is_the_spread_of_the_customers_valences() -> None:
    turns = tuple(Turn(id=str(n), speaker="customer", text="好") for n in range(2))
    cues = tuple(
        signal(SignalKind.EMOTION, "中性", turn, "好", valence=valence)
        for turn, valence in zip(turns, (0.5, -0.5), strict=True)
    )
    assert by_name(Transcript(id="c", turns=turns), cues)["emotion_volatility"].value == 0.5


SPEAKERS = st.sampled_from(["rep", "customer"])
ROWS = st.lists(st.tuples(SPEAKERS, st.integers(0, 3_000), st.integers(100, 60_000)), min_size=1, max_size=12)


def laid_out(rows: list[tuple[str, int, int]], *, scale: int = 1, swap: bool = False, pause_ms: int = 0) -> Transcript:
    other = {"rep": "customer", "customer": "rep"}
    laid, at = [], 0
    for speaker, pause, length in rows:
        start = at + pause * scale + pause_ms
        at = start + length * scale
        laid.append((other[speaker] if swap else speaker, start, at))
    return timed(*laid)


@given(ROWS, st.integers(2, 5))
def test_ratios_do_not_change_when_time_is_stretched(rows: list[tuple[str, int, int]], scale: int) -> None:
    plain, stretched = by_name(laid_out(rows)), by_name(laid_out(rows, scale=scale))
    for name in ("talk_ratio", "silence", "interruptions"):
        assert stretched[name].value == pytest.approx(plain[name].value) if plain[name].value is not None else True
    for name in ("longest_monologue", "longest_customer_story", "patience"):
        assert (stretched[name].value is None) == (plain[name].value is None)
        if plain[name].value is not None:
            assert stretched[name].value == pytest.approx(plain[name].value * scale)


@given(ROWS)
def test_swapping_speakers_swaps_the_shares(rows: list[tuple[str, int, int]]) -> None:
    plain, swapped = by_name(laid_out(rows)), by_name(laid_out(rows, swap=True))
    assert plain["talk_ratio"].value + swapped["talk_ratio"].value == pytest.approx(1)
    assert plain["longest_monologue"].value == swapped["longest_customer_story"].value


@given(ROWS, st.integers(1, 5_000))
def test_silence_does_not_change_the_talk_ratio(rows: list[tuple[str, int, int]], pause_ms: int) -> None:
    quiet = laid_out(rows, pause_ms=pause_ms)
    longer = replace(quiet, duration_ms=(quiet.turns[-1].end_ms or 0) + 60_000)
    assert by_name(longer)["talk_ratio"].value == pytest.approx(by_name(laid_out(rows))["talk_ratio"].value)


@given(st.floats(0, 1_000), st.floats(0, 1_000))
def test_more_switching_never_lowers_the_score(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert 0 <= interactivity_score(low) <= interactivity_score(high) < 10
