"""WeCom's three channels for the common scenarios."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from bots.inbound import InboundMessage
from bots.outgoing import Outgoing
from bots.platform import CallbackAnswer, CallbackRequest
from bots.testing.clock import LeapingClock, ManualClock, settle
from bots.testing.rigs import Can, Rig, begun, finished
from bots.testing.wecom_api import FakeQyapi
from bots.testing.wecom_bot_url import FakeBotChat
from bots.testing.wecom_callbacks import FakeCaller, app_text
from bots.testing.wecom_gateway import FakeGateway
from bots.wecom.app import WecomApp
from bots.wecom.bot import WecomBot
from bots.wecom.bot_url import WecomBotUrl
from bots.wecom.config import WecomAppConfig, WecomBotConfig, WecomBotUrlConfig
from bots.wecom.crypto import MessageCrypto
from domain.errors import PlatformError

_TOKEN = "QDG6eK"  # noqa: S105 - of the platform's own sample data
_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
_NUMBER = re.compile(r"\A\(\d+/\d+\)\n")


class AppRig(Rig):
    """A self-built app."""

    part_bytes = 2048
    can = frozenset({Can.EXPIRE_TOKENS, Can.REFUSE_TOO_MUCH, Can.REFUSE_SECRETS})

    def __init__(self, qyapi: FakeQyapi, clock: LeapingClock) -> None:
        self.qyapi, self.clock = qyapi, clock
        self.config = WecomAppConfig(
            corp_id=qyapi.corp_id,
            agent_id=qyapi.agent_id,
            secret=qyapi.secret,
            token=_TOKEN,
            aes_key=_KEY,
            api_base=qyapi.base_url,
        )
        self.platform = self.app = WecomApp(self.config, clock)
        self.caller = FakeCaller(MessageCrypto(token=_TOKEN, encoding_aes_key=_KEY, receive_id=qyapi.corp_id), clock)
        self.hidden = (qyapi.secret, _TOKEN, _KEY, "access_token=T1")
        self._asked = 0

    async def ask(self, text: str) -> InboundMessage:
        """Call back with a text."""
        self._asked += 1
        answer = self.app.receive(self.caller.app(app_text(text, message_id=str(self._asked))))
        return answer.messages[0]

    async def show(self, outgoing: Outgoing) -> Outgoing:
        """Deliver."""
        return replace(outgoing, notes=await self.app.deliver(outgoing))

    def seen(self) -> list[str]:
        """Messages."""
        return [_NUMBER.sub("", shown.text) for shown in self.qyapi.shown]

    def faults(self) -> list[str]:
        """Cut and dropped messages."""
        return ["cut" for shown in self.qyapi.shown if shown.was_cut] + ["dropped" for _ in self.qyapi.dropped]

    def open_bubbles(self) -> int:
        """An app has none."""
        return 0

    async def let_pass(self, seconds: float) -> None:
        """Move the clock."""
        self.clock.skip(seconds)

    async def restart(self) -> None:
        """Make another adapter."""
        await self.app.close()
        self.platform = self.app = WecomApp(self.config, self.clock)

    async def expire_token(self) -> None:
        """End the token before its time."""
        self.qyapi.expire_now()

    def token_fetches(self) -> int:
        """Calls of gettoken."""
        return self.qyapi.token_calls

    async def refuse_next(self) -> None:
        """45009."""
        self.qyapi.failures.append(45009)

    async def attempts_with_a_wrong_secret(self, minutes: int) -> int:
        """Deliver something every second."""
        wrong = WecomApp(replace(self.config, secret="wrong"), self.clock)  # noqa: S106 - that is the point
        answer = begun(await self.ask("在吗"))
        for _ in range(minutes * 60):
            with suppress(PlatformError):
                await wrong.deliver(finished(answer, "好。"))
            self.clock.skip(1)
        await wrong.close()
        return self.qyapi.token_calls


class BotUrlRig(Rig):
    """A smart bot by URL, with the little that the service's route does."""

    part_bytes = 20480
    can = frozenset({Can.END_STREAMS})

    def __init__(self, clock: LeapingClock) -> None:
        self.clock = clock
        self.config = WecomBotUrlConfig(bot_id="BOT", token=_TOKEN, aes_key=_KEY, local=True)
        self.platform = self.bot = WecomBotUrl(self.config, clock)
        crypto = MessageCrypto(token=_TOKEN, encoding_aes_key=_KEY, receive_id="")
        self.chat = FakeBotChat(FakeCaller(crypto, clock), clock, self._edge)
        self.hidden = (_TOKEN, _KEY, "response_code=rc")
        self._messages: list[InboundMessage] = []
        self._answers: dict[str, Outgoing] = {}

    async def ask(self, text: str) -> InboundMessage:
        """Call back with a text and take the first answer."""
        await self.chat.say(text)
        return self._messages[-1]

    async def show(self, outgoing: Outgoing) -> Outgoing:
        """Deliver, and let the platform ask for the present text."""
        self._answers[outgoing.answer_id] = outgoing
        outgoing = replace(outgoing, notes=await self.bot.deliver(outgoing))
        self._answers[outgoing.answer_id] = outgoing
        await self._refresh()
        return outgoing

    def seen(self) -> list[str]:
        """Bubbles, then messages by response URL."""
        later = [str(message["markdown"]["content"]) for message in self.chat.later]
        return [*(bubble.texts[-1] for bubble in self.chat.bubbles.values()), *later]

    def faults(self) -> list[str]:
        """What the chat found, and second uses of a response URL."""
        return [*self.chat.faults, *("ignored" for _ in self.chat.ignored)]

    def open_bubbles(self) -> int:
        """Streams without an end."""
        return sum(not bubble.finished for bubble in self.chat.bubbles.values())

    async def let_pass(self, seconds: float) -> None:
        """Move the clock; the platform asks every half minute."""
        while seconds > 0:
            self.clock.skip(min(seconds, 30.0))
            await self._refresh()
            seconds -= 30.0

    async def restart(self) -> None:
        """Make another adapter; answers are kept outside of it."""
        await self.bot.close()
        self.platform = self.bot = WecomBotUrl(self.config, self.clock)

    async def _refresh(self) -> None:
        for bubble in self.chat.bubbles.values():
            await self.chat.refresh(bubble)

    async def _edge(self, request: CallbackRequest) -> CallbackAnswer:
        answer = self.bot.receive(request)
        for message in answer.messages:
            self._messages.append(message)
            self._answers.setdefault(message.answer_id, begun(message))
        return self.bot.refreshed(request, self._answers.get(answer.refresh)) if answer.refresh else answer


