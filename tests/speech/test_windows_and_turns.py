from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech.audio import RATE
from speech.timed_text import TimedText, plain, spread, words
from speech.turns import PAUSE_MS, Stretch, interleaved, joined, stretch, stretches
from speech.voice_activity import FRAME, Region, RegionRules, speech_regions
from speech.windows import GAP_S, LONGEST_S, Window, cut, pack

_GAPS = st.lists(st.tuples(st.integers(1, 5 * RATE), st.integers(1, 20 * RATE)), min_size=1, max_size=20)


def regions_of(gaps: list[tuple[int, int]]) -> list[Region]:
    regions, at = [], 0
    for gap, length in gaps:
        regions.append(Region(start=at + gap, end=at + gap + length))
        at += gap + length
    return regions


@given(_GAPS)
def test_packing_keeps_every_region_once_and_in_order(gaps: list[tuple[int, int]]) -> None:
    regions = regions_of(gaps)

    packed = [region for window in pack(regions, channel=0) for region in window.regions]

    assert packed == regions


@given(_GAPS)
def test_a_window_is_never_longer_than_whisper_reads(gaps: list[tuple[int, int]]) -> None:
    for window in pack(regions_of(gaps), channel=0):
        assert sum((region.end - region.start) / RATE + GAP_S for region in window.regions) <= LONGEST_S + 0.01


@settings(max_examples=30)
@given(_GAPS, st.integers(1000, 200_000))
def test_cutting_gives_each_region_exactly_its_own_samples(gaps: list[tuple[int, int]], block: int) -> None:
    regions = regions_of(gaps)
    sound = np.arange(regions[-1].end, dtype=np.float32)[None, :]
    blocks = (sound[:, at : at + block] for at in range(0, sound.shape[1], block))

    for window_sound in cut(blocks, pack(regions, channel=0)):
        for region, piece in zip(window_sound.window.regions, window_sound.pieces, strict=True):
            assert piece[0] == region.start
            assert len(piece) == region.end - region.start


def test_a_word_maps_back_to_where_it_was_said() -> None:
    window = Window(channel=0, regions=(Region(start=RATE, end=3 * RATE), Region(start=10 * RATE, end=12 * RATE)))

    assert window.place(0.5, 1.0) == (1500, 2000)
    assert window.place(2.0 + GAP_S + 0.5, 2.0 + GAP_S + 1.0) == (10_500, 11_000)


def test_a_word_that_begins_with_the_pause_belongs_after_it() -> None:
    window = Window(channel=0, regions=(Region(start=0, end=2 * RATE), Region(start=10 * RATE, end=12 * RATE)))

    assert window.place(1.7, 2.0 + GAP_S + 0.3) == (10_000, 10_300)


def test_regions_pause_at_silence_and_are_padded() -> None:
    voice = np.zeros(200, np.float32)
    voice[30:60] = voice[120:150] = 0.9

    first, second = speech_regions(voice, rules=RegionRules(), samples=200 * FRAME)

    assert (first.start, first.end) == (30 * FRAME - 3200, 60 * FRAME + 3200)
    assert second.start == 120 * FRAME - 3200


def test_a_click_is_no_region_and_long_speech_is_cut() -> None:
    voice = np.zeros(3000, np.float32)
    voice[10:12] = 0.9
    voice[100:2500] = 0.9

    regions = speech_regions(voice, rules=RegionRules(), samples=3000 * FRAME)

    assert regions[0].start > 12 * FRAME
    assert len(regions) >= 3
    assert all((region.end - region.start) / RATE <= 28 for region in regions)


@given(st.lists(st.floats(0, 1, width=32), max_size=400))
def test_regions_lie_inside_the_recording_and_never_overlap(curve: list[float]) -> None:
    regions = speech_regions(np.asarray(curve, np.float32), rules=RegionRules(), samples=len(curve) * FRAME)

    edges = [edge for region in regions for edge in (region.start, region.end)]
    assert edges == sorted(edges)
    assert all(0 <= edge <= len(curve) * FRAME for edge in edges)


def said(speaker: str, text: str, start_ms: int, end_ms: int) -> Stretch:
    return stretch(speaker, None, spread(text, start_ms, end_ms, 0.9))


def test_a_turn_ends_at_a_pause_of_more_than_800_ms() -> None:
    text = spread("你好，", 0, 1000, 0.9) + spread("再见", 1000 + PAUSE_MS + 1, 3000, 0.9)

    assert [plain(piece.characters) for piece in stretches("rep", 0, text)] == ["你好，", "再见"]


def test_a_pause_of_exactly_800_ms_does_not_end_a_turn() -> None:
    text = spread("你好", 0, 1000, 0.9) + spread("再见", 1000 + PAUSE_MS, 3000, 0.9)

    assert len(stretches("rep", 0, text)) == 1


def test_a_turn_that_spans_the_others_is_cut_where_the_other_starts() -> None:
    pieces = interleaved([said("rep", "一二三四五六七八九十", 0, 10_000), said("customer", "嗯", 4500, 4900)])

    assert [(piece.speaker, plain(piece.characters)) for piece in pieces] == [
        ("rep", "一二三四五"),
        ("customer", "嗯"),
        ("rep", "六七八九十"),
    ]


def test_an_overlap_at_the_edge_leaves_both_turns_whole() -> None:
    pieces = interleaved([said("rep", "说得很清楚", 0, 5000), said("customer", "我知道了", 4600, 7000)])

    assert [plain(piece.characters) for piece in pieces] == ["说得很清楚", "我知道了"]


@given(
    st.lists(
        st.tuples(st.sampled_from(["rep", "customer"]), st.integers(0, 20_000), st.integers(200, 9000)),
        min_size=1,
        max_size=8,
    )
)
def test_no_character_is_lost_or_doubled_between_speakers(drawn: list[tuple[str, int, int]]) -> None:
    pieces = [said(speaker, "甲乙丙丁", start, start + length) for speaker, start, length in drawn]

    done = joined(interleaved(pieces))

    for speaker in ("rep", "customer"):
        before = sum(len(piece.characters) for piece in pieces if piece.speaker == speaker)
        assert sum(len(piece.characters) for piece in done if piece.speaker == speaker) == before
    starts = [piece.start_ms for piece in done]
    assert starts == sorted(starts)


def test_words_are_characters_in_chinese_and_runs_in_latin() -> None:
    text: TimedText = spread("用CRM，好", 0, 500, 0.8)

    assert [word.text for word in words(text)] == ["用", "CRM", "好"]


@pytest.mark.parametrize("text", ["你好", "用CRM系统", "一，二"])
def test_spreading_covers_the_time_and_keeps_the_text(text: str) -> None:
    timed = spread(text, 100, 900, 0.5)

    assert plain(timed) == text
    assert timed[0].start_ms == 100
    assert timed[-1].end_ms == 900
