"""A rep's short words are commands; a customer's sentence that happens to hold one is not."""

from __future__ import annotations

import pytest

from bots.commands import Command, CommandKind, read_command


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("绑定 12345678", Command(kind=CommandKind.BIND, words="12345678")),
        ("12345678", Command(kind=CommandKind.BIND, words="12345678")),
        ("采纳 1", Command(kind=CommandKind.ACCEPT, number=1)),
        ("采纳第2条", Command(kind=CommandKind.ACCEPT, number=2)),
        ("采纳", Command(kind=CommandKind.ACCEPT)),
        ("采纳第二条", Command(kind=CommandKind.ACCEPT, number=2)),
        ("案例 价格异议", Command(kind=CommandKind.CASES, words="价格异议")),
        ("谢谢！", Command(kind=CommandKind.THANKS)),
        ("怎么用你", Command(kind=CommandKind.HELP)),
        ("修改 2 我们先装两台", Command(kind=CommandKind.EDIT, number=2, words="我们先装两台")),
        ("修改 1", Command(kind=CommandKind.EDIT, number=1)),
        ("不合适 3", Command(kind=CommandKind.REJECT, number=3)),
        ("质疑 1：来源太旧", Command(kind=CommandKind.CHALLENGE, number=1, words="来源太旧")),
        ("待办", Command(kind=CommandKind.TODO)),
        ("演练 价格异议", Command(kind=CommandKind.DRILL, words="价格异议")),
        ("新话题", Command(kind=CommandKind.FORGET)),
        ("勿扰 21-8", Command(kind=CommandKind.QUIET, hours=(21, 8))),
        ("勿扰 21:00 到 8点", Command(kind=CommandKind.QUIET, hours=(21, 8))),
        ("帮助", Command(kind=CommandKind.HELP)),
        ("Accept 1", Command(kind=CommandKind.ACCEPT, number=1)),
    ],
)
def test_short_words_are_commands(text: str, command: Command) -> None:
    assert read_command(text) == command


@pytest.mark.parametrize(
    "text",
    [
        "客户说采纳 1 号方案要多少钱",
        "待办事项系统怎么报价",
        "你们的演练方案能不能给我看一下？",
        "1234567",
        "123456789",
        "勿扰 25-99",
        "他让我们修改合同第 3 条，咋回",
        "",
    ],
)
def test_everything_else_is_for_the_coach(text: str) -> None:
    assert read_command(text) is None
