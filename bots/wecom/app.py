"""WeCom self-built app (自建应用): encrypted XML in, `message/send` out."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from bots.clock import Clock
from bots.errors import RefusedError
from bots.inbound import Attachment, Channel
from bots.markdown import for_wecom_app, plain
from bots.outgoing import Card, Outgoing
from bots.platform import CallbackAnswer, CallbackRequest, Finding
from bots.splitting import Limit, numbered
from bots.throttle import Rate, Throttle
from bots.wecom.api import WecomApi
from bots.wecom.app_messages import read_app_message
from bots.wecom.cards import template_card, words_of
from bots.wecom.config import WecomAppConfig
from bots.wecom.crypto import MessageCrypto
from bots.wecom.envelopes import opened_echo, opened_xml, refuse_old
from bots.wecom.self_check import callback_findings
from bots.wecom.steps import Step, in_steps
from domain.errors import PlatformError, SignatureError

_LIMIT = Limit(max_bytes=2000)
_DUPLICATE_WINDOW_S = 1800
_SKEW_S = 60.0


class WecomApp:
    """One self-built app.

    Its messages cannot be changed after sending, so an answer goes out when it is finished. What is too long
    goes out in numbered parts. A member gets at most 30 messages a minute, because the platform drops the rest
    without a word.
    """

    channel = Channel.WECOM_APP

    def __init__(self, config: WecomAppConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._api = WecomApi(config, clock)
        self._members = Throttle(clock, Rate(count=30, seconds=60), Rate(count=1000, seconds=3600))
        self._crypto = _crypto(config)

    @property
    def account_id(self) -> str:
        """Corp and app."""
        return self._config.account_id

    def receive(self, request: CallbackRequest) -> CallbackAnswer:
        """Verify, decrypt and read one request; a GET is the console's check of our address.

        Raises:
            SignatureError: It is not from the platform, or is too old.
        """
        if self._crypto is None:
            raise SignatureError("bots.wecom_not_signed")
        refuse_old(request, self._config.skew_s, now=self._clock.now())
        if request.method == "GET":
            return CallbackAnswer(body=opened_echo(request, self._crypto).encode())
        message = read_app_message(opened_xml(request, self._crypto), self.account_id, now=self._clock.now())
        return CallbackAnswer(messages=(message,) if message else ())

    def refreshed(self, request: CallbackRequest, outgoing: Outgoing | None) -> CallbackAnswer:
        """Answer with nothing: an app is not asked for the present text."""
        return CallbackAnswer()

    async def deliver(self, outgoing: Outgoing) -> Mapping[str, str]:
        """Send a finished answer; notes count the messages that went out."""
        if not outgoing.is_final:
            return outgoing.notes
        return await in_steps(self._steps(outgoing), outgoing.notes)

    async def fetch(self, attachment: Attachment, into: Path) -> str:
        """Write a media file to `into`; its locator is the media id."""
        found = await self._api.fetch("/cgi-bin/media/get", into, media_id=attachment.locator)
        return found.name or attachment.file_name

    async def check(self) -> list[Finding]:
        """Try the secret, the caller's address and rights, the clock, and our own callback address."""
        findings = [await self._secret_finding()]
        if findings[0].ok:
            findings.append(await self._rights_finding())
            findings.append(self._clock_finding())
        if self._crypto is None:
            return [*findings, Finding(ok=False, key="bots.wecom_no_token", params={})]
        timeout_s, address = self._config.timeout_s, self._config.callback_url
        return [*findings, *await callback_findings(address, self._crypto, self._clock, timeout_s=timeout_s)]

    async def close(self) -> None:
        """Let connections go."""
        await self._api.close()

    def _steps(self, outgoing: Outgoing) -> list[Step]:
        card = outgoing.card
        text = outgoing.text
        if card and not outgoing.replaces and template_card(card) is None:
            text, card = "\n\n".join(part for part in (text, words_of(card)) if part), None
        steps = [self._words_step(part, outgoing) for part in self._parts(text)]
        if card and (step := self._card_step(card, outgoing)):
            steps.append(step)
        return steps

    def _parts(self, text: str) -> list[str]:
        shown = plain(text) if self._config.as_text else for_wecom_app(text)
        return numbered(shown, _LIMIT) if shown.strip() else []

    def _words_step(self, part: str, outgoing: Outgoing) -> Step:
        kind = "text" if self._config.as_text else "markdown"
        return self._message_step({"msgtype": kind, kind: {"content": part}}, outgoing)

    def _card_step(self, card: Card, outgoing: Outgoing) -> Step | None:
        if not outgoing.replaces:
            return self._message_step({"msgtype": "template_card", "template_card": template_card(card)}, outgoing)
        if code := outgoing.reply_to.get("response_code"):
            return self._update_step(card, code)
        return None

    def _message_step(self, body: dict[str, Any], outgoing: Outgoing) -> Step:
        async def send(again: bool) -> None:
            await self._members.take(outgoing.to.user_id)
            # A rep may rightly get "好的" twice, so the platform looks for doubles only where we may make one.
            check = again or not outgoing.reply_to
            doubles = {"enable_duplicate_check": int(check), "duplicate_check_interval": _DUPLICATE_WINDOW_S}
            message = {"touser": outgoing.to.user_id, "agentid": self._config.agent_id, **body, **doubles}
            said = await self._api.call("POST", "/cgi-bin/message/send", message)
            if said.get("invaliduser") or said.get("unlicenseduser"):
                raise RefusedError("bots.wecom_nobody")

        return send

    def _update_step(self, card: Card, response_code: str) -> Step:
        body: dict[str, Any] = {"agentid": self._config.agent_id, "response_code": response_code, "userids": []}
        if card.done:
            body["button"] = {"replace_name": card.done}
        else:
            body["template_card"] = template_card(card)

        async def update(again: bool) -> None:
            if not again:  # the code is good for one use
                await self._api.call("POST", "/cgi-bin/message/update_template_card", body)

        return update

    async def _secret_finding(self) -> Finding:
        try:
            await self._api.call("GET", "/cgi-bin/getcallbackip")
        except PlatformError as error:
            if error.code not in ("bots.wecom_ip_not_allowed", "bots.wecom_no_permission"):
                return Finding(ok=False, key=error.code, params=error.params)
        return Finding(ok=True, key="bots.wecom_secret_well", params={})

    async def _rights_finding(self) -> Finding:
        try:
            await self._api.call("GET", "/cgi-bin/agent/get", agentid=str(self._config.agent_id))
        except PlatformError as error:
            return Finding(ok=False, key=error.code, params=error.params)
        return Finding(ok=True, key="bots.wecom_rights_well", params={})

    def _clock_finding(self) -> Finding:
        theirs = parsedate_to_datetime(self._api.date).timestamp() if self._api.date else self._clock.now()
        off_s = round(self._clock.now() - theirs)
        well = abs(off_s) <= _SKEW_S
        return Finding(ok=well, key="bots.wecom_clock_well" if well else "bots.wecom_clock_off", params={"s": off_s})


def _crypto(config: WecomAppConfig) -> MessageCrypto | None:
    if not config.token and not config.aes_key:
        return None
    return MessageCrypto(token=config.token, encoding_aes_key=config.aes_key, receive_id=config.corp_id)
