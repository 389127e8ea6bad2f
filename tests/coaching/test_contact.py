"""A wish not to be contacted again is heard, and everyday words are not taken for one."""

from __future__ import annotations

import pytest

from coaching.contact import stop_request
from domain.conversation import Transcript, Turn


def said(text: str, speaker: str = "customer") -> Transcript:
    return Transcript(id="c", turns=(Turn(id="t1", speaker=speaker, text=text),))


@pytest.mark.parametrize(
    "text",
    [
        "不用了，不要再给我打电话了，再打我就投诉你。",
        "别再打了",
        "请勿再联系我",
        "以后别打扰我们了",
        "你再打过来我就报警",
        "不要给我打电话",
        "别再发短信了",
        "我把你拉黑了",
    ],
)
def test_a_wish_to_be_left_alone_is_heard(text: str) -> None:
    found = stop_request(said(text))
    assert found is not None
    assert found.quote == text


@pytest.mark.parametrize(
    "text",
    [
        "不要再打折了，我要的是质量",
        "以后不要再发生投诉这种事",
        "先别联系财务，等我消息",
        "你先别打电话给采购",
        "再联系吧",
        "我们不会再考虑别家",
        "别再拖了",
    ],
)
def test_everyday_words_are_no_such_wish(text: str) -> None:
    assert stop_request(said(text)) is None


def test_only_the_customer_can_wish_it() -> None:
    assert stop_request(said("您别再给我打电话了", "rep")) is None
