"""Messages out: by the session's webhook while it lives, else by the open API; each part at most once."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from bots.clock import Clock
from bots.dingtalk import bodies
from bots.dingtalk.api import DingtalkApi
from bots.dingtalk.config import DingtalkConfig
from bots.dingtalk.pace import Pace
from bots.dingtalk.words import title_of
from bots.errors import PartlyDeliveredError, RefusedError
from bots.outgoing import Outgoing
from bots.wecom.steps import OutcomeUnknownError
from domain.errors import PlatformError

log = structlog.get_logger(__name__)

_EXPIRES_EARLY_S = 60.0


class MessageSender:
    """Sends markdown messages."""

    def __init__(self, config: DingtalkConfig, api: DingtalkApi, clock: Clock) -> None:
        self._config = config
        self._api = api
        self._clock = clock
        self._pace = Pace(config, clock, kind="messages")

    async def send(
        self, outgoing: Outgoing, messages: Sequence[str], *, notes: dict[str, str], first: int = 0
    ) -> dict[str, str]:
        """Send the messages from `first` on that `notes` do not say were sent.

        Returns:
            The notes with the number of messages sent.

        Raises:
            PartlyDeliveredError: Some were sent in this call, or the notes know of something else that was done.
            PlatformError: None was sent, trying again may help.
            RefusedError: The platform will not take one, whatever went before.
        """
        start = max(int(notes.get("sent", first)), first)
        for number in range(start, len(messages)):
            if notes.get("trying") == str(number):  # a delivery that was broken off in the middle of this call
                self._note_unknown(outgoing, number, notes)
                continue
            notes["trying"] = str(number)
            try:
                await self._send_one(outgoing, messages[number], is_first=number == 0)
            except OutcomeUnknownError:
                self._note_unknown(outgoing, number, notes)
            except PlatformError as error:
                del notes["trying"]
                if isinstance(error, RefusedError) or notes == dict(outgoing.notes):
                    raise
                raise PartlyDeliveredError(error.code, notes=notes, **error.params) from error
            notes["sent"] = str(number + 1)
        notes.pop("trying", None)
        return notes

    def _note_unknown(self, outgoing: Outgoing, number: int, notes: dict[str, str]) -> None:
        # Twice the same words are worse than the small chance that these did not arrive.
        log.warning("bot.delivery_unknown", answer_id=outgoing.answer_id, part=number)
        notes["sent"] = str(number + 1)

    async def _send_one(self, outgoing: Outgoing, words: str, *, is_first: bool) -> None:
        url = self._live_webhook(outgoing)
        if url:
            mention = outgoing.reply_to.get("staff_id", "") if is_first and outgoing.to.is_group else ""
            body = bodies.webhook_message(title=title_of(outgoing, self._config.lang), text=words, mention=mention)
            try:
                return await self._pace.run(lambda: self._api.post_webhook(url, body))
            except RefusedError as error:
                log.info("bot.webhook_refused", answer_id=outgoing.answer_id, code=error.code)
        if not outgoing.to.is_group and not outgoing.reply_to.get("staff_id", outgoing.to.user_id):
            raise RefusedError("bots.dingtalk_no_way_back")
        return await self._send_by_api(outgoing, words)

    async def _send_by_api(self, outgoing: Outgoing, words: str) -> None:
        path, body = bodies.message(self._config, outgoing.to, title=title_of(outgoing, self._config.lang), text=words)
        said = await self._pace.run(lambda: self._api.call("POST", path, body))
        if said.get("flowControlledStaffIdList"):
            raise PlatformError("bots.dingtalk_busy")
        if said.get("invalidStaffIdList"):
            raise RefusedError("bots.dingtalk_unknown_user")

    def _live_webhook(self, outgoing: Outgoing) -> str:
        try:
            expires_at = float(outgoing.reply_to.get("webhook_expires_at", "0"))
        except ValueError:
            return ""
        is_live = self._clock.now() < expires_at - _EXPIRES_EARLY_S
        return outgoing.reply_to.get("webhook", "") if is_live else ""
