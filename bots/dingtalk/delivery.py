"""Which way an answer goes: a card that is written on, or messages when it is done."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog

from bots.clock import Clock
from bots.dingtalk.api import DingtalkApi
from bots.dingtalk.cards import CardWriter
from bots.dingtalk.config import DingtalkConfig
from bots.dingtalk.sending import MessageSender
from bots.dingtalk.words import messages_of
from bots.errors import PartlyDeliveredError, RefusedError
from bots.outgoing import Card, Outgoing
from domain.errors import PlatformError

log = structlog.get_logger(__name__)


class Delivery:
    """Brings answers to a chat.

    Args:
        hears_presses: Presses on cards come back to us; else their buttons are written as words to answer.
    """

    def __init__(self, config: DingtalkConfig, api: DingtalkApi, clock: Clock, *, hears_presses: bool) -> None:
        self._lang = config.lang
        self._longest_s = config.deliver_s
        self._streams = bool(config.card_template_id)
        self._has_buttons = bool(self._streams and config.card_buttons_key and hears_presses)
        self._cards = CardWriter(config, api, clock, has_buttons=self._has_buttons)
        self._sender = MessageSender(config, api, clock)

    async def deliver(self, outgoing: Outgoing) -> dict[str, str]:
        """Show the answer as it is now.

        Returns:
            Notes for the next delivery.

        Raises:
            PartlyDeliveredError: Some of it was shown.
            PlatformError: Nothing was shown; trying again may help.
            RefusedError: Nothing was shown and it will not help.
        """
        notes = dict(outgoing.notes)
        try:
            async with asyncio.timeout(self._longest_s):
                return await self._shown(outgoing, notes)
        except TimeoutError as error:
            # Whoever called us holds the answer only so long; the next try goes on behind what is done.
            raise PartlyDeliveredError("bots.dingtalk_unreachable", notes=notes) from error

    async def _shown(self, outgoing: Outgoing, notes: dict[str, str]) -> dict[str, str]:
        if outgoing.replaces and self._has_buttons and outgoing.card is not None:
            return await self._replaced(outgoing, outgoing.card, notes)
        if self._goes_by_card(outgoing):
            return await self._by_card(outgoing, notes)
        return await self._by_message(outgoing, notes) if outgoing.is_final else notes

    async def _replaced(self, outgoing: Outgoing, card: Card, notes: dict[str, str]) -> dict[str, str]:
        """Say on the pressed card what was decided; what else there is to say follows as a message."""
        if "changed" not in notes:
            await self._cards.change_buttons(outgoing.reply_to.get("card") or card.task_id, outgoing)
            notes["changed"] = "1"
        return await self._by_message(replace(outgoing, card=None), notes) if outgoing.text else notes

    def _goes_by_card(self, outgoing: Outgoing) -> bool:
        if not self._streams or "plain" in outgoing.notes or "card" in outgoing.reply_to:
            return False  # a press is answered on the card that was pressed
        if not outgoing.to.is_group and not outgoing.reply_to.get("staff_id", outgoing.to.user_id):
            return False  # a card is addressed by the staff id, which people from outside do not have
        has_presses = self._has_buttons and outgoing.card is not None and bool(outgoing.card.buttons)
        # What is complete at once needs one message instead of the four calls of a card.
        return "card" in outgoing.notes or not outgoing.is_final or has_presses

    async def _by_card(self, outgoing: Outgoing, notes: dict[str, str]) -> dict[str, str]:
        messages = messages_of(outgoing, has_buttons=self._has_buttons, lang=self._lang)
        try:
            await self._cards.show(outgoing, messages[0] if messages else "", notes=notes)
        except RefusedError as error:
            log.warning("bot.card_refused", answer_id=outgoing.answer_id, code=error.code)
            notes["plain"] = "1"
            return await self._by_message(outgoing, notes) if outgoing.is_final else notes
        except PlatformError as error:
            if {**notes, "card": ""} == {**outgoing.notes, "card": ""}:
                raise
            raise PartlyDeliveredError(error.code, notes=notes, **error.params) from error
        if outgoing.is_final and len(messages) > 1:
            return await self._sender.send(outgoing, messages, notes=notes, first=1)
        return notes

    async def _by_message(self, outgoing: Outgoing, notes: dict[str, str]) -> dict[str, str]:
        messages = messages_of(outgoing, has_buttons=False, lang=self._lang)
        return await self._sender.send(outgoing, messages, notes=notes)
