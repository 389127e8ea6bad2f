"""Settings of the chat channels: `ZHANQING_BOTS__WECOM_BOT__BOT_ID` is `settings.bots.wecom_bot.bot_id`.

A channel is on when its first setting is there.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WecomBotSettings(_Group):
    """WeCom 智能机器人 over its long connection."""

    bot_id: str = Field(default="", description="Bot ID of the smart bot in long-connection mode.")
    secret: SecretStr = Field(default=SecretStr(""), description="Its Secret, shown once by WeCom.")
    name: str = Field(default="", description="Its display name, taken off what reps write in groups.")
    ws_url: str = Field(default="wss://openws.work.weixin.qq.com", description="Where to connect.")


class WecomBotUrlSettings(_Group):
    """WeCom 智能机器人 by URL callback."""

    bot_id: str = Field(default="", description="Bot ID of the smart bot in URL mode.")
    token: SecretStr = Field(default=SecretStr(""), description="Token of the callback.")
    aes_key: SecretStr = Field(default=SecretStr(""), description="EncodingAESKey, 43 characters.")
    name: str = Field(default="", description="Its display name, taken off what reps write in groups.")


class WecomAppSettings(_Group):
    """WeCom self-built app."""

    corp_id: str = Field(default="", description="CorpID of the company.")
    agent_id: int = Field(default=0, ge=0, description="AgentId of the app.")
    secret: SecretStr = Field(default=SecretStr(""), description="Secret of the app.")
    token: SecretStr = Field(default=SecretStr(""), description="Token of 接收消息; absent: the app only sends.")
    aes_key: SecretStr = Field(default=SecretStr(""), description="EncodingAESKey of 接收消息.")
    api_base: str = Field(default="https://qyapi.weixin.qq.com", description="Address of the WeCom API.")
    as_text: bool = Field(default=False, description="Plain text instead of markdown, for the WeChat plugin.")


class DingtalkSettings(_Group):
    """DingTalk internal app with a robot."""

    mode: Literal["stream", "http"] = Field(default="stream", description="How messages come in.")
    client_id: str = Field(default="", description="Client ID (AppKey) of the app.")
    client_secret: SecretStr = Field(default=SecretStr(""), description="Client Secret (AppSecret).")
    robot_code: str = Field(default="", description="Robot code; absent: the client id.")
    card_template_id: str = Field(default="", description="AI card template for streaming; absent: one message.")
    card_buttons_key: str = Field(default="", description="Variable of the template that holds its buttons.")
    event_token: SecretStr = Field(default=SecretStr(""), description="Token of the event subscription over HTTP.")
    event_aes_key: SecretStr = Field(default=SecretStr(""), description="AES key of the event subscription.")
    api_base: str = Field(default="https://api.dingtalk.com", description="Address of the DingTalk API.")
    oapi_base: str = Field(default="https://oapi.dingtalk.com", description="Address of DingTalk's older API.")


class BotsSettings(_Group):
    """Chat channels."""

    tenant: str = Field(default="default", description="Tenant whose reps write to the bots.")
    public_url: str = Field(default="", description="https address of this service as the platforms call it.")
    proxy: str = Field(default="", description="HTTP proxy for everything that goes to the platforms.")
    wecom_bot: WecomBotSettings = WecomBotSettings()
    wecom_bot_url: WecomBotUrlSettings = WecomBotUrlSettings()
    wecom_app: WecomAppSettings = WecomAppSettings()
    dingtalk: DingtalkSettings = DingtalkSettings()
