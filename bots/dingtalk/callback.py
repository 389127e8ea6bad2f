"""DingTalk over HTTP: signed robot messages, and encrypted events whose subscription checks our address."""

from __future__ import annotations

import json
import secrets

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bots.clock import Clock
from bots.dingtalk import checks
from bots.dingtalk.account import DingtalkAccount
from bots.dingtalk.config import DingtalkConfig
from bots.dingtalk.messages import read_message
from bots.dingtalk.signature import SignatureGuard
from bots.inbound import Channel
from bots.outgoing import Outgoing
from bots.platform import CallbackAnswer, CallbackRequest, Finding
from bots.wecom.crypto import MessageCrypto, Sealed
from domain.errors import InputError, SignatureError

log = structlog.get_logger(__name__)

_MAX_BODY_BYTES = 1024 * 1024
_JSON = "application/json"


class _Encrypted(BaseModel):
    model_config = ConfigDict(extra="ignore")

    encrypt: str = Field(min_length=1)


class DingtalkCallback(DingtalkAccount):
    """One app whose messages come to a URL of ours."""

    channel = Channel.DINGTALK_HTTP

    def __init__(self, config: DingtalkConfig, clock: Clock) -> None:
        # Presses on cards come only over Stream connections.
        super().__init__(config, clock, hears_presses=False)
        self._guard = SignatureGuard(config.client_secret, skew_s=config.skew_s)
        self._crypto = _crypto(config)

    def receive(self, request: CallbackRequest) -> CallbackAnswer:
        """Verify and read one request: a robot message, or an event.

        Raises:
            SignatureError: It is not from the platform.
        """
        if request.method != "POST" or len(request.body) > _MAX_BODY_BYTES:
            raise SignatureError("bots.dingtalk_not_signed")
        if "msg_signature" in request.query or "signature" in request.query:
            return self._event(request)
        return self._message(request)

    def refreshed(self, request: CallbackRequest, outgoing: Outgoing | None) -> CallbackAnswer:
        """Answer with nothing: the platform does not ask for a present text."""
        return CallbackAnswer(body=b"{}", media_type=_JSON)

    async def check(self) -> list[Finding]:
        """Try the credentials, the robot, the cards, the clock, and our own callback address."""
        return [*await super().check(), *await checks.callback(self._config, self._clock)]

    def _message(self, request: CallbackRequest) -> CallbackAnswer:
        headers = {name.lower(): value for name, value in request.headers.items()}
        timestamp, given = headers.get("timestamp", ""), headers.get("sign", "")
        self._guard.check(timestamp, given, request.body, now=self._clock.now())
        nothing = CallbackAnswer(body=b"{}", media_type=_JSON)
        try:
            message = read_message(_json(request.body), channel=self.channel, account_id=self.account_id)
        except InputError:
            log.warning("bot.message_unreadable", channel=self.channel.value)
            return nothing
        return CallbackAnswer(messages=(message,), body=b"{}", media_type=_JSON)

    def _event(self, request: CallbackRequest) -> CallbackAnswer:
        """Say that an event arrived; the coach acts on none of them, but the platform counts the answers."""
        if self._crypto is None:
            raise SignatureError("bots.dingtalk_not_signed")
        try:
            encrypted = _Encrypted.model_validate_json(request.body).encrypt
        except ValidationError as error:
            raise SignatureError("bots.dingtalk_not_signed") from error
        query = request.query
        event = self._crypto.opened(
            Sealed(
                encrypted=encrypted,
                signature=query.get("msg_signature") or query.get("signature", ""),
                timestamp=query.get("timestamp", ""),
                nonce=query.get("nonce", ""),
            )
        )
        log.info("bot.event", channel=self.channel.value, characters=len(event))
        return CallbackAnswer(body=self._success(self._crypto), media_type=_JSON)

    def _success(self, crypto: MessageCrypto) -> bytes:
        timestamp = str(int(self._clock.now() * 1000))
        sealed = crypto.sealed("success", timestamp=timestamp, nonce=secrets.token_hex(8))
        said = {
            "msg_signature": sealed.signature,
            "timeStamp": sealed.timestamp,
            "nonce": sealed.nonce,
            "encrypt": sealed.encrypted,
        }
        return json.dumps(said).encode()


def _crypto(config: DingtalkConfig) -> MessageCrypto | None:
    """Events of an internal app are for its client id."""
    if not config.event_token and not config.event_aes_key:
        return None
    return MessageCrypto(token=config.event_token, encoding_aes_key=config.event_aes_key, receive_id=config.client_id)


def _json(body: bytes) -> object:
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found
