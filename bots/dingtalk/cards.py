"""An answer on an AI card: made once, written on as the answer grows, and always brought to its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from bots.clock import Clock
from bots.dingtalk import bodies
from bots.dingtalk.api import BusyError, DingtalkApi
from bots.dingtalk.config import DingtalkConfig
from bots.dingtalk.pace import TRIES, Pace
from bots.dingtalk.words import button_values
from bots.errors import RefusedError
from bots.outgoing import Outgoing
from bots.wecom.steps import OutcomeUnknownError

log = structlog.get_logger(__name__)


class CardWriter:
    """Shows answers on cards. What was done stands in the notes, so that any process can go on with a card.

    Notes: `card` its id, `made`, `placed` in the chat, `shown_at` of the last update, `unstreamed` when the
    platform refuses to stream to it, `finalised` and `closed` at its end.
    """

    def __init__(self, config: DingtalkConfig, api: DingtalkApi, clock: Clock, *, has_buttons: bool) -> None:
        self._config = config
        self._api = api
        self._clock = clock
        self._pace = Pace(config, clock, kind="cards")
        self._buttons_key = config.card_buttons_key if has_buttons else ""

    async def show(self, outgoing: Outgoing, words: str, *, notes: dict[str, str]) -> None:
        """Bring the card to where the answer is; `notes` is written on after each step that is done.

        Raises:
            RefusedError: The platform does not want the card; the words must go another way.
            PlatformError: It could not be done now.
        """
        track = notes.setdefault("card", bodies.card_id(outgoing.answer_id))
        await self._place(outgoing, track, notes)
        if outgoing.is_final:
            await self._finalise(outgoing, track, words, notes)
            await self._close(outgoing, track, words, notes)
        elif words and "unstreamed" not in notes:
            await self._write_on(outgoing, track, words, notes)

    async def change_buttons(self, track: str, outgoing: Outgoing) -> None:
        """Put what was decided in place of a card's buttons.

        Raises:
            PlatformError: It could not be done.
        """
        values = button_values(outgoing.card, key=self._buttons_key)
        await self._call("PUT", bodies.CREATE, bodies.change(track, values))

    async def _place(self, outgoing: Outgoing, track: str, notes: dict[str, str]) -> None:
        if "made" not in notes:
            try:
                await self._call("POST", bodies.CREATE, bodies.create(self._config, track))
            except RefusedError as error:
                # A try whose answer was lost has made it already.
                if "exist" not in str(error.params.get("code", "")).lower():
                    raise
            notes["made"] = "1"
        if "placed" not in notes:
            try:
                await self._call("POST", bodies.DELIVER, bodies.deliver(self._config, track, outgoing.to))
            except OutcomeUnknownError:
                log.warning("bot.delivery_unknown", answer_id=outgoing.answer_id, part="card")
            notes["placed"] = "1"

    async def _write_on(self, outgoing: Outgoing, track: str, words: str, notes: dict[str, str]) -> None:
        try:
            await self._stream(outgoing, track, words, notes, tries=1)
        except (BusyError, OutcomeUnknownError):
            return  # the next words, or the last ones, bring these along
        except RefusedError as error:
            _note_refusal(error, outgoing, notes)

    async def _finalise(self, outgoing: Outgoing, track: str, words: str, notes: dict[str, str]) -> None:
        if "finalised" in notes:
            return
        try:
            await self._stream(outgoing, track, words, notes, tries=TRIES)
        except RefusedError as error:
            _note_refusal(error, outgoing, notes)
        notes["finalised"] = "1"

    async def _close(self, outgoing: Outgoing, track: str, words: str, notes: dict[str, str]) -> None:
        if "closed" in notes:
            return
        more = button_values(outgoing.card, key=self._buttons_key)
        body = bodies.finish(self._config, track, words, outgoing.state, more)
        try:
            await self._call("PUT", bodies.CREATE, body)
        except RefusedError:
            if "unstreamed" in notes:
                raise
            log.warning("bot.card_not_closed", answer_id=outgoing.answer_id)  # its words are shown already
        notes["closed"] = "1"

    async def _stream(self, outgoing: Outgoing, track: str, words: str, notes: dict[str, str], *, tries: int) -> None:
        wait_s = float(notes.get("shown_at", "0")) + self._config.card_min_interval_s - self._clock.now()
        if wait_s > 0:
            await self._clock.sleep(wait_s)
        body = bodies.streaming(self._config, track, words, outgoing.state)
        await self._call("PUT", bodies.STREAMING, body, tries=tries)
        notes["shown_at"] = str(self._clock.now())

    async def _call(self, method: str, path: str, body: Mapping[str, Any], *, tries: int = TRIES) -> None:
        """Call in turn; where an answer is lost ask once more, for the same body twice is one to the platform."""
        is_repeatable = path != bodies.DELIVER
        try:
            await self._pace.run(lambda: self._api.call(method, path, body), tries=tries)
        except OutcomeUnknownError:
            if not is_repeatable or tries == 1:
                raise
            await self._pace.run(lambda: self._api.call(method, path, body), tries=tries)


def _note_refusal(error: RefusedError, outgoing: Outgoing, notes: dict[str, str]) -> None:
    said = error.params.get("code") or error.params.get("permission", "")
    log.warning("bot.card_not_streamed", answer_id=outgoing.answer_id, code=error.code, said=said)
    notes["unstreamed"] = "1"
