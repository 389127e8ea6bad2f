"""DingTalk's two channels for the common scenarios: Stream with cards and sessions, HTTP with the open API alone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from bots.clock import Clock
from bots.dingtalk.account import DingtalkAccount
from bots.dingtalk.callback import DingtalkCallback
from bots.dingtalk.config import DingtalkConfig
from bots.dingtalk.stream import DingtalkStream
from bots.inbound import InboundMessage
from bots.outgoing import Outgoing
from bots.testing.clock import LeapingClock, ManualClock, settle
from bots.testing.dingtalk import SECRET, FakeDingtalk, standing
from bots.testing.dingtalk_callbacks import robot_callback
from bots.testing.rigs import Can, Rig, begun, finished
from domain.errors import PlatformError

_NUMBER = re.compile(r"\A\(\d+/\d+\)\n")
_TOO_FAST = "Forbidden.AccessDenied.QpsLimitForApi"
_LOGIN = "/v1.0/oauth2/accessToken"
_LONGEST_PACE_S = 2.0


class DingtalkRig(Rig):
    """What both channels have in common."""

    part_bytes = 18_000
    busy_path: str

    def __init__(self, fake: FakeDingtalk, clock: Clock, *, card_template_id: str = "") -> None:
        self.fake = fake
        self.config = DingtalkConfig(
            client_id=fake.client_id,
            client_secret=SECRET,
            card_template_id=card_template_id,
            api_base=fake.place.http,
            oapi_base=fake.place.http,
        )
        self.hidden = (SECRET, "sendBySession", "ticket ", "token-")

    def seen(self) -> list[str]:
        """Cards, then messages."""
        cards = [card.variables["content"] for card in self.fake.cards.values() if card.space]
        return [_NUMBER.sub("", text) for text in [*cards, *(shown.text for shown in self.fake.shown)]]

    def faults(self) -> list[str]:
        """What the platform refused because it was wrong."""
        return self.fake.wrong

    def open_bubbles(self) -> int:
        """Cards that still spin."""
        return sum(card.is_spinning for card in self.fake.cards.values())

    async def refuse_next(self) -> None:
        """403."""
        self.fake.fail(self.busy_path, 403, _TOO_FAST)


class StreamRig(DingtalkRig):
    """A Stream connection and a card template."""

    can = frozenset({Can.BREAK_LINES, Can.REFUSE_TOO_MUCH, Can.REFUSE_SECRETS})
    busy_path = "/robot/sendBySession"

    def __init__(self, fake: FakeDingtalk, clock: ManualClock) -> None:
        super().__init__(fake, clock, card_template_id=fake.template_id)
        self.clock = clock
        self._messages: asyncio.Queue[InboundMessage] = asyncio.Queue()
        self.start()

    async def ask(self, text: str) -> InboundMessage:
        """Deliver a text over the line."""
        await self.fake.until(lambda: bool(self.fake.lines))
        await self.fake.say(text)
        return await self._messages.get()

    async def show(self, outgoing: Outgoing) -> Outgoing:
        """Deliver, and let the pace of cards pass."""
        delivering = asyncio.create_task(self.stream.deliver(outgoing))
        while not delivering.done():
            if self.clock.sleepers and self.clock.sleepers[0] <= _LONGEST_PACE_S:
                await self.clock.advance(self.clock.sleepers[0])
            await asyncio.wait({delivering}, timeout=0.002)
        return replace(outgoing, notes=await delivering)

    async def let_pass(self, seconds: float) -> None:
        """Move the clock; the platform speaks now and then."""
        while seconds > 0:
            await self.clock.advance(min(seconds, 25.0))
            if self.fake.lines:
                await self.fake.place.run(self.fake.ping("alive"))
                await self.fake.until(lambda: bool(self.fake.frames["ping-alive"].answers))
            seconds -= 25.0

    async def restart(self) -> None:
        """Stop the connection properly and open another."""
        await self.stop()
        self.start()
        await self.fake.until(lambda: bool(self.fake.lines))

    async def break_line(self, code: int) -> None:
        """Close, and let the wait before the next attempt pass."""
        opened = len(self.fake.opened)
        await self.fake.place.run(self.fake.hang_up(code))
        async with asyncio.timeout(30):
            while len(self.fake.opened) == opened or not self.fake.lines:
                await self.clock.advance(0.5)
                await asyncio.sleep(0.002)
        await settle()

    async def attempts_with_a_wrong_secret(self, minutes: int) -> int:
        """Run until it is given up or the time is over."""
        before, until = len(self.fake.opened), self.clock.now() + minutes * 60
        wrong = DingtalkStream(replace(self.config, client_secret="wrong"), self.clock)  # noqa: S106 - the point
        running = asyncio.create_task(wrong.run(self._messages.put))
        while not running.done() and self.clock.now() < until:
            await asyncio.wait({running}, timeout=0.01)
            await self.let_pass(5)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await wrong.close()
        return len(self.fake.opened) - before

    def start(self) -> None:
        """Connect."""
        self.platform = self.stream = DingtalkStream(self.config, self.clock)
        self._running = asyncio.create_task(self.stream.run(self._messages.put))

    async def stop(self) -> None:
        """Stop the connection properly."""
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self.stream.close()
        await self.fake.until(lambda: not self.fake.lines)


class HttpRig(DingtalkRig):
    """HTTP callbacks without a session to answer in, and no card template."""

    can = frozenset({Can.EXPIRE_TOKENS, Can.REFUSE_TOO_MUCH, Can.REFUSE_SECRETS})
    busy_path = "/v1.0/robot/oToMessages/batchSend"

    def __init__(self, fake: FakeDingtalk, clock: LeapingClock) -> None:
        super().__init__(fake, clock)
        self.clock = clock
        self.platform = self.callback = DingtalkCallback(self.config, clock)

    async def ask(self, text: str) -> InboundMessage:
        """Call back with a text."""
        message = self.fake.message(text, sessionWebhook="")
        return self.callback.receive(robot_callback(message, secret=SECRET, now=self.clock.now())).messages[0]

    async def show(self, outgoing: Outgoing) -> Outgoing:
        """Deliver."""
        return replace(outgoing, notes=await self.callback.deliver(outgoing))

    async def let_pass(self, seconds: float) -> None:
        """Move the clock."""
        self.clock.skip(seconds)

    async def restart(self) -> None:
        """Make another adapter."""
        await self.callback.close()
        self.platform = self.callback = DingtalkCallback(self.config, self.clock)

    async def expire_token(self) -> None:
        """End the token before its time."""
        self.fake.expire_tokens()

    def token_fetches(self) -> int:
        """Calls for a token."""
        return sum(path == f"POST {_LOGIN}" for path, _ in self.fake.calls)

    async def attempts_with_a_wrong_secret(self, minutes: int) -> int:
        """Deliver something every second."""
        before = self.token_fetches()
        wrong: DingtalkAccount = DingtalkCallback(
            replace(self.config, client_secret="wrong"),  # noqa: S106 - that is the point
            self.clock,
        )
        answer = begun(await self.ask("在吗"))
        for _ in range(minutes * 60):
            with suppress(PlatformError):
                await wrong.deliver(finished(answer, "好。"))
            self.clock.skip(1)
        await wrong.close()
        return self.token_fetches() - before


@asynccontextmanager
async def dingtalk_stream() -> AsyncIterator[Rig]:
    """A Stream connection and the platform."""
    clock = ManualClock()
    with standing(FakeDingtalk(clock)) as fake:
        rig = StreamRig(fake, clock)
        await fake.until(lambda: bool(fake.lines))
        await settle()
        yield rig
        await rig.stop()


@asynccontextmanager
async def dingtalk_http() -> AsyncIterator[Rig]:
    """HTTP callbacks and the platform."""
    clock = LeapingClock()
    with standing(FakeDingtalk(clock)) as fake:
        rig = HttpRig(fake, clock)
        yield rig
        await rig.callback.close()
