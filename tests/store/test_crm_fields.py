"""CRM fields become text that can be cited and says what the record says."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.accounts import Account
from language.quantities import quantities
from store.crm_fields import account_drafts, amount_text, field_text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (5_000_000.0, "500万元"),
        (1_234_567.0, "123.4567万元"),
        (120_000_000, "1.2亿元"),
        (8000, "8000元"),
        (9999.5, "9999.5元"),
        (0, "0元"),
        (-30_000, "-3万元"),
    ],
)
def test_an_amount_is_written_as_it_is_read_aloud(amount: float, text: str) -> None:
    assert amount_text(amount) == text


@given(st.decimals(min_value=0, max_value=10**12, places=2))
def test_no_amount_is_rounded(amount: Decimal) -> None:
    written = amount_text(float(amount))
    unit = {"亿": 10**8, "万": 10**4}.get(written[-2], 1)
    assert Decimal(written.rstrip("元亿万")) * unit == Decimal(str(float(amount)))


@given(st.integers(min_value=1, max_value=10**11))
def test_an_amount_reads_back_as_the_same_number(amount: int) -> None:
    assert [(found.low, found.high, found.unit) for found in quantities(amount_text(amount))] == [
        (amount, amount, "CNY")
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("  华东 ", "华东"),
        (True, "是"),
        (12.0, "12"),
        (12.5, "12.5"),
        (datetime(2026, 11, 20, tzinfo=UTC), "2026-11-20"),
        (datetime(2026, 11, 20, 9, 30, tzinfo=UTC), "2026-11-20 09:30"),
        (["重点", "", "华东"], "重点、华东"),
        ({}, ""),
        ({"b": 1, "a": "二"}, '{"a": "二", "b": 1}'),
    ],
)
def test_a_field_is_written_for_readers(value: object, text: str) -> None:
    assert field_text(value) == text


def test_unknown_fields_that_share_a_source_id_make_one_source() -> None:
    drafts = account_drafts(Account(account_id="A1", name="华星", extra={"评 级": "A", "评_级": "B"}))
    assert [(draft.source_id, draft.text) for draft in drafts] == [
        ("crm:account:A1:评_级", "B"),
        ("crm:account:A1:name", "华星"),
    ]


def test_the_id_and_the_consent_are_no_fields() -> None:
    drafts = account_drafts(Account(account_id="A1", name="华星"))
    assert [draft.source_id for draft in drafts] == ["crm:account:A1:name"]
