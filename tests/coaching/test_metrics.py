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


@given(ROWS, st.integers(1, 100_000))
def test_a_call_that_begins_later_in_the_recording_measures_the_same(
    rows: list[tuple[str, int, int]], late_ms: int
) -> None:
    plain = laid_out(rows)
    later = replace(
        plain,
        turns=tuple(
            replace(turn, start_ms=(turn.start_ms or 0) + late_ms, end_ms=(turn.end_ms or 0) + late_ms)
            for turn in plain.turns
        ),
    )
    before, after = by_name(plain), by_name(later)
    for name in (
        "talk_ratio",
        "longest_monologue",
        "longest_customer_story",
        "interactivity",
        "patience",
        "talking_speed",
    ):
        assert after[name].value == before[name].value


@given(ROWS)
def test_the_order_in_which_turns_are_given_changes_no_time_metric(rows: list[tuple[str, int, int]]) -> None:
    plain = laid_out(rows)
    backwards = replace(plain, turns=plain.turns[::-1])
    for name in ("talk_ratio", "longest_monologue", "patience", "silence", "interruptions", "interactivity"):
        assert by_name(backwards)[name].value == by_name(plain)[name].value


@given(ROWS)
def test_shares_of_time_are_shares(rows: list[tuple[str, int, int]]) -> None:
    metrics = by_name(laid_out(rows))
    for name in ("talk_ratio", "silence", "interruptions"):
        value = metrics[name].value
        assert value is None or 0 <= value <= 1
    assert metrics["interruptions"].value in (None, 0)  # laid end to end, nobody speaks over anybody


@given(ROWS, st.integers(0, 11))
def test_splitting_a_turn_where_nobody_else_speaks_changes_nothing(rows: list[tuple[str, int, int]], at: int) -> None:
    plain = laid_out(rows)
    turn = plain.turns[at % len(plain.turns)]
    middle = ((turn.start_ms or 0) + (turn.end_ms or 0)) // 2
    halves = (replace(turn, end_ms=middle), replace(turn, id="half", start_ms=middle))
    turns = tuple(part for each in plain.turns for part in (halves if each is turn else (each,)))
    before, after = by_name(plain), by_name(replace(plain, turns=turns))
    for name in ("talk_ratio", "longest_monologue", "longest_customer_story", "patience", "silence", "interactivity"):
        assert after[name].value == before[name].value


TEXTS = st.lists(st.tuples(SPEAKERS, st.text("我们聊价格 ，。", min_size=1, max_size=20)), min_size=1, max_size=8)


@given(TEXTS)
def test_punctuation_and_spaces_change_no_length_in_characters(rows: list[tuple[str, str]]) -> None:
    def chat(texts: list[str]) -> Transcript:
        turns = (Turn(id=str(at), speaker=rows[at][0], text=text) for at, text in enumerate(texts))
        return Transcript(id="c", turns=tuple(turns))

    plain = by_name(chat([text for _, text in rows]))
    bare = by_name(chat([text.replace("，", "").replace("。", "").replace(" ", "") for _, text in rows]))
    for name in ("talk_ratio", "longest_monologue", "longest_customer_story"):
        assert bare[name].value == plain[name].value


@given(st.lists(st.sampled_from(["开放式", "封闭式"]), max_size=6), st.booleans())
def test_questions_are_counted_for_the_rep_only(forms: list[str], customer_asks: bool) -> None:
    rep, customer = Turn(id="r", speaker="rep", text="您看？"), Turn(id="c", speaker="customer", text="多少钱？")
    call = Transcript(id="c", turns=(rep, customer))
    asked = [signal(SignalKind.QUESTION, form, rep, "您看？") for form in forms]
    asked += [signal(SignalKind.QUESTION, "封闭式", customer, "多少钱？")] * customer_asks
    assert by_name(call, tuple(asked))["question_rate"].value == len(forms)


@given(st.integers(0, 100_000), st.integers(1, 100_000))
def test_a_competitor_is_timed_by_its_first_mention(first_ms: int, gap_ms: int) -> None:
    ends = (first_ms + 100, first_ms + 200 + gap_ms)
    turns = (
        Turn(id="a", speaker="customer", text="云舟", start_ms=first_ms, end_ms=ends[0]),
        Turn(id="b", speaker="rep", text="云舟", start_ms=ends[0] + gap_ms, end_ms=ends[1]),
    )
    call = Transcript(id="c", turns=turns, duration_ms=ends[1])
    named = tuple(signal(SignalKind.COMPETITOR, "云舟科技", turn, "云舟") for turn in turns)
    timing = by_name(call, named)["competitor_timing"].value
    assert timing == pytest.approx(first_ms / ends[1])
    assert by_name(call, named[::-1])["competitor_timing"].value == timing


def test_only_what_the_rep_pitched_counts_as_company_pitch() -> None:
    turn = Turn(id="t", speaker="rep", text="我们成立十年。您呢？", start_ms=0, end_ms=10_000)
    customer = Turn(id="c", speaker="customer", text="我们成立十年。", start_ms=10_000, end_ms=14_000)
    call = Transcript(id="c", turns=(turn, customer))
    pitch = signal(SignalKind.REP_ACT, "产品独白", turn, "我们成立十年。")
    other = signal(SignalKind.REP_ACT, "产品独白", customer, "我们成立十年。")
    assert by_name(call, (pitch, other))["company_pitch"].value == pytest.approx(7_000)
    assert by_name(call, (other,))["company_pitch"].value == 0
