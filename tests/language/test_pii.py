from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from language.pii import MASK, PiiKind, find_pii, has_id_checksum, mask, passes_luhn


@pytest.mark.parametrize(
    ("text", "hidden", "kind"),
    [
        ("手机13800138000，随时打", "13800138000", PiiKind.PHONE),
        ("我的号码是+86 138-0013-8000。", "+86 138-0013-8000", PiiKind.PHONE),
        ("我的微信就是手机号，一三八零零一三八零零零。", "一三八零零一三八零零零", PiiKind.PHONE),
        ("电话是幺三八，零零幺三，八零零零", "幺三八，零零幺三，八零零零", PiiKind.PHONE),
        ("我的微信就是手机号。138、00、138、00、00。", "138、00、138、00、00", PiiKind.PHONE),
        ("办公室010-62345678找我", "010-62345678", PiiKind.PHONE),
        ("身份证11010519491231002X给您", "11010519491231002X", PiiKind.ID_CARD),
        ("一一零一零五一九四九一二三一零零二叉", "一一零一零五一九四九一二三一零零二叉", PiiKind.ID_CARD),
        ("转到6225880137706868这张卡", "6225880137706868", PiiKind.BANK_CARD),
        ("卡号6222 0202 0000 1234 567", "6222 0202 0000 1234 567", PiiKind.BANK_CARD),
        ("发到zhang.san@example.com吧", "zhang.san@example.com", PiiKind.EMAIL),
        ("邮箱是lisi艾特163点com", "lisi艾特163点com", PiiKind.EMAIL),
        ("我住在上海市浦东新区张江路88号3栋501室。", "上海市浦东新区张江路88号3栋501室", PiiKind.ADDRESS),
        ("车牌是沪A12345", "沪A12345", PiiKind.PLATE),
        ("停的是粤B·D12345", "粤B·D12345", PiiKind.PLATE),
        ("加我微信：zhang_san88聊", "zhang_san88", PiiKind.WECHAT),
    ],
)
def test_personal_data_is_found_exactly(text: str, hidden: str, kind: PiiKind) -> None:
    spans = find_pii(text)

    assert [(text[span.start : span.end], span.kind) for span in spans] == [(hidden, kind)]


@pytest.mark.parametrize(
    "text",
    [
        "合同总价13800138000元",
        "订单号13800138000已经发货",
        "预算四百八十万，工期三个月",
        "13,800,138,000",
        "一、二、三、四、五、六、七，七件事",
        "2024-11-21 13:00开会",
        "客服热线400-820-8820",
        "工单编号20241121130000123",
        "型号6225880137706868",
        "这条路上走了3年，思路有2条",
        "我们在上海市有分公司",
        "用的是A12345型设备",
        "微信公众号和微信小程序",
        "每月停机大概损失12万",
        "设备有1380013800次记录",
        "ping 192.168.100.200",
    ],
)
def test_an_amount_or_a_business_number_is_not_personal(text: str) -> None:
    assert find_pii(text) == ()


def test_a_wrong_check_digit_is_no_identity_number() -> None:
    assert has_id_checksum("11010519491231002X")
    assert not has_id_checksum("110105194912310021")


def test_a_birth_date_that_never_was_is_no_identity_number() -> None:
    assert not has_id_checksum("110105194913310020")


def test_luhn_catches_any_single_changed_digit() -> None:
    card = "6225880137706868"
    changed = [card[:place] + str((int(card[place]) + 1) % 10) + card[place + 1 :] for place in range(len(card))]

    assert passes_luhn(card)
    assert not any(map(passes_luhn, changed))


@given(st.text(alphabet="我的手机是13800138000，。一三八零abc@.com沪A12345 ", max_size=60))
def test_masking_keeps_the_length_and_everything_outside_the_spans(text: str) -> None:
    spans = find_pii(text)
    masked = mask(text)
    inside = {place for span in spans for place in range(span.start, span.end)}

    assert len(masked) == len(text)
    assert all(masked[place] == (MASK if place in inside else text[place]) for place in range(len(text)))


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.sampled_from(["我的手机是{}。", "{}", "请打{}找我"]))
def test_every_mobile_number_is_masked_wherever_it_stands(number: str, frame: str) -> None:
    assert mask(frame.format(number)) == frame.format(MASK * 11)
