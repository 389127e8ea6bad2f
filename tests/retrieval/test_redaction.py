"""Masking people's names, numbers and addresses in what a case tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.redaction import TEXT_COLUMNS, redact

SAMPLES = Path(__file__).parents[2] / "examples" / "cases.jsonl"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("采购经理李明说价格太高", "采购经理＊＊说价格太高"),
        ("张伟民院长要求三周上线", "＊＊＊院长要求三周上线"),
        ("联系人：欧阳娜娜，财务总监王建国最后签字", "联系人：＊＊＊＊，财务总监＊＊＊最后签字"),
        ("王主任认为太慢", "＊主任认为太慢"),
        ("设备科刘科长担心人手", "设备科＊科长担心人手"),
        ("一家客户叫孙丽华的采购不满意", "一家客户叫＊＊＊的采购不满意"),
        ("副院长高明远表示同意", "副院长＊＊＊表示同意"),
    ],
)
def test_names_of_customer_people_are_masked(text: str, masked: str) -> None:
    assert redact(text).text == masked


@pytest.mark.parametrize(
    "text",
    [
        "高级经理和成本主管都同意",
        "分管副院长要看三家对比",
        "前任客户经理离职后没人跟",
        "华南区总监要看方案",
        "6段店长视频",
        "总经理拍板，财务总监要看投资回报",
        "采购方要求先付款",
        "数擎软件和云舟科技都来过",
        "项目经理从来不用",
        "厂长何时签字",
    ],
)
def test_words_and_companies_stay(text: str) -> None:
    assert redact(text).text == text


def test_our_reps_stay() -> None:
    text = "林晓拜访了周总，赵一宁总监陪同"
    assert redact(text, keep={"林晓", "赵一宁"}).text == "林晓拜访了＊总，赵一宁总监陪同"


def test_the_sample_cases_name_nobody() -> None:
    cases = [json.loads(line) for line in SAMPLES.read_text(encoding="utf-8").splitlines()]
    assert [case["id"] for case in cases if any(redact(case[column]).masked for column in TEXT_COLUMNS)] == []


@given(st.text(alphabet="王李张经理主任说：，13800 abc@x.com周总", max_size=40))
def test_length_holds_and_masking_again_changes_nothing(text: str) -> None:
    once = redact(text).text
    assert len(once) == len(text)
    assert all(new in (old, "＊") for old, new in zip(text, once, strict=True))
