"""What goes out over a smart bot's long connection: growing answers, welcomes, changed cards, pushes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from bots.clock import Clock
from bots.errors import RefusedError
from bots.inbound import InboundKind, Sender
from bots.outgoing import Card, Outgoing
from bots.splitting import split
from bots.throttle import Rate, Throttle
from bots.wecom.cards import template_card, words_of
from bots.wecom.config import WecomBotConfig
from bots.wecom.connection import Connection, GoneError, within
from bots.wecom.response_url import ResponseUrl
from bots.wecom.steps import OutcomeUnknownError, Step, in_steps
from bots.wecom.streams import LIMIT, OPEN_FOR_S, STREAM_S, Stream, closing, growing, held, missing_part
from domain.errors import PlatformError

log = structlog.get_logger(__name__)

_WAIT_FOR_LINE_S = 30.0
_FORGOTTEN_AFTER_S = 3600.0
_KEPT_FOR_ENDS = 8
"""Of the 30 frames a minute that a chat takes, so many are left for ends and messages."""
_MOST_TRIES = 3
"""How often the end of a bubble is sent in a row until its fate is known."""


class BotSender:
    """Sends over the connection that is open at the moment.

    Args:
        late: The questions' own addresses, for what a bubble that is over does not show.
    """

    def __init__(self, config: WecomBotConfig, clock: Clock, late: ResponseUrl) -> None:
        self._config = config
        self._clock = clock
        self._late = late
        self._connection: Connection | None = None
        self._online = asyncio.Event()
        self._chats = Throttle(clock, Rate(count=30, seconds=60), Rate(count=1000, seconds=3600))
        self._streams: dict[str, Stream] = {}

    def use(self, connection: Connection | None) -> None:
        """Send over this connection from now on; None: there is none."""
        self._connection = connection
        if connection is None:
            self._online.clear()
        else:
            self._online.set()

    async def deliver(self, outgoing: Outgoing) -> Mapping[str, str]:
        """Show an answer as it is now; see `Platform.deliver`."""
        match outgoing.reply_to.get("kind"):
            case None:
                return await self._push(outgoing)
            case InboundKind.ENTER:
                return await self._welcome(outgoing)
            case InboundKind.CLICK | InboundKind.RATING:
                return await self._after_press(outgoing)
            case _:
                return await self._answer(outgoing)

    async def finish_all(self) -> None:
        """Give every open bubble an end, because we stop; the whole answer comes later from whoever goes on."""
        streams = [stream for stream in self._streams.values() if stream.is_begun and not stream.is_closed]
        for stream in self._streams.values():
            stream.stop_watching()
        if self._connection is not None:
            await asyncio.gather(*(self._close(stream, "bots.wecom_restarting") for stream in streams))
        self._streams.clear()

    async def _push(self, outgoing: Outgoing) -> Mapping[str, str]:
        if not outgoing.is_final:
            return outgoing.notes
        return await in_steps(self._messages(outgoing.text, outgoing), outgoing.notes)

    async def _welcome(self, outgoing: Outgoing) -> Mapping[str, str]:
        """Greet within five seconds of the rep's coming; later the platform does not take it, and nobody misses it."""
        if not outgoing.is_final or "sent" in outgoing.notes:
            return outgoing.notes
        body: dict[str, Any] = {"msgtype": "text", "text": {"content": split(outgoing.text, LIMIT)[0]}}
        try:
            await self._request("aibot_respond_welcome_msg", body, req_id=outgoing.reply_to.get("req_id", ""))
        except (RefusedError, OutcomeUnknownError) as error:
            log.info("wecom.welcome_missed", reason=error.code)
        return {**outgoing.notes, "sent": "1"}

    async def _after_press(self, outgoing: Outgoing) -> Mapping[str, str]:
        """Change the pressed card within five seconds; where that is over, say in words what was noted."""
        if not outgoing.is_final:
            return outgoing.notes
        card = outgoing.card if outgoing.replaces else None
        steps = [self._update_step(card, outgoing)] if card else []
        return await in_steps([*steps, *self._messages(outgoing.text, outgoing)], outgoing.notes)

    async def _answer(self, outgoing: Outgoing) -> Mapping[str, str]:
        stream = self._streams.get(outgoing.answer_id) or self._take_up(outgoing)
        stream.words, stream.newest = outgoing.text, stream.newest + 1
        if outgoing.is_final:
            return await self._finish(stream, outgoing)
        await self._grow(stream, outgoing, number=stream.newest)
        return stream.notes(outgoing.notes)

    def _take_up(self, outgoing: Outgoing) -> Stream:
        now = self._clock.now()
        for old in [stream for stream in self._streams.values() if stream.begun_at < now - _FORGOTTEN_AFTER_S]:
            del self._streams[old.answer_id]
        stream = self._streams[outgoing.answer_id] = Stream.of(outgoing, now=now)
        return stream

    async def _grow(self, stream: Stream, outgoing: Outgoing, *, number: int) -> None:
        """Show a text that is not the last; one that cannot be shown now is left out, for a newer one will come."""
        async with stream.turn:
            await self._clock.sleep(stream.last_frame_at + self._config.refresh_s - self._clock.now())
            if number != stream.newest or stream.is_closed or self._connection is None:
                return
            if not self._chats.try_take(outgoing.to.conversation_id, spare=_KEPT_FOR_ENDS):
                return
            try:
                await self._frame(stream, growing(outgoing.text, self._config.lang), finish=False)
            except GoneError:
                stream.is_closed = True
            except PlatformError as error:
                log.info("wecom.refresh_missed", reason=error.code)
            else:
                stream.shown = held(outgoing.text)
                self._watch(stream)

    async def _finish(self, stream: Stream, outgoing: Outgoing) -> Mapping[str, str]:
        async with stream.turn:
            stream.stop_watching()
            notes = stream.notes(outgoing.notes)
            if not stream.is_closed:
                try:
                    notes = await in_steps(self._last_steps(stream, outgoing), notes)
                except GoneError:
                    stream.is_closed = True
                    notes = stream.notes(outgoing.notes)
            if stream.is_closed:
                notes = await in_steps(self._follow_up(missing_part(outgoing.text, notes), outgoing), notes)
            self._streams.pop(stream.answer_id, None)
            return notes

    def _last_steps(self, stream: Stream, outgoing: Outgoing) -> list[Step]:
        """The bubble's end with as much as it holds, the rest as messages, then the card."""
        words = outgoing.text or _words_instead(outgoing)
        first, *rest = split(words, LIMIT)

        async def end(again: bool) -> None:
            await self._end(stream, first or "…", outgoing.to, again=again)

        messages = [self._message_step(_markdown(part), outgoing.to) for part in rest]
        return [end, *messages, *self._card_steps(outgoing, instead=not outgoing.text)]

    async def _end(self, stream: Stream, words: str, to: Sender, *, again: bool) -> None:
        """Give a bubble its end, and send the same end again until it is known what became of it.

        The platform takes one end for a stream, so a second one does no harm; asked at once, it still tells an end
        that it took from a stream whose six minutes are over.
        """
        for left in reversed(range(_MOST_TRIES)):
            await self._wait_for_line()
            await self._chats.take(to.conversation_id)
            try:
                await self._frame(stream, words, finish=True)
            except OutcomeUnknownError:
                again = True
                if left:
                    continue
                raise
            except GoneError:
                # Over before its time, after a frame whose fate was unknown: that frame was its end.
                if not again or self._clock.now() - stream.begun_at >= STREAM_S:
                    raise
            return

    def _follow_up(self, words: str, outgoing: Outgoing) -> list[Step]:
        """What a bubble that is over does not show: by the question's own address, for there a second try is safe."""
        if not words.strip() or not self._late.takes(outgoing, now=self._clock.now()):
            return self._messages(words, outgoing)
        first, *rest = split(words, LIMIT)
        messages = [self._message_step(_markdown(part), outgoing.to) for part in rest]
        return [self._late.step(outgoing, _markdown(first)), *messages, *self._card_steps(outgoing)]

    def _messages(self, words: str, outgoing: Outgoing) -> list[Step]:
        parts = split(words, LIMIT) if words.strip() else []
        steps = [self._message_step(_markdown(part), outgoing.to) for part in parts]
        return [*steps, *self._card_steps(outgoing)]

    def _card_steps(self, outgoing: Outgoing, *, instead: bool = False) -> list[Step]:
        card = outgoing.card
        if card is None or outgoing.replaces:
            return []
        made = template_card(card)
        if made is None:
            return [] if instead else [self._message_step(_markdown(words_of(card)), outgoing.to)]
        return [self._message_step({"msgtype": "template_card", "template_card": made}, outgoing.to)]

    def _message_step(self, body: dict[str, Any], to: Sender) -> Step:
        address = {"chatid": to.conversation_id if to.is_group else to.user_id, "chat_type": 2 if to.is_group else 1}

        async def send(again: bool) -> None:
            await self._wait_for_line()
            await self._chats.take(to.conversation_id)
            try:
                await self._request("aibot_send_msg", {**address, **body})
            except OutcomeUnknownError as error:
                # The platform knows no doubles here, so what may have been sent is not sent again.
                log.warning("wecom.outcome_unknown", reason=error.code)

        return send

    def _update_step(self, card: Card, outgoing: Outgoing) -> Step:
        body = {"response_type": "update_template_card", "template_card": template_card(card)}

        async def update(again: bool) -> None:
            try:
                await self._request("aibot_respond_update_msg", body, req_id=outgoing.reply_to.get("req_id", ""))
            except RefusedError:
                if not outgoing.text and card.done:
                    await self._message_step(_markdown(card.done), outgoing.to)(again)

        return update

    async def _frame(self, stream: Stream, content: str, *, finish: bool) -> None:
        stream.begin(self._clock.now())
        await self._request("aibot_respond_msg", stream.frame(content, finish=finish), req_id=stream.req_id)
        stream.is_begun, stream.last_frame_at = True, self._clock.now()

    async def _request(self, command: str, body: dict[str, Any], *, req_id: str = "") -> None:
        if self._connection is None:
            raise PlatformError("bots.wecom_bot_offline")
        await self._connection.request(command, body, req_id=req_id)

    async def _wait_for_line(self) -> None:
        if self._connection is not None and not self._connection.is_open:
            self.use(None)  # whoever keeps the connection has not noticed yet
        if self._online.is_set():
            return
        try:
            await within(asyncio.ensure_future(self._online.wait()), _WAIT_FOR_LINE_S, self._clock)
        except TimeoutError as error:
            raise PlatformError("bots.wecom_bot_offline") from error

    def _watch(self, stream: Stream) -> None:
        if stream.watch is None:
            stream.watch = asyncio.create_task(self._close_in_time(stream))

    async def _close_in_time(self, stream: Stream) -> None:
        await self._clock.sleep(stream.begun_at + OPEN_FOR_S - self._clock.now())
        await self._close(stream, "bots.wecom_later")

    async def _close(self, stream: Stream, key: str) -> None:
        async with stream.turn:
            if stream.is_closed:
                return
            stream.is_closed = True
            try:
                await self._frame(stream, closing(stream.words, key, self._config.lang), finish=True)
                stream.shown = held(stream.words)
            except PlatformError as error:
                log.warning("wecom.stream_not_closed", reason=error.code)


def _markdown(words: str) -> dict[str, Any]:
    return {"msgtype": "markdown", "markdown": {"content": words}}


def _words_instead(outgoing: Outgoing) -> str:
    """A card that WeCom cannot show stands in the bubble as words."""
    card = outgoing.card
    return words_of(card) if card and template_card(card) is None else ""
