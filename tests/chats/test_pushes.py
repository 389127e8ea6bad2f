"""A rep is told what they want to know, once, and not at night."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from store.chat_people import Binding
from store.testing import SteppingClock
from tests.chats.conftest import Chat
from zhanqing.chats.pushes import MOST_A_DAY, PushRules, push, quiet_for

SHANGHAI = ZoneInfo("Asia/Shanghai")
BINDING = Binding(platform="wecom", user_id="zhang", rep_id="r1")


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 20, hour, minute, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("now", "waits"),
    [
        (at(9), timedelta()),
        (at(20, 59), timedelta()),
        (at(21), timedelta(hours=11)),
        (at(23, 30), timedelta(hours=8, minutes=30)),
        (at(7, 59), timedelta(minutes=1)),
        (at(8), timedelta()),
    ],
)
def test_quiet_hours_run_over_midnight(now: datetime, waits: timedelta) -> None:
    assert quiet_for(BINDING, now.astimezone(UTC), SHANGHAI) == waits


def test_quiet_hours_may_lie_in_the_day_and_may_be_none() -> None:
    siesta = Binding(platform="wecom", user_id="zhang", rep_id="r1", quiet_from=12, quiet_to=14)
    assert quiet_for(siesta, at(13), SHANGHAI) == timedelta(hours=1)
    none = Binding(platform="wecom", user_id="zhang", rep_id="r1", quiet_from=8, quiet_to=8)
    assert quiet_for(none, at(3), SHANGHAI) == timedelta()


def test_what_is_too_much_for_a_day_waits_for_the_morning() -> None:
    assert quiet_for(BINDING, at(15), SHANGHAI, is_full=True) == timedelta(hours=17)


class TestPushing:
    @pytest.fixture
    def noon(self, chat: Chat) -> SteppingClock:
        clock = SteppingClock(datetime(2026, 11, 22, 4, 0, tzinfo=UTC))
        chat.store.clock = clock
        return clock

    async def say(self, chat: Chat, name: str) -> int:
        async with chat.store.begin("default") as work:
            return await push(work, "r1", name, text=f"报告 {name}", rules=PushRules())

    async def test_somebody_who_never_wrote_to_us_is_not_told(self, chat: Chat, noon: SteppingClock) -> None:
        assert await self.say(chat, "c1") == 0

    async def test_a_rep_is_told_once_where_they_last_wrote(self, chat: Chat, noon: SteppingClock) -> None:
        await chat.send("帮助")
        assert [await self.say(chat, "c1") for _ in range(2)] == [1, 1]
        await chat.settle()
        assert [one.text for one in chat.platform.finals[1:]] == ["报告 c1"]
        assert chat.platform.finals[-1].reply_to == {}

    async def test_at_night_it_waits_for_the_morning(self, chat: Chat, noon: SteppingClock) -> None:
        await chat.send("帮助")
        noon.pass_s(10 * 3600)
        await self.say(chat, "c1")
        await chat.settle()
        assert len(chat.platform.finals) == 1
        noon.pass_s(10 * 3600)
        await chat.settle()
        assert chat.platform.finals[-1].text == "报告 c1"

    async def test_beyond_the_days_measure_it_waits_too(self, chat: Chat, noon: SteppingClock) -> None:
        await chat.send("帮助")
        for number in range(MOST_A_DAY + 2):
            await self.say(chat, f"c{number}")
        await chat.settle()
        assert len(chat.platform.finals) == 1 + MOST_A_DAY

    async def test_a_rep_sets_their_own_quiet_hours(self, chat: Chat, noon: SteppingClock) -> None:
        assert "12 点到 14 点" in (await chat.send("勿扰 12-14")).text
        await self.say(chat, "c1")
        await chat.settle()
        assert len(chat.platform.finals) == 1
