"""Our self-built app against the fake platform, which `wechatpy` has used first (`test_fakes.py`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bots.errors import PartlyDeliveredError, RefusedError
from bots.inbound import Attachment, InboundKind, Sender
from bots.outgoing import Button, Card, Outgoing, State
from bots.platform import CallbackRequest
from bots.testing.clock import LeapingClock
from bots.testing.loopback import Reply, Request, serving
from bots.testing.wecom_api import FakeQyapi
from bots.testing.wecom_callbacks import FakeCaller, app_event, app_text
from bots.wecom.app import WecomApp
from bots.wecom.config import WecomAppConfig
from bots.wecom.crypto import MessageCrypto
from domain.errors import InputError, PlatformError, SignatureError

TOKEN, KEY = "QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
TO = Sender(user_id="zhangsan", conversation_id="zhangsan")


@pytest.fixture
def clock() -> LeapingClock:
    return LeapingClock()


@pytest.fixture
def qyapi(clock: LeapingClock) -> Iterator[FakeQyapi]:
    fake = FakeQyapi(clock)
    with fake.serve():
        yield fake


@pytest.fixture
def config(qyapi: FakeQyapi) -> WecomAppConfig:
    return WecomAppConfig(
        corp_id=qyapi.corp_id,
        agent_id=qyapi.agent_id,
        secret=qyapi.secret,
        token=TOKEN,
        aes_key=KEY,
        api_base=qyapi.base_url,
    )


@pytest.fixture
async def app(config: WecomAppConfig, clock: LeapingClock) -> AsyncIterator[WecomApp]:
    app = WecomApp(config, clock)
    yield app
    await app.close()


@pytest.fixture
def caller(config: WecomAppConfig, clock: LeapingClock) -> FakeCaller:
    return FakeCaller(MessageCrypto(token=TOKEN, encoding_aes_key=KEY, receive_id=config.corp_id), clock)


def answer(text: str, *, state: State = State.FINISHED, answer_id: str = "a1") -> Outgoing:
    reply_to = {"kind": "text"}
    return Outgoing(answer_id=answer_id, to=TO, text=text, state=state, asked_at=1795311000.0, reply_to=reply_to)


CARD = Card(
    task_id="dec_1:s1",
    title="把跟进记录写入 CRM？",
    lines=("客户：华星电子", "客户要 **3 年质保**报价，周五前回复。"),
    buttons=(Button(text="采纳", key="accept:dec_1:s1", style=2), Button(text="不合适", key="reject:dec_1:s1")),
)


def test_the_consoles_check_of_our_address_gets_its_word_back(app: WecomApp, caller: FakeCaller) -> None:
    found = app.receive(caller.address_check("1616140317555161061"))

    assert found.body == b"1616140317555161061"
    assert found.media_type == "text/plain"


def test_a_text_comes_in_with_what_is_needed_to_answer(app: WecomApp, caller: FakeCaller) -> None:
    found = app.receive(caller.app(app_text(" 客户嫌贵 ]]> <b> ")))

    message = found.messages[0]
    assert found.body == b""
    assert (message.kind, message.text) == (InboundKind.TEXT, "客户嫌贵 ]]> <b>")
    assert message.sender == TO
    assert message.dedupe_keys == ("4561255354251345929",)
    assert message.sent_at == 1795311000.0
    assert message.reply_to


def test_a_message_that_talks_about_doctypes_is_still_a_message(app: WecomApp, caller: FakeCaller) -> None:
    found = app.receive(caller.app(app_text("<!DOCTYPE html> 是什么？")))

    assert found.messages[0].text == "<!DOCTYPE html> 是什么？"


def test_a_written_down_voice_is_text_and_another_is_a_file(app: WecomApp, caller: FakeCaller) -> None:
    voice = {**app_text(""), "MsgType": "voice", "MediaId": "M1", "Format": "amr"}
    del voice["Content"]

    heard = app.receive(caller.app({**voice, "Recognition": "客户嫌贵"})).messages[0]
    unheard = app.receive(caller.app(voice)).messages[0]

    assert (heard.kind, heard.text) == (InboundKind.TEXT, "客户嫌贵")
    assert unheard.kind is InboundKind.FILE
    assert unheard.attachment == Attachment(locator="M1", file_name="voice.amr")


def test_two_events_of_one_second_are_two(app: WecomApp, caller: FakeCaller) -> None:
    first = app.receive(caller.app(app_event("enter_agent"))).messages[0]
    second = app.receive(caller.app(app_event("click", EventKey="简报"))).messages[0]

    assert first.kind is InboundKind.ENTER
    assert (second.kind, second.text) == (InboundKind.TEXT, "简报")
    assert not set(first.dedupe_keys) & set(second.dedupe_keys)


def test_a_double_click_shares_a_key_with_the_first(app: WecomApp, caller: FakeCaller) -> None:
    press = app_event(
        "template_card_event", TaskId="dec_1_s1", EventKey="accept:dec_1:s1", ResponseCode="R1", CardType="x"
    )

    first = app.receive(caller.app(press)).messages[0]
    second = app.receive(caller.app({**press, "CreateTime": 1795311001, "ResponseCode": "R2"})).messages[0]

    assert first.click is not None
    assert (first.click.task_id, first.click.key) == ("dec_1_s1", "accept:dec_1:s1")
    assert set(first.dedupe_keys) & set(second.dedupe_keys)


@pytest.mark.parametrize(
    "fields",
    [app_event("LOCATION"), app_event("change_contact"), {"MsgType": "text"}, {}, app_event("template_card_event", EventKey="done")],
)  # fmt: skip
def test_what_says_nothing_to_a_coach_is_accepted_and_left(
    app: WecomApp, caller: FakeCaller, fields: dict[str, str]
) -> None:
    assert app.receive(caller.app(fields)).messages == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<xml></xml>",
        b"<xml><Encrypt>",
        b'<!DOCTYPE x [<!ENTITY e "x">]><xml><Encrypt>&e;</Encrypt></xml>',
        b"<xml>" + b"<a>" * 5000,
        b"\xff\xfe" + "<xml/>".encode("utf-16-le"),
        b"x" * 2_000_000,
        b"\x00",
    ],
)
def test_bad_bodies_are_refused_alike(app: WecomApp, caller: FakeCaller, body: bytes) -> None:
    good = caller.app(app_text("x"))

    with pytest.raises(SignatureError) as caught:
        app.receive(replace(good, body=body))

    assert (caught.value.code, caught.value.params) == ("bots.wecom_not_signed", {})


def test_a_document_type_is_refused_even_when_it_is_signed(app: WecomApp, caller: FakeCaller) -> None:
    sealed = caller.crypto.sealed(
        '<!DOCTYPE x [<!ENTITY e "x">]><xml><FromUserName>&e;</FromUserName></xml>', timestamp="1", nonce="2"
    )
    query = {"msg_signature": sealed.signature, "timestamp": "1", "nonce": "2"}
    body = f"<xml><Encrypt>{sealed.encrypted}</Encrypt></xml>".encode()

    with pytest.raises(SignatureError):
        app.receive(CallbackRequest(method="POST", query=query, headers={}, body=body))


def test_an_old_request_is_refused_where_the_operator_wants_it(
    config: WecomAppConfig, caller: FakeCaller, clock: LeapingClock
) -> None:
    strict = WecomApp(replace(config, skew_s=300), clock)
    request = caller.app(app_text("x"))

    assert strict.receive(request).messages
    clock.skip(301)
    with pytest.raises(SignatureError):
        strict.receive(request)


async def test_an_unfinished_answer_waits(app: WecomApp, qyapi: FakeQyapi) -> None:
    assert await app.deliver(answer("客户", state=State.WRITING)) == {}
    assert qyapi.calls == []


async def test_an_answer_is_sent_as_the_apps_markdown(app: WecomApp, qyapi: FakeQyapi) -> None:
    notes = await app.deliver(answer("**先问预算**[1]\n- 分期"))

    assert [(shown.kind, shown.text) for shown in qyapi.shown] == [("markdown", "**先问预算**[1]\n• 分期")]
    assert await app.deliver(replace(answer("**先问预算**[1]\n- 分期"), notes=notes)) == notes
    assert len(qyapi.shown) == 1


async def test_a_long_answer_goes_out_in_parts_and_after_a_fault_only_the_rest(app: WecomApp, qyapi: FakeQyapi) -> None:
    text = "客户说价格太高，我们先问清预算再谈分期付款的方案。" * 100
    long = answer(text)

    async def fail_from_third() -> None:
        while len(qyapi.shown) < 2:
            await asyncio.sleep(0)
        qyapi.failures = [-1, -1, -1]

    breaking = asyncio.create_task(fail_from_third())
    with pytest.raises(PartlyDeliveredError) as caught:
        await app.deliver(long)
    await breaking
    sent = len(qyapi.shown)
    assert caught.value.notes == {"sent": str(sent)}

    await app.deliver(replace(long, notes=caught.value.notes))

    words = [shown.text.split("\n", 1)[1] for shown in qyapi.shown]
    assert "".join(words) == text
    assert not any(shown.was_cut for shown in qyapi.shown)


async def test_the_same_words_twice_are_sent_twice_but_a_push_once(app: WecomApp, qyapi: FakeQyapi) -> None:
    push = replace(answer("报告好了"), reply_to={})

    await app.deliver(answer("好的", answer_id="a1"))
    await app.deliver(answer("好的", answer_id="a2"))
    await app.deliver(push)
    await app.deliver(push)

    assert [shown.text for shown in qyapi.shown] == ["好的", "好的", "报告好了"]


async def test_an_answer_whose_fate_is_unknown_is_not_shown_twice(app: WecomApp, qyapi: FakeQyapi) -> None:
    qyapi.lose_answers = 1

    with pytest.raises(PartlyDeliveredError) as caught:
        await app.deliver(answer("好的"))
    await app.deliver(replace(answer("好的"), notes=caught.value.notes))

    assert [shown.text for shown in qyapi.shown] == ["好的"]


async def test_a_card_is_shown_and_after_a_press_says_what_was_done(
    app: WecomApp, qyapi: FakeQyapi, caller: FakeCaller
) -> None:
    await app.deliver(replace(answer("回复已备好"), card=CARD))
    card = qyapi.shown[1].content
    assert [button["text"] for button in card["button_list"]] == ["采纳", "不合适"]
    assert card["horizontal_content_list"] == [{"keyname": "客户", "value": "华星电子"}]
    assert card["sub_title_text"] == "客户要 3 年质保报价，周五前回复。"

    code = qyapi.new_response_code(card["task_id"])
    press = app_event("template_card_event", TaskId=card["task_id"], EventKey="accept:dec_1:s1", ResponseCode=code)
    message = app.receive(caller.app(press)).messages[0]
    done = replace(answer(""), card=replace(CARD, done="已采纳"), replaces=True, reply_to=message.reply_to)
    await app.deliver(done)

    assert qyapi.cards[card["task_id"]]["replace_name"] == "已采纳"


async def test_a_card_that_wecom_cannot_show_is_sent_as_words(app: WecomApp, qyapi: FakeQyapi) -> None:
    await app.deliver(replace(answer(""), card=Card(task_id="t", title="今日复盘", lines=("3 通电话",))))

    assert [shown.text for shown in qyapi.shown] == ["**今日复盘**\n3 通电话"]


async def test_an_expired_token_in_a_burst_of_fifty_is_renewed_once(
    app: WecomApp, qyapi: FakeQyapi, clock: LeapingClock
) -> None:
    qyapi.members = {f"u{index}" for index in range(50)}
    outs = [replace(answer("好"), to=Sender(user_id=user, conversation_id=user)) for user in sorted(qyapi.members)]
    await app.deliver(outs[0])
    qyapi.expire_now()

    await asyncio.gather(*(app.deliver(out) for out in outs[1:]))

    assert qyapi.token_calls == 2
    assert len(qyapi.shown) == 50


async def test_a_member_gets_everything_but_no_faster_than_the_platform_shows_it(
    app: WecomApp, qyapi: FakeQyapi, clock: LeapingClock
) -> None:
    for index in range(70):
        await app.deliver(answer(f"第 {index} 句"))

    assert [shown.text for shown in qyapi.shown] == [f"第 {index} 句" for index in range(70)]
    assert qyapi.dropped == []


async def test_too_many_calls_are_waited_for_and_nothing_is_doubled(
    app: WecomApp, qyapi: FakeQyapi, clock: LeapingClock
) -> None:
    qyapi.failures = [45009, -1]

    await app.deliver(answer("好的"))

    assert [shown.text for shown in qyapi.shown] == ["好的"]
    assert max(clock.slept) >= 60


@pytest.mark.parametrize(
    ("code", "key"), [(81013, "wecom_nobody"), (48002, "wecom_no_permission"), (40058, "wecom_refused")]
)
async def test_what_cannot_succeed_is_refused_at_once(app: WecomApp, qyapi: FakeQyapi, code: int, key: str) -> None:
    qyapi.failures = [code]

    with pytest.raises(RefusedError) as caught:
        await app.deliver(answer("好的"))

    assert caught.value.code == f"bots.{key}"
    assert caught.value.line("zh")


async def test_a_platform_that_is_away_is_worth_another_try(config: WecomAppConfig, clock: LeapingClock) -> None:
    with serving(lambda request: Reply()) as url:
        pass
    away = WecomApp(replace(config, api_base=url), clock)

    with pytest.raises(PlatformError) as caught:
        await away.deliver(answer("好的"))

    assert caught.value.retryable
    assert not isinstance(caught.value, RefusedError)


async def test_a_wrong_secret_is_not_hammered(config: WecomAppConfig, qyapi: FakeQyapi, clock: LeapingClock) -> None:
    wrong = WecomApp(replace(config, secret="wrong"), clock)

    for _ in range(600):
        with pytest.raises(RefusedError):
            await wrong.deliver(answer("好的"))
        clock.skip(1)

    assert qyapi.token_calls <= 5


async def test_a_voice_file_is_fetched_with_its_name(app: WecomApp, qyapi: FakeQyapi, tmp_path: Path) -> None:
    qyapi.media["M1"] = ("../客户电话.amr", b"#!AMR\n\x00\x01")

    name = await app.fetch(Attachment(locator="M1"), tmp_path / "f")

    assert name == "客户电话.amr"
    assert (tmp_path / "f").read_bytes() == b"#!AMR\n\x00\x01"


async def test_a_file_that_is_gone_or_too_large_leaves_nothing_behind(
    app: WecomApp, config: WecomAppConfig, qyapi: FakeQyapi, clock: LeapingClock, tmp_path: Path
) -> None:
    qyapi.media["M1"] = ("a.amr", b"x" * 2000)
    small = WecomApp(replace(config, max_file_bytes=1000), clock)

    with pytest.raises(RefusedError):
        await app.fetch(Attachment(locator="gone"), tmp_path / "f")
    with pytest.raises(InputError):
        await small.fetch(Attachment(locator="M1"), tmp_path / "f")

    assert list(tmp_path.iterdir()) == []


async def test_check_finds_all_well(config: WecomAppConfig, qyapi: FakeQyapi, clock: LeapingClock) -> None:
    app = WecomApp(config, clock)

    def ours(request: Request) -> Reply:
        asked = CallbackRequest(method=request.method, query=request.query, headers={}, body=b"")
        return Reply(body=app.receive(asked).body)

    qyapi.date = http_date(clock.now())
    with serving(ours) as url:
        findings = await WecomApp(replace(config, callback_url=url), clock).check()

    assert [finding.ok for finding in findings] == [True] * 4


async def test_check_names_what_is_wrong(config: WecomAppConfig, qyapi: FakeQyapi, clock: LeapingClock) -> None:
    with serving(lambda request: Reply(body=b"login page")) as url:
        elsewhere = await WecomApp(replace(config, callback_url=url), clock).check()
    with serving(lambda request: Reply()) as url:
        pass
    nowhere = await WecomApp(replace(config, callback_url=url), clock).check()
    wrong_secret = await WecomApp(replace(config, secret="wrong"), clock).check()
    qyapi.trusted, qyapi.date = False, http_date(clock.now() - 600)
    untrusted = await WecomApp(config, clock).check()

    keys = [
        {found.key.removeprefix("bots.") for found in findings if not found.ok}
        for findings in (elsewhere, nowhere, wrong_secret, untrusted)
    ]
    assert "wecom_callback_wrong" in keys[0]
    assert "wecom_callback_unreachable" in keys[1]
    assert keys[2] == {"wecom_bad_secret"}
    assert keys[3] == {"wecom_ip_not_allowed", "wecom_clock_off"}
    blocked = next(found for found in untrusted if found.key == "bots.wecom_ip_not_allowed")
    assert blocked.params == {"ip": "192.0.2.7"}


def test_a_plain_address_is_for_this_machine_only(config: WecomAppConfig) -> None:
    with pytest.raises(InputError):
        replace(config, api_base="http://qyapi.weixin.qq.com")


def test_secrets_are_not_shown(config: WecomAppConfig) -> None:
    assert config.secret not in repr(config)
    assert KEY not in repr(config)


def http_date(unix_s: float) -> str:
    from email.utils import formatdate

    return formatdate(unix_s, usegmt=True)


async def test_members_in_the_wechat_plugin_get_plain_words(
    config: WecomAppConfig, qyapi: FakeQyapi, clock: LeapingClock
) -> None:
    plugin = WecomApp(replace(config, as_text=True), clock)

    await plugin.deliver(answer("**先问预算**[1]\n> “太贵了”"))
    await plugin.close()

    assert [(shown.kind, shown.text) for shown in qyapi.shown] == [("text", "先问预算[1]\n“太贵了”")]
