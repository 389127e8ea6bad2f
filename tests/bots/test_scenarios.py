"""Scenarios that every adapter must pass, whatever its platform; the runtime's own are in `tests/zhanqing`.

Another channel joins by a rig of its own (`bots/testing/rigs.py`) in `RIGS`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest
import structlog

from bots.errors import PartlyDeliveredError
from bots.inbound import Channel
from bots.outgoing import Outgoing
from bots.testing.dingtalk_rigs import HttpRig, StreamRig, dingtalk_http, dingtalk_stream
from bots.testing.rigs import Can, Rig, begun, finished, writing
from bots.testing.wecom_rigs import AppRig, BotRig, BotUrlRig, wecom_app, wecom_bot, wecom_bot_url
from domain.errors import PlatformError

Made = Callable[[], AbstractAsyncContextManager[Rig]]
RIGS: dict[Channel, tuple[Made, type[Rig]]] = {
    Channel.WECOM_BOT: (wecom_bot, BotRig),
    Channel.WECOM_BOT_URL: (wecom_bot_url, BotUrlRig),
    Channel.WECOM_APP: (wecom_app, AppRig),
    Channel.DINGTALK_STREAM: (dingtalk_stream, StreamRig),
    Channel.DINGTALK_HTTP: (dingtalk_http, HttpRig),
}
SENTENCE = "客户说价格太高，我们先问清预算再谈分期付款的方案。"


def where(can: Can) -> pytest.MarkDecorator:
    """Run a scenario on the platforms to which it applies."""
    return pytest.mark.parametrize("rig", [name for name, (_, kind) in RIGS.items() if can in kind.can], indirect=True)


@pytest.fixture(params=list(RIGS))
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    made, _ = RIGS[request.param]
    async with made() as rig:
        yield rig


async def delivered(rig: Rig, outgoing: Outgoing) -> Outgoing:
    """Deliver as the runtime does: again with the notes, while it may help."""
    for _ in range(4):
        try:
            return await rig.show(outgoing)
        except PartlyDeliveredError as error:
            outgoing = replace(outgoing, notes=error.notes)
        except PlatformError as error:
            if not error.retryable:
                raise
    raise AssertionError("four tries")


async def test_4_a_long_answer_arrives_whole_in_order_and_within_the_limits(rig: Rig) -> None:
    text = (SENTENCE * 400)[:10_000]
    answer = await rig.show(begun(await rig.ask("都写出来")))
    await delivered(rig, finished(answer, text))

    assert "".join(rig.seen()) == text
    assert all(len(part.encode()) <= rig.part_bytes for part in rig.seen())
    assert rig.faults() == []


async def test_4_no_part_has_half_a_code_block(rig: Rig) -> None:
    block = "一行代码\n" * 60
    text = f"看：\n\n```\n{block}```\n\n" * 12
    answer = await rig.show(begun(await rig.ask("都写出来")))
    await delivered(rig, finished(answer, text))

    assert all(part.count("```") % 2 == 0 for part in rig.seen())


@where(Can.EXPIRE_TOKENS)
async def test_5_a_token_that_expires_in_a_burst_is_renewed_once(rig: Rig) -> None:
    answers = [begun(await rig.ask(f"第 {number} 问")) for number in range(25)]
    await rig.show(finished(answers[0], "第 0 答"))
    fetched = rig.token_fetches()
    await rig.expire_token()

    await asyncio.gather(*(rig.show(finished(answer, f"第 {n} 答")) for n, answer in enumerate(answers[1:], 1)))

    assert rig.token_fetches() == fetched + 1
    assert sorted(rig.seen()) == sorted(f"第 {number} 答" for number in range(25))


@where(Can.REFUSE_TOO_MUCH)
async def test_6_what_is_refused_as_too_much_comes_later_once(rig: Rig) -> None:
    for number in range(4):
        answer = begun(await rig.ask(f"第 {number} 问"))
        await rig.refuse_next()
        await delivered(rig, finished(answer, f"第 {number} 答"))
        await rig.let_pass(61)

    assert rig.seen() == [f"第 {number} 答" for number in range(4)]
    assert rig.faults() == []


@where(Can.END_STREAMS)
async def test_7_a_stream_that_lasts_too_long_ends_cleanly_and_the_answer_follows(rig: Rig) -> None:
    answer = await rig.show(begun(await rig.ask("整理这通两小时的电话")))
    answer = await rig.show(writing(answer, "草稿。"))
    await rig.let_pass(340)
    answer = await rig.show(answer)
    assert rig.open_bubbles() == 0

    await rig.let_pass(120)
    await delivered(rig, finished(answer, "全部整理好了。[1]"))

    assert rig.seen()[-1] == "全部整理好了。[1]"
    assert len(rig.seen()) == 2
    assert rig.faults() == []


@where(Can.BREAK_LINES)
@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011])
async def test_8_the_line_comes_back_after_every_close(rig: Rig, code: int) -> None:
    answer = await rig.show(begun(await rig.ask("客户嫌贵")))
    await rig.break_line(code)
    await delivered(rig, finished(answer, "先问预算。"))
    await delivered(rig, finished(begun(await rig.ask("还有呢")), "再谈分期。"))

    assert rig.seen() == ["先问预算。", "再谈分期。"]


@where(Can.REFUSE_SECRETS)
async def test_9_a_wrong_secret_is_not_hammered(rig: Rig) -> None:
    assert 1 <= await rig.attempts_with_a_wrong_secret(minutes=10) <= 5


async def test_12_a_stop_in_the_middle_leaves_nothing_open_and_the_next_process_completes_it(rig: Rig) -> None:
    answer = await rig.show(begun(await rig.ask("客户嫌贵")))
    answer = await rig.show(writing(answer, "草稿。"))
    await rig.restart()
    await delivered(rig, finished(answer, "先问预算。[1]"))

    assert rig.open_bubbles() == 0
    assert rig.seen()[-1] == "先问预算。[1]"
    assert sum("先问预算。[1]" in text for text in rig.seen()) == 1


async def test_13_logs_hold_no_secret_and_no_words(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with structlog.testing.capture_logs() as events:
        answer = await rig.show(begun(await rig.ask("客户嫌贵得离谱")))
        if Can.REFUSE_TOO_MUCH in rig.can:
            await rig.refuse_next()
        await rig.let_pass(400)
        await delivered(rig, finished(answer, "先问预算。[1]"))
        await rig.restart()
        if Can.BREAK_LINES in rig.can:
            await rig.break_line(1006)

    lines = "\n".join([*map(str, events), *(record.getMessage() for record in caplog.records)])
    assert not [word for word in (*rig.hidden, "客户嫌贵", "先问预算") if word in lines]
