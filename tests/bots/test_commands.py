"""A rep's short words are commands; a customer's sentence that happens to hold one is not."""

from __future__ import annotations

import pytest

from bots.commands import Command, CommandKind, in_chinese, read_command


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


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("brief", "简报"),
        ("Deal brief.", "简报"),
        ("江州医院 brief", "江州医院 简报"),
        ("why", "为什么"),
        ("Why 2?", "为什么 2"),
        ("reply: it is too expensive", "回复：it is too expensive"),
        ("为什么第二条", "为什么 2"),
        ("为啥2", "为什么 2"),
        ("briefly, what now", "briefly, what now"),
        ("why is it so expensive", "why is it so expensive"),
        ("客户说太贵", "客户说太贵"),
    ],
)
def test_english_requests_reach_the_coach_in_its_words(said: str, meant: str) -> None:
    assert in_chinese(said) == meant


@pytest.mark.parametrize(
    ("text", "kind", "number"),
    [
        ("第一条不错，就用它", CommandKind.ACCEPT, 1),
        ("第2条可以", CommandKind.ACCEPT, 2),
        ("不太合适", CommandKind.REJECT, None),
        ("在吗", CommandKind.HELP, None),
        ("谢啦", CommandKind.THANKS, None),
        ("上面第二条再短点", CommandKind.REWRITE, None),
        ("换个说法", CommandKind.REWRITE, None),
        ("再来一条", CommandKind.REWRITE, None),
    ],
)
def test_what_reps_really_type_is_understood(text: str, kind: CommandKind, number: int | None) -> None:
    command = read_command(text)
    assert command is not None and (command.kind, command.number) == (kind, number)


@pytest.mark.parametrize(
    "text", ["客户说换个方案再谈", "第一条产线多久能上线", "再便宜点", "来一个医院的案例", "合同短一点行不行"]
)
def test_questions_are_no_commands(text: str) -> None:
    assert read_command(text) is None