class BotRig(Rig):
    """A smart bot over its long connection."""

    part_bytes = 20480
    can = frozenset({Can.END_STREAMS, Can.BREAK_LINES, Can.REFUSE_TOO_MUCH, Can.REFUSE_SECRETS})

    def __init__(self, gateway: FakeGateway, clock: ManualClock) -> None:
        self.gateway, self.clock = gateway, clock
        self.config = WecomBotConfig(bot_id="BOT", secret=gateway.secrets["BOT"], ws_url=gateway.url)
        self.hidden = (gateway.secrets["BOT"],)
        self._messages: asyncio.Queue[InboundMessage] = asyncio.Queue()
        self._start()

    async def ask(self, text: str) -> InboundMessage:
        """Deliver a text over the line."""
        await self.gateway.until(lambda: self.gateway.is_connected)
        await self.gateway.say(text)
        return await self._messages.get()

    async def show(self, outgoing: Outgoing) -> Outgoing:
        """Deliver, and let the pace between refreshes pass."""
        delivering = asyncio.create_task(self.bot.deliver(outgoing))
        await settle()
        while not delivering.done():
            if self.clock.sleepers and self.clock.sleepers[0] != 5.0:
                await self.clock.advance(min(self.clock.sleepers[0], 1.0))
            await asyncio.wait({delivering}, timeout=0.002)
        return replace(outgoing, notes=await delivering)

    def seen(self) -> list[str]:
        """Bubbles, then messages."""
        bubbles = [bubble.text for bubble in self.gateway.bubbles.values()]
        return [*bubbles, *(str(message["markdown"]["content"]) for message in self.gateway.messages)]

    def faults(self) -> list[str]:
        """What the gateway found, and second ends."""
        doubled = ["two ends" for bubble in self.gateway.bubbles.values() if bubble.finishes > 1]
        return [*self.gateway.faults, *doubled]

    def open_bubbles(self) -> int:
        """Streams without an end."""
        return sum(not bubble.finishes for bubble in self.gateway.bubbles.values())

    async def let_pass(self, seconds: float) -> None:
        """Move the clock in beats, so that pings are acknowledged on the way."""
        while seconds > 0:
            await self.clock.advance(min(seconds, 2.0))
            await asyncio.sleep(0.001)
            seconds -= 2.0

    async def restart(self) -> None:
        """Stop the connection properly and open another."""
        await self.stop()
        self._start()
        await self.gateway.until(lambda: self.gateway.is_connected)

    async def stop(self) -> None:
        """Stop the connection properly."""
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self.bot.close()

    async def refuse_next(self) -> None:
        """45009."""
        self.gateway.refuse_next = 45009

    async def break_line(self, code: int) -> None:
        """Close, and let the wait before the next attempt pass."""
        connections = self.gateway.connections
        await self.gateway.close(code)
        async with asyncio.timeout(10):
            while self.gateway.connections == connections or not self.gateway.is_connected:
                await self.clock.advance(1.0)
                await asyncio.sleep(0.001)
        await settle()

    async def attempts_with_a_wrong_secret(self, minutes: int) -> int:
        """Run until it is given up or the time is over."""
        before = len(self.gateway.subscribed_at)
        wrong = WecomBot(replace(self.config, secret="wrong"), self.clock)  # noqa: S106 - that is the point
        running = asyncio.create_task(wrong.run(self._messages.put))
        await self.let_pass(minutes * 60)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return len(self.gateway.subscribed_at) - before

    def _start(self) -> None:
        self.platform = self.bot = WecomBot(self.config, self.clock, jitter=lambda: 1.0)
        self._running = asyncio.create_task(self.bot.run(self._messages.put))


@asynccontextmanager
async def wecom_app() -> AsyncIterator[Rig]:
    """A self-built app and the server API."""
    clock = LeapingClock()
    qyapi = FakeQyapi(clock)
    with qyapi.serve():
        rig = AppRig(qyapi, clock)
        yield rig
        await rig.app.close()


@asynccontextmanager
async def wecom_bot_url() -> AsyncIterator[Rig]:
    """A smart bot by URL and a chat that asks."""
    rig = BotUrlRig(LeapingClock())
    with rig.chat.serve():
        yield rig
        await rig.bot.close()


@asynccontextmanager
async def wecom_bot() -> AsyncIterator[Rig]:
    """A smart bot over its long connection and the gateway."""
    clock = ManualClock()
    gateway = FakeGateway(clock)
    async with gateway.serve():
        rig = BotRig(gateway, clock)
        await gateway.until(lambda: gateway.is_connected)
        await settle()
        yield rig
        await rig.stop()
