"""A line is about the customer it names; where it could be several, all are returned so that somebody asks."""

from __future__ import annotations

import pytest

from agent.customers import customers_named, stranger_named
from domain.accounts import Account, Contact

BEARING = Account(
    account_id="A1", name="洛阳恒运轴承厂有限公司", contacts=(Contact(name="王建国", title="设备科主任"),)
)
HOSPITAL = Account(account_id="A2", name="江州市第一人民医院", contacts=(Contact(name="王丽", title="信息科主任"),))
CLOTHES = Account(account_id="A3", name="锦华服饰", contacts=(Contact(name="李强", title="总经理"),))
GROUP = Account(account_id="A4", name="锦华服饰集团", contacts=())
MINE = [BEARING, HOSPITAL, CLOTHES]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("江州市第一人民医院那单咋推", ["A2"]),
        ("轴承厂那单谁负责的", ["A1"]),
        ("李总说再想想，怎么回", ["A3"]),
        ("王主任那单咋推", ["A1", "A2"]),
        ("王建国昨天说预算批了", ["A1"]),
        ("今天天气不错", []),
        ("科技公司一般怎么谈", []),
    ],
)
def test_a_line_names_a_customer_by_name_part_or_contact(text: str, found: list[str]) -> None:
    assert [account.account_id for account in customers_named(text, MINE)] == found


def test_a_name_inside_a_longer_one_that_was_said_is_not_meant() -> None:
    other = Account(account_id="A5", name="锦华")
    assert [one.account_id for one in customers_named("锦华服饰怎么样了", [CLOTHES, other])] == ["A3"]


def test_a_person_nobody_knows_is_named_as_such() -> None:
    assert stranger_named("赵总那单怎么推", MINE) == "赵总"
    assert stranger_named("李总那单怎么推", MINE) == ""
    assert stranger_named("这单怎么推", MINE) == ""
