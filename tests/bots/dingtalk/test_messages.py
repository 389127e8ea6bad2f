from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.dingtalk.messages import TEXT_CHARS, read_message, read_press
from bots.inbound import Channel, InboundKind, InboundMessage
from bots.testing.dingtalk_messages import NOW, press, robot_message
from domain.errors import InputError


def read(**changed: Any) -> InboundMessage:
    return read_message(
        robot_message(**changed), channel=Channel.DINGTALK_STREAM, account_id="app-1", message_id="frame-1"
    )


def pressed(**changed: Any) -> InboundMessage:
    return read_press(
        press(**changed), channel=Channel.DINGTALK_STREAM, account_id="app-1", message_id="frame-2", now=NOW
    )


def test_the_words_lose_the_space_that_the_mention_left() -> None:
    message = read()
    assert (message.kind, message.text, message.quoted) == (InboundKind.TEXT, "客户说太贵了怎么回", "")


def test_other_peoples_mentions_and_addresses_stay_in_the_words() -> None:
    assert read(text={"content": " @王五 发到 a@b.com "}).text == "@王五 发到 a@b.com"


def test_a_redelivery_is_known_by_either_id() -> None:
    assert read().dedupe_keys == ("msg:msgA==", "frame:frame-1")


def test_in_http_mode_there_is_only_the_message_id() -> None:
    message = read_message(robot_message(), channel=Channel.DINGTALK_HTTP, account_id="app-1")
    assert message.dedupe_keys == ("msg:msgA==",)


def test_a_single_chat_answers_the_person() -> None:
    sender = read().sender
    assert (sender.user_id, sender.conversation_id, sender.is_group) == ("user123", "user123", False)


def test_a_group_answers_the_group() -> None:
    sender = read(conversationType="2").sender
    assert (sender.user_id, sender.conversation_id, sender.is_group) == ("user123", "cidX==", True)


@pytest.mark.parametrize("staff", ["", None])
def test_somebody_from_outside_is_known_by_the_platform_id_and_has_no_staff_id(staff: str | None) -> None:
    message = read(senderStaffId=staff)
    assert message.sender.user_id == "$:LWCP_v1:$u"
    assert message.reply_to["staff_id"] == ""


def test_the_way_back_is_kept_with_its_expiry_and_not_shown() -> None:
    message = read()
    assert message.reply_to["webhook_expires_at"] == "1700005400.0"
    assert "secret-session" not in repr(message)
    assert "太贵" not in repr(message)


def test_a_voice_message_is_the_words_that_the_platform_heard() -> None:
    content = {"recognition": "客户嫌贵", "downloadCode": "code", "duration": 4000}
    message = read(msgtype="audio", text=None, content=content)
    assert (message.kind, message.text, message.attachment) == (InboundKind.TEXT, "客户嫌贵", None)


def test_a_voice_message_that_was_not_understood_is_a_file_to_fetch() -> None:
    message = read(msgtype="audio", text=None, content={"recognition": "", "downloadCode": "code"})
    assert message.kind is InboundKind.FILE
    assert message.attachment is not None
    assert (message.attachment.locator, message.attachment.file_name) == ("code", "audio.amr")


def test_a_recording_file_keeps_its_name() -> None:
    message = read(msgtype="file", text=None, content={"fileName": "通话.m4a", "downloadCode": "code"})
    assert message.attachment is not None
    assert message.attachment.file_name == "通话.m4a"


def test_content_may_come_as_a_json_string() -> None:
    message = read(msgtype="file", text=None, content='{"fileName": "a.wav", "downloadCode": "code"}')
    assert message.attachment is not None
    assert message.attachment.file_name == "a.wav"


def test_rich_text_is_its_words_without_the_pictures() -> None:
    rich = [{"text": "客户"}, {"type": "picture", "downloadCode": "x"}, {"text": "不回消息"}]
    assert read(msgtype="richText", text=None, content={"richText": rich}).text == "客户不回消息"


