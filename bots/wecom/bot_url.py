"""WeCom smart bot (智能机器人) by URL: WeCom asks again and again for an answer's present text."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from bots.clock import Clock
from bots.errors import PartlyDeliveredError, RefusedError
from bots.inbound import Attachment, Channel, InboundKind, InboundMessage
from bots.outgoing import Outgoing
from bots.platform import CallbackAnswer, CallbackRequest, Finding, Platform
from bots.quiet import keep_queries_out_of_logs
from bots.splitting import Limit, parts, split
from bots.wecom.bot_media import fetch_media
from bots.wecom.bot_messages import BotMessage, parse_bot_message, read_bot_message
from bots.wecom.cards import template_card, words_of
from bots.wecom.config import WecomBotUrlConfig
from bots.wecom.connection import within
from bots.wecom.crypto import MessageCrypto
from bots.wecom.envelopes import opened_echo, opened_json, refuse_old, sealed_json
from bots.wecom.response_url import ResponseUrl
from bots.wecom.self_check import callback_findings
from bots.wecom.steps import OutcomeUnknownError
from bots.wecom.streams import LIMIT, closing
from domain.errors import PlatformError
from domain.messages import text

CUT = Limit(max_bytes=19500)
_ASKED_FOR_S = 330.0
"""WeCom stops asking six minutes after the question; half a minute before that we say that the rest comes later."""
_PRESS_S = 2.0
_MOST_PRESSES = 1000
_APP = "app."


@dataclass(slots=True)
class _Press:
    """A press that was delivered here; `answered` once our answer to it went out."""

    answered: asyncio.Event = field(default_factory=asyncio.Event)
    is_changed: bool = False


class WecomBotUrl:
    """One smart bot that is called at our address.

    An answer that is ready in time is fetched by WeCom; a later one goes out by the question's `response_url`,
    which takes one message within an hour. What that does not hold, and what nobody asked for, needs the app.

    Args:
        further: The company's self-built app, where there is one.
    """

    channel = Channel.WECOM_BOT_URL

    def __init__(self, config: WecomBotUrlConfig, clock: Clock, *, further: Platform | None = None) -> None:
        keep_queries_out_of_logs()
        self._config = config
        self._further = further
        self._presses: dict[str, _Press] = {}
        self._clock = clock
        self._crypto = MessageCrypto(token=config.token, encoding_aes_key=config.aes_key, receive_id="")
        self._client = httpx.AsyncClient(timeout=config.timeout_s, trust_env=False, proxy=config.proxy or None)
        self._late = ResponseUrl(self._client, config.api_domains, local=config.local)

    @property
    def account_id(self) -> str:
        """The bot's id."""
        return self._config.bot_id

    def receive(self, request: CallbackRequest) -> CallbackAnswer:
        """Verify, decrypt and read one request.

        A question is answered at once with the start of a stream whose id is the answer's; a press and a request
        for the present text ask for `refreshed`.

        Raises:
            SignatureError: It is not from the platform, or is too old.
        """
        refuse_old(request, self._config.skew_s, now=self._clock.now())
        if request.method == "GET":
            return CallbackAnswer(body=opened_echo(request, self._crypto).encode())
        said = self._said(request)
        if said is None:
            return CallbackAnswer()
        if said.msgtype == "stream":
            return CallbackAnswer(refresh=said.stream.id if said.stream else "")
        message = self._message(said)
        if message is None:
            return CallbackAnswer()
        if message.kind is InboundKind.ENTER:
            # The welcome has to be in this very answer; nothing later reaches somebody who has not asked.
            return self._answer(
                {"msgtype": "text", "text": {"content": text("bots.wecom_welcome", self._config.lang)}}, request
            )
        if message.kind is InboundKind.RATING:
            return CallbackAnswer(messages=(message,))
        if message.kind is InboundKind.CLICK:
            self._note_press(message.answer_id)
            return CallbackAnswer(messages=(message,), refresh=message.answer_id)
        return replace(self._answer(_begun(message.answer_id, self._config.lang), request), messages=(message,))

    def refreshed(self, request: CallbackRequest, outgoing: Outgoing | None) -> CallbackAnswer:
        """Answer with the present text, a changed card after a press, or a welcome; each only if we have it."""
        said = self._said(request)
        if said is None:
            return CallbackAnswer()
        if said.msgtype == "event":
            found = _event_answer(said, outgoing)
            self._answer_press(outgoing, is_changed=bool(found))
        else:
            found = self._stream(said.stream.id if said.stream else "", outgoing)
        return self._answer(found, request) if found else CallbackAnswer()

    async def deliver(self, outgoing: Outgoing) -> Mapping[str, str]:
        """Leave an answer to be fetched, or send it by the response URL when nobody will ask for it any more.

        Raises:
            RefusedError: There is no question to answer and no app; its response URL is not WeCom's, or was used.
            PartlyDeliveredError: The response URL was called and said nothing. It takes one message, so that trying
                again does no harm.
        """
        notes = outgoing.notes
        if outgoing.is_final and not outgoing.reply_to and self._further is not None:
            return await self._further.deliver(outgoing)  # its notes are the app's own
        if not outgoing.is_final or "sent" in notes or "fetched" in notes:
            return notes
        if not outgoing.reply_to:
            raise RefusedError("bots.wecom_url_no_push")
        if self._must_send(outgoing):
            is_changed = await self._is_changed(outgoing.answer_id)
            return await self._send(outgoing, _late_body(outgoing, is_changed=is_changed), {"sent": "1"})
        return await self._send(outgoing, _rest_body(outgoing), {"fetched": "1"})

    async def _send(self, outgoing: Outgoing, body: dict[str, Any], told: Mapping[str, str]) -> Mapping[str, str]:
        """Send one message by the response URL and by the app what it does not hold; without one it is cut."""
        words = body.get("markdown", {}).get("content", "")
        held, *more = split(words, LIMIT) if self._further else [_fitted(words, self._config.lang)]
        notes = dict(outgoing.notes)
        if body and "responded" not in notes:
            await self._respond(outgoing, _markdown(held) if words else body, notes)
        if more and self._further is not None:
            rest = replace(outgoing, text="".join(more), card=None, reply_to={}, notes=_app_notes(notes))
            try:
                await self._further.deliver(rest)
            except PartlyDeliveredError as error:
                kept = notes | {f"{_APP}{key}": value for key, value in error.notes.items()}
                raise PartlyDeliveredError(error.code, notes=kept, **error.params) from error
            except PlatformError as error:
                raise PartlyDeliveredError(error.code, notes=notes, **error.params) from error
        return told

    async def _respond(self, outgoing: Outgoing, body: dict[str, Any], notes: dict[str, str]) -> None:
        try:
            await self._late.call(outgoing.reply_to.get("response_url", ""), body)
        except OutcomeUnknownError as error:
            raise PartlyDeliveredError(error.code, notes=notes | {"unsure": "1"}) from error
        except RefusedError:
            # Refused after a try whose fate is unknown: that one was taken.
            if "unsure" not in notes:
                raise
        notes["responded"] = "1"

    def _note_press(self, answer_id: str) -> None:
        while len(self._presses) >= _MOST_PRESSES:
            del self._presses[next(iter(self._presses))]
        self._presses.setdefault(answer_id, _Press())

    def _answer_press(self, outgoing: Outgoing | None, *, is_changed: bool) -> None:
        press = self._presses.get(outgoing.answer_id) if outgoing else None
        if press is not None:
            press.is_changed |= is_changed
            press.answered.set()

    async def _is_changed(self, answer_id: str) -> bool:
        """Whether the pressed card says already what was done; the answer to the press may be on its way."""
        press = self._presses.get(answer_id)
        if press is None:
            return False
        with contextlib.suppress(TimeoutError):
            await within(asyncio.ensure_future(press.answered.wait()), _PRESS_S, self._clock)
        return press.is_changed

    async def fetch(self, attachment: Attachment, into: Path) -> str:
        """Write the decrypted file to `into`; its key is the callback's."""
        return await fetch_media(self._client, self._config, attachment, into, key=self._config.aes_key)

    async def check(self) -> list[Finding]:
        """Try our own callback address."""
        known = Finding(ok=True, key="bots.wecom_keys_well", params={})
        timeout_s, address = self._config.timeout_s, self._config.callback_url
        return [known, *await callback_findings(address, self._crypto, self._clock, timeout_s=timeout_s)]

    async def close(self) -> None:
        """Let connections go."""
        await self._client.aclose()
        if self._further is not None:
            await self._further.close()

    def _said(self, request: CallbackRequest) -> BotMessage | None:
        return parse_bot_message(opened_json(request, self._crypto))

    def _message(self, said: BotMessage) -> InboundMessage | None:
        bot_id, name, now = self._config.bot_id, self._config.bot_name, self._clock.now()
        return read_bot_message(said, channel=self.channel, bot_id=bot_id, bot_name=name, reply_to={}, now=now)

    def _answer(self, found: Mapping[str, Any], request: CallbackRequest) -> CallbackAnswer:
        body = sealed_json(found, request, self._crypto, now=self._clock.now())
        return CallbackAnswer(body=body, media_type="application/json")

    def _stream(self, stream_id: str, outgoing: Outgoing | None) -> dict[str, Any]:
        if outgoing is None:
            return _stream_frame(stream_id, text("bots.wecom_lost", self._config.lang), finish=True)
        if "sent" in outgoing.notes or (self._is_late(outgoing) and not outgoing.is_final):
            return _stream_frame(
                stream_id,
                closing("" if outgoing.is_final else outgoing.text, "bots.wecom_later", self._config.lang),
                finish=True,
            )
        card = template_card(outgoing.card) if outgoing.is_final and outgoing.card else None
        words = outgoing.text if card else _words(outgoing)
        # What the bubble does not hold goes out by the response URL, where there is one.
        shown = split(words, LIMIT)[0] if outgoing.reply_to.get("response_url") else _fitted(words, self._config.lang)
        shown = shown or text("bots.wecom_thinking", self._config.lang)
        frame = _stream_frame(stream_id, shown, finish=outgoing.is_final)
        return frame | {"msgtype": "stream_with_template_card", "template_card": card} if card else frame

    def _is_late(self, outgoing: Outgoing) -> bool:
        return self._clock.now() - outgoing.asked_at >= _ASKED_FOR_S

    def _must_send(self, outgoing: Outgoing) -> bool:
        """Whether nobody asks any more: it is too late, or a press began no stream."""
        return self._is_late(outgoing) or outgoing.reply_to.get("kind") == InboundKind.CLICK


