"""The Markdown report says what the page says, and what people said cannot become markup."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coaching.documents import read_report, report_document
from coaching.markdown import escaped, render_markdown
from coaching.page import render_html
from coaching.testing import CALL, replies, report
from domain.conversation import Transcript, Turn
from domain.suggestions import AI_LABEL


def test_alerts_come_first_and_the_label_is_at_both_ends() -> None:
    lines = render_markdown(report())
    assert lines.index("先看合规") < lines.index("一分钟看懂")
    assert lines.startswith("# 通话复盘 · 恒远")
    assert lines.rstrip().endswith(AI_LABEL)


def test_each_claim_has_its_mark_and_its_source_below() -> None:
    lines = render_markdown(report(replies=replies()))
    assert "再谈单价。\\[1\\]" in lines
    assert "`case:C-1:talk_track` v1" in lines


@given(st.text())
def test_words_stay_one_line_without_markup(words: str) -> None:
    safe = escaped(words)
    assert len(safe.splitlines()) <= 1
    assert safe.replace("\\", "") == " ".join(words.split()).replace("\\", "")
    assert all(safe[at - 1] == "\\" for at, mark in enumerate(safe) if mark in "<[`*#|")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_stored_report_reads_back_the_same(lang: str) -> None:
    made = report(replies=replies())
    again = read_report(report_document(made))
    assert again == made
    assert render_html(again, lang=lang) == render_html(made, lang=lang)


def test_who_asked_to_be_left_alone_is_not_sold_to() -> None:
    stop = Turn(id="t003", speaker="customer", text="不要再给我打电话了", start_ms=9_500, end_ms=10_000)
    call: Transcript = replace(CALL, turns=(*CALL.turns, stop))
    document = report_document(report())
    document["conversation"] = report_document(replace(report(), transcript=call))["conversation"]
    lines = render_markdown(read_report(document))
    assert lines.index("客户要求不再联系") < lines.index("先看合规")
    assert "建议今天就补一个" not in lines
