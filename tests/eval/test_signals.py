"""The signals suite: the issue's rule for hard negatives, calibration, and rows from a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from domain.errors import InputError
from domain.signals import Intent, Signal, SignalKind
from eval.labelled import Judged, calibration_error, figures_of, is_right, keywords, reliability, said_by_words
from eval.signals import ACTS, INTENTS, data_figures
from language.encoder import Encoder


def judged(wanted: set[str], found: dict[str, float], *, hard: bool = False) -> Judged:
    signals = tuple(
        Signal(
            id="", kind=SignalKind.INTENT, label=label, score=score, turn_id="t1", start=0, end=1, quote="嗯",
            extractor="x", version="1",
        )
        for label, score in found.items()
    )  # fmt: skip
    return Judged(wanted=frozenset(wanted), hard=hard, found=signals, said_by_words=frozenset())


@pytest.mark.parametrize(
    ("wanted", "found", "right"),
    [
        ({"a", "b"}, {"a": 0.9}, True),
        ({"a"}, {"a": 0.9, "b": 0.6}, False),
        ({"a"}, {}, False),
        (set(), {}, True),
    ],
)
def test_a_hard_negative_needs_no_wrong_label_and_one_right(
    wanted: set[str], found: dict[str, float], right: bool
) -> None:
    assert is_right(judged(wanted, found, hard=True)) is right


def test_calibration_error_is_the_gap_between_score_and_share_right() -> None:
    rows = [judged({"a"}, {"a": 0.8}), judged({"a"}, {"b": 0.8})]
    assert calibration_error("e", rows).value == pytest.approx(0.3)
    assert [(band["n"], band["share_right"]) for band in reliability(rows)] == [(2, 0.5)]
    assert calibration_error("e", [judged({"a"}, {})]).value is None


def test_figures_follow_the_labels() -> None:
    rows = [judged({"a"}, {"a": 0.9}), judged({"b"}, {"a": 0.9}), judged({"b"}, {"b": 0.9}, hard=True)]
    by_name = {figure.name: figure.value for figure in figures_of("x", rows, ["a", "b"])}
    assert by_name["x_f1_a"] == pytest.approx(2 / 3)
    assert by_name["x_macro_f1"] == pytest.approx(2 / 3)
    assert by_name["x_hard_negatives_right"] == 1.0
    assert by_name["x_label_set_exact"] == pytest.approx(2 / 3)


def test_every_label_but_the_rest_has_keywords() -> None:
    assert set(keywords("intent_keywords.toml")) == set(INTENTS) - {Intent.OTHER}
    assert set(keywords("rep_act_keywords.toml")) == set(ACTS)
    assert said_by_words("嗯", keywords("intent_keywords.toml"), rest="其他") == {"其他"}


@pytest.mark.model
def test_rows_of_a_folder_are_measured_and_context_is_read(tmp_path: Path, encoder: Encoder) -> None:
    rows = [
        {"text": "一年多少钱", "labels": ["询价"]},
        {"text": "八月份", "labels": ["交付周期"], "before": [{"speaker": "rep", "text": "您什么时候要上线"}]},
        {"text": "不算的一行", "labels": ["询价"], "half": "hidden"},
    ]
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (tmp_path / "intents_strange.jsonl").write_text(text, encoding="utf-8")
    by_name = {figure.name: figure for figure in data_figures(tmp_path, "visible", encoder)}
    assert (by_name["intents_data_macro_f1"].value, by_name["intents_data_macro_f1"].n) == (1.0, 2)
    assert by_name["rep_acts_data_macro_f1"].value is None


def test_a_row_without_labels_is_named_by_file_and_line(tmp_path: Path, encoder: Encoder) -> None:
    (tmp_path / "intents.jsonl").write_text('{"text": "嗯"}\n', encoding="utf-8")
    with pytest.raises(InputError) as refused:
        data_figures(tmp_path, "visible", encoder)
    assert "intents.jsonl" in str(refused.value)
