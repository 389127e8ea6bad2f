"""A rep is told what they want to know, once, and not at night."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import AsyncMock
from zoneinfo import ZoneInfo

import pytest

from bots.inbound import Click, InboundKind
from bots.outgoing import Outgoing
from coaching.radar import DrillNeed
from domain.conversation import Transcript, Turn
from domain.signals import Signal, SignalKind
from store.chat_people import Binding
from store.testing import SteppingClock
from tests.chats.conftest import Chat
from zhanqing.chats.pushes import MOST_A_DAY, PushRules, push, push_interventions, quiet_for
from zhanqing.chats.reminders import DrillReminders

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


SAID = Transcript(
    id="chat-1",
    kind="chat",
    rep_id="r1",
    started_at=datetime(2026, 11, 22, 3, 0, tzinfo=UTC),
    turns=(
        Turn(id="t1", speaker="rep", text="我们给你个人返点三个点。"),
        Turn(id="t2", speaker="customer", text="别再给我发消息了。"),
    ),
)
KICKBACK = Signal(
    id="s1",
    score=1.0,
    extractor="risks",
    version="1",
    kind=SignalKind.RISK,
    label="利益输送",
    turn_id="t1",
    start=0,
    end=12,
    quote="我们给你个人返点三个点。",
    attributes={"severity": "block", "message": "不能许诺个人好处", "suggested_rewrite": "优惠都写进合同"},
)


class TestInterventions:
    @pytest.fixture
    def noon(self, chat: Chat) -> SteppingClock:
        clock = SteppingClock(datetime(2026, 11, 22, 4, 0, tzinfo=UTC))
        chat.store.clock = clock
        return clock

    async def told(self, chat: Chat, said: Transcript) -> list[Outgoing]:
        before = len(chat.platform.shown)
        async with chat.store.begin("default") as work:
            await push_interventions(work, said, [KICKBACK], PushRules())
        await chat.settle()
        return chat.platform.shown[before:]

    async def test_what_cannot_wait_is_told_once_with_the_words_it_rests_on(
        self, chat: Chat, noon: SteppingClock
    ) -> None:
        await chat.send("帮助")
        cards = [one.card for one in await self.told(chat, SAID)]
        assert [card.title for card in cards if card] == ["现在就要处理"] * 2
        lines = "".join(line for card in cards if card for line in card.lines)
        assert "返点三个点" in lines and "优惠都写进合同" in lines and "别再给我发消息了" in lines
        assert await self.told(chat, SAID) == []

    async def test_what_happened_days_ago_is_for_the_report(self, chat: Chat, noon: SteppingClock) -> None:
        await chat.send("帮助")
        old = replace(SAID, started_at=datetime(2026, 11, 20, 3, 0, tzinfo=UTC))
        assert await self.told(chat, old) == []


class TestDrillReminders:
    @pytest.fixture
    def weak(self, chat: Chat, monkeypatch: pytest.MonkeyPatch) -> DrillReminders:
        """Reminders for a rep whose calls say what to practise."""
        clock = SteppingClock(datetime(2026, 11, 23, 4, 0, tzinfo=UTC))
        chat.store.clock = clock
        need = DrillNeed(ability="异议处理", level=2.1, reasons=("没有回应价格",))
        monkeypatch.setattr(DrillReminders, "_need", AsyncMock(return_value=need))
        return DrillReminders(chat.store, "default", PushRules())

    async def test_a_rep_is_reminded_once_a_week_and_a_press_begins_the_round(
        self, chat: Chat, weak: DrillReminders
    ) -> None:
        await chat.send("帮助")
        assert (await weak.remind(), await weak.remind()) == (1, 0)
        await chat.settle()
        card = chat.platform.finals[-1].card
        assert card is not None and "异议处理" in card.lines[0] and card.buttons[0].text == "开始演练"
        click = Click(task_id=card.task_id, key=card.buttons[0].key)
        assert "由AI扮演" in (await chat.send("", kind=InboundKind.CLICK, click=click)).text

    async def test_who_practised_this_week_is_left_alone(self, chat: Chat, weak: DrillReminders) -> None:
        await chat.send("演练")
        assert await weak.remind() == 0

    async def test_who_has_nothing_weak_is_left_alone(self, chat: Chat) -> None:
        await chat.send("帮助")
        assert await DrillReminders(chat.store, "default", PushRules()).remind() == 0
