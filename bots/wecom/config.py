"""What an operator gives us for one WeCom app or smart bot."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bots.wecom.hosts import is_local
from domain.errors import InputError

API_BASE = "https://qyapi.weixin.qq.com"
WS_URL = "wss://openws.work.weixin.qq.com"
API_DOMAINS = ("weixin.qq.com", "work.weixin.qq.com")
FILE_DOMAINS = ("qq.com", "qpic.cn", "myqcloud.com")
_FILE_BYTES = 200 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WecomAppConfig:
    """One self-built app (自建应用).

    Attributes:
        agent_id: The app's AgentId.
        token: Of 接收消息; with `aes_key` empty: the app only sends.
        callback_url: Our address as the platform calls it; `check` tries it. Empty: not tried.
        as_text: Send plain text, for members who read in the WeChat plugin, where markdown is not shown.
        skew_s: How old a signed callback may be; None: any age, as the platform may repeat old ones unchanged.
    """

    corp_id: str
    agent_id: int
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)
    aes_key: str = field(default="", repr=False)
    callback_url: str = ""
    as_text: bool = False
    skew_s: float | None = None
    api_base: str = API_BASE
    proxy: str = field(default="", repr=False)
    timeout_s: float = 10.0
    max_file_bytes: int = _FILE_BYTES

    def __post_init__(self) -> None:
        if not self.corp_id or not self.secret or self.agent_id <= 0:
            raise InputError("bots.wecom_app_unconfigured")
        _safe(self.api_base, "https")

    @property
    def account_id(self) -> str:
        """The app in our tables and addresses."""
        return f"{self.corp_id}-{self.agent_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WecomBotUrlConfig:
    """One smart bot (智能机器人) with 使用 URL 回调.

    Attributes:
        bot_id: The bot's id, as callbacks name it (`aibotid`).
        bot_name: Its display name; mentions of it are taken off what reps write in groups.
        api_domains: Where a `response_url` may lead.
        file_domains: Where files may be downloaded from.
        local: The platform is a local one; its loopback addresses are trusted.
        lang: Language of what the adapter itself says.
    """

    bot_id: str
    token: str = field(repr=False)
    aes_key: str = field(repr=False)
    bot_name: str = ""
    callback_url: str = ""
    skew_s: float | None = None
    api_domains: tuple[str, ...] = API_DOMAINS
    file_domains: tuple[str, ...] = FILE_DOMAINS
    local: bool = False
    lang: str = "zh"
    proxy: str = field(default="", repr=False)
    timeout_s: float = 10.0
    max_file_bytes: int = _FILE_BYTES

    def __post_init__(self) -> None:
        if not self.bot_id:
            raise InputError("bots.wecom_bot_unconfigured")


@dataclass(frozen=True, slots=True, kw_only=True)
class WecomBotConfig:
    """One smart bot (智能机器人) with 使用长连接.

    Attributes:
        bot_name: Its display name; mentions of it are taken off what reps write in groups.
        proxy: An HTTP proxy for the connection and for files; the environment's proxies are not read.
        api_domains: Where a `response_url` may lead; loopback too when `ws_url` is there.
        file_domains: Where files may be downloaded from; loopback too when `ws_url` is there.
        refresh_s: The least time between two refreshes of one answer.
        lang: Language of what the adapter itself says.
    """

    bot_id: str
    secret: str = field(repr=False)
    bot_name: str = ""
    ws_url: str = WS_URL
    api_domains: tuple[str, ...] = API_DOMAINS
    file_domains: tuple[str, ...] = FILE_DOMAINS
    proxy: str = field(default="", repr=False)
    refresh_s: float = 1.0
    lang: str = "zh"
    timeout_s: float = 10.0
    max_file_bytes: int = _FILE_BYTES

    def __post_init__(self) -> None:
        if not self.bot_id or not self.secret:
            raise InputError("bots.wecom_bot_unconfigured")
        _safe(self.ws_url, "wss")

    @property
    def local(self) -> bool:
        """Whether the platform is a local one."""
        return is_local(self.ws_url)


def _safe(url: str, scheme: str) -> None:
    if urlsplit(url).scheme != scheme and not is_local(url):
        raise InputError("bots.wecom_plain_address", scheme=scheme)