@pytest.mark.parametrize("msgtype", ["picture", "unknownMsgType", "location"])
def test_what_we_do_not_read_is_said_to_be_other(msgtype: str) -> None:
    assert read(msgtype=msgtype, text=None, content={"downloadCode": "x"}).kind is InboundKind.OTHER


@pytest.mark.parametrize("content", ["原话", {"text": "原话"}, '{"text": "原话"}', {"richText": [{"text": "原话"}]}])
def test_a_quoted_message_is_read_in_each_form(content: object) -> None:
    text = {"content": "怎么回", "isReplyMsg": True, "repliedMsg": {"msgType": "text", "content": content}}
    message = read(text=text)
    assert (message.text, message.quoted) == ("怎么回", "原话")


@pytest.mark.parametrize("as_string", [True, False])
def test_a_forwarded_chat_is_quoted_line_by_line(as_string: bool) -> None:
    rows = [
        {"senderNick": "李总", "msgType": "text", "content": "价格高了"},
        {"senderNick": "张三", "msgType": "text", "content": "我问问"},
    ]
    record: object = json.dumps(rows) if as_string else rows
    message = read(msgtype="chatRecord", text=None, content={"summary": "…", "chatRecord": record})
    assert (message.kind, message.text) == (InboundKind.TEXT, "")
    assert message.quoted == "李总：价格高了\n张三：我问问"


def test_a_press_names_the_card_and_the_key_we_sent() -> None:
    message = pressed()
    assert message.kind is InboundKind.CLICK
    assert message.click is not None
    assert (message.click.task_id, message.click.key) == ("card-1", "accept:dec_1:s1")
    assert message.reply_to["card"] == "card-1"


def test_a_press_without_parameters_is_known_by_its_action() -> None:
    content = json.dumps({"cardPrivateData": {"actionIds": ["confirm"]}})
    message = pressed(content=content)
    assert message.click is not None
    assert message.click.key == "confirm"


def test_a_double_press_is_one_press_even_with_two_frame_ids() -> None:
    assert pressed().dedupe_keys[1] == "press:card-1:accept:dec_1:s1:user123"


def test_a_press_in_a_group_answers_the_group_and_elsewhere_the_person() -> None:
    assert pressed(spaceType="IM_GROUP").sender.conversation_id == "cidX=="
    assert pressed().sender.conversation_id == "user123"


@pytest.mark.parametrize("missing", ["msgId", "msgtype", "conversationId", "conversationType"])
def test_a_message_without_its_ids_is_refused(missing: str) -> None:
    whole = robot_message()
    del whole[missing]
    with pytest.raises(InputError):
        read_message(whole, channel=Channel.DINGTALK_HTTP, account_id="app-1")


def test_nobody_cannot_send() -> None:
    with pytest.raises(InputError):
        read(senderStaffId="", senderId="")


def test_what_no_store_can_keep_is_taken_out() -> None:
    message = read(text={"content": "你\0好\ud800" + "长" * 30_000})
    assert message.text.startswith("你好?长")
    assert len(message.text) == TEXT_CHARS


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(field=st.sampled_from(sorted(robot_message())), value=_json)
def test_any_value_in_any_field_is_read_or_refused_and_what_is_read_can_be_kept(field: str, value: object) -> None:
    try:
        message = read_message(
            robot_message(**{field: value}), channel=Channel.DINGTALK_HTTP, account_id="app-1", message_id=""
        )
    except InputError:
        return
    kept = json.dumps([message.text, message.quoted, message.dedupe_keys, dict(message.reply_to)], ensure_ascii=False)
    assert b"\\u0000" not in kept.encode()


@given(content=_json, params=_json)
def test_any_press_is_read_or_refused(content: object, params: object) -> None:
    for value in (content, json.dumps({"cardPrivateData": params}), {"cardPrivateData": {"params": params}}):
        try:
            message = pressed(content=value)
        except InputError:
            continue
        assert message.click is not None
        assert message.click.key
