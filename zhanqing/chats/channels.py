"""The channels that the settings turn on, each as a platform."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from bots.clock import Clock, SystemClock
from bots.platform import Platform
from domain.errors import ZhanqingError
from zhanqing.bot_settings import (
    BotsSettings,
    DingtalkSettings,
    WecomAppSettings,
    WecomBotSettings,
    WecomBotUrlSettings,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenChannel:
    """A channel that is set up in part, or in a way that cannot work."""

    channel: str
    error: ZhanqingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """The channels that the settings turn on: those that work, and those that do not, which keep no other from it."""

    platforms: list[Platform]
    broken: list[BrokenChannel]


def make_platforms(chosen: BotsSettings, clock: Clock | None = None, *, lang: str = "zh") -> Channels:
    """Return a platform for each channel that is set up, and what is wrong with the others."""
    clock = clock or SystemClock()
    makers: list[tuple[str, str, Callable[[], Platform]]] = [
        ("wecom_bot", chosen.wecom_bot.bot_id, lambda: _wecom_bot(chosen.wecom_bot, chosen, clock, lang)),
        (
            "wecom_bot_url",
            chosen.wecom_bot_url.bot_id,
            lambda: _wecom_bot_url(chosen.wecom_bot_url, chosen, clock, lang),
        ),
        ("wecom_app", chosen.wecom_app.corp_id, lambda: _wecom_app(chosen.wecom_app, chosen, clock)),
        ("dingtalk", chosen.dingtalk.client_id, lambda: _dingtalk(chosen.dingtalk, chosen, clock, lang)),
    ]
    made = Channels(platforms=[], broken=[])
    for channel, is_on, make in makers:
        if not is_on:
            continue
        try:
            made.platforms.append(make())
        except ZhanqingError as error:
            log.error("chat.channel_broken", channel=channel, reason=error.code)
            made.broken.append(BrokenChannel(channel=channel, error=error))
    return made


def callback_url(chosen: BotsSettings, channel: str) -> str:
    """Return the address that a platform is told to call; empty while this service has no public address."""
    return f"{chosen.public_url.rstrip('/')}/bots/{channel}" if chosen.public_url else ""


def _wecom_bot(own: WecomBotSettings, chosen: BotsSettings, clock: Clock, lang: str) -> Platform:
    from bots.wecom.bot import WecomBot
    from bots.wecom.config import WecomBotConfig

    config = WecomBotConfig(
        bot_id=own.bot_id,
        secret=own.secret.get_secret_value(),
        bot_name=own.name,
        ws_url=own.ws_url,
        lang=lang,
        proxy=chosen.proxy,
    )
    return WecomBot(config, clock)


def _wecom_bot_url(own: WecomBotUrlSettings, chosen: BotsSettings, clock: Clock, lang: str) -> Platform:
    from bots.wecom.bot_url import WecomBotUrl
    from bots.wecom.config import WecomBotUrlConfig

    config = WecomBotUrlConfig(
        bot_id=own.bot_id,
        token=own.token.get_secret_value(),
        aes_key=own.aes_key.get_secret_value(),
        bot_name=own.name,
        callback_url=callback_url(chosen, "wecom_bot_url"),
        lang=lang,
        proxy=chosen.proxy,
    )
    further = None
    if chosen.wecom_app.corp_id:
        with suppress(ZhanqingError):  # said of the app itself
            further = _wecom_app(chosen.wecom_app, chosen, clock)
    return WecomBotUrl(config, clock, further=further)


def _wecom_app(own: WecomAppSettings, chosen: BotsSettings, clock: Clock) -> Platform:
    from bots.wecom.app import WecomApp
    from bots.wecom.config import WecomAppConfig

    config = WecomAppConfig(
        corp_id=own.corp_id,
        agent_id=own.agent_id,
        secret=own.secret.get_secret_value(),
        token=own.token.get_secret_value(),
        aes_key=own.aes_key.get_secret_value(),
        callback_url=callback_url(chosen, "wecom_app"),
        as_text=own.as_text,
        api_base=own.api_base,
        proxy=chosen.proxy,
    )
    return WecomApp(config, clock)


def _dingtalk(own: DingtalkSettings, chosen: BotsSettings, clock: Clock, lang: str) -> Platform:
    from bots.dingtalk.callback import DingtalkCallback
    from bots.dingtalk.config import DingtalkConfig
    from bots.dingtalk.stream import DingtalkStream

    config = DingtalkConfig(
        client_id=own.client_id,
        client_secret=own.client_secret.get_secret_value(),
        robot_code=own.robot_code,
        card_template_id=own.card_template_id,
        card_buttons_key=own.card_buttons_key,
        event_token=own.event_token.get_secret_value(),
        event_aes_key=own.event_aes_key.get_secret_value(),
        callback_url=callback_url(chosen, "dingtalk_http") if own.mode == "http" else "",
        api_base=own.api_base,
        oapi_base=own.oapi_base,
        lang=lang,
        proxy=chosen.proxy,
    )
    return DingtalkStream(config, clock) if own.mode == "stream" else DingtalkCallback(config, clock)
