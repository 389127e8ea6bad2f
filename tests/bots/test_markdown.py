from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bots.markdown import escaped, for_dingtalk, for_wecom_app, plain

ANSWER = """## 建议
客户嫌贵时**先问预算**[1]。
- 分期付款
- 三年质保

| 客户 | 金额 |
| --- | ---: |
| 华星 | 20 万 |
| 大地 |  |

> “价格太高” [原文](https://a.example/q)
```
| 不是 | 表 |
| - | - |
```
"""


def test_the_app_gets_lines_for_tables_and_dots_for_lists() -> None:
    shown = for_wecom_app(ANSWER)

    assert "客户：华星；金额：20 万\n客户：大地\n" in shown
    assert "• 分期付款\n• 三年质保\n" in shown
    assert "**先问预算**[1]" in shown
    assert "> “价格太高” [原文](https://a.example/q)" in shown


def test_what_stands_in_a_code_block_is_not_touched() -> None:
    assert "| 不是 | 表 |\n| - | - |" in for_wecom_app(ANSWER)
    assert "```\n| 不是 | 表 |" in for_dingtalk(ANSWER)


def test_dingtalk_breaks_lines_and_keeps_lists() -> None:
    shown = for_dingtalk("第一行\n第二行\n\n- 一\n- 二\n| 甲 | 乙 |\n|-|-|\n| 1 | 2 |\n")

    assert shown == "第一行  \n第二行\n\n- 一\n- 二\n- 甲：1；乙：2\n"


def test_plain_words_have_no_marks() -> None:
    assert plain("## 标题\n**粗** [看](https://a.example) `x`\n> 引用\n- 项") == (
        "标题\n粗 看（https://a.example） `x`\n引用\n• 项"
    )


def test_a_picture_becomes_a_link() -> None:
    assert for_wecom_app("![图](https://a.example/p.png)") == "[图](https://a.example/p.png)"


def test_somebodys_words_take_no_effect() -> None:
    shown = escaped("<@all> **粗** [点我](http://evil) `code` @zhangsan a@b.com")

    assert "<" not in shown
    assert "[点我](" not in shown
    assert "@zhangsan" not in shown
    assert "**粗**" not in shown


@given(st.text(alphabet=st.characters(exclude_characters="<>@", exclude_categories=["Cs"]), max_size=80))
def test_escaped_words_read_as_they_were(words: str) -> None:
    assert plain(f"x{escaped(words)}")[1:].replace("\u200b", "") == words.replace("\u200b", "") or "\n" in words


@given(st.text(alphabet="|-\n a`#>*[]()!", max_size=60))
def test_any_text_comes_through(text: str) -> None:
    for bring_down in (for_wecom_app, for_dingtalk, plain):
        assert isinstance(bring_down(text), str)


def test_the_app_shows_escaped_marks_without_their_backslash_and_without_effect() -> None:
    assert for_wecom_app(r"他说\*\*便宜\*\*\[点\](http://a)，1\_2") == "他说＊＊便宜＊＊［点］(http://a)，1_2"