def _stream_frame(stream_id: str, content: str, *, finish: bool) -> dict[str, Any]:
    return {"msgtype": "stream", "stream": {"id": stream_id, "finish": finish, "content": content}}


def _begun(answer_id: str, lang: str) -> dict[str, Any]:
    begun = _stream_frame(answer_id, text("bots.wecom_thinking", lang), finish=False)
    begun["stream"]["feedback"] = {"id": answer_id}
    return begun


def _event_answer(said: BotMessage, outgoing: Outgoing | None) -> dict[str, Any]:
    """Change the card that was pressed, if what was noted is known already."""
    card = outgoing.card if outgoing and outgoing.replaces else None
    if card is None or not (made := template_card(card)):
        return {}
    return {"response_type": "update_template_card", "userids": [said.sender.userid], "template_card": made}


def _late_body(outgoing: Outgoing, *, is_changed: bool) -> dict[str, Any]:
    """Return the one message that a response URL takes: the words, or the card where there are none."""
    card = outgoing.card
    if outgoing.replaces and card:
        words = outgoing.text or ("" if is_changed else card.done)
    elif card and not outgoing.text and (made := template_card(card)):
        return {"msgtype": "template_card", "template_card": made}
    else:
        words = _words(outgoing)
    return _markdown(words) if words else {}


def _rest_body(outgoing: Outgoing) -> dict[str, Any]:
    """Return what the bubble does not hold, for the one message that the response URL takes."""
    has_card = outgoing.card is not None and template_card(outgoing.card) is not None
    words = outgoing.text if has_card else _words(outgoing)
    rest = "".join(part.source for part in parts(words, LIMIT)[1:])
    if not rest or not outgoing.reply_to.get("response_url"):
        return {}
    return _markdown(rest)


def _markdown(words: str) -> dict[str, Any]:
    return {"msgtype": "markdown", "markdown": {"content": words}}


def _app_notes(notes: Mapping[str, str]) -> dict[str, str]:
    """Return what the app's adapter noted for itself."""
    return {key.removeprefix(_APP): value for key, value in notes.items() if key.startswith(_APP)}


def _words(outgoing: Outgoing) -> str:
    card = words_of(outgoing.card) if outgoing.is_final and outgoing.card else ""
    return "\n\n".join(part for part in (outgoing.text, card) if part)


def _fitted(words: str, lang: str) -> str:
    """Cut what one bubble does not hold, and say so: there is no second one."""
    if LIMIT.holds(words):
        return words
    return f"{split(words, CUT)[0]}\n\n{text('bots.wecom_cut', lang)}"
