"""What an operator gives us for one DingTalk app."""

from __future__ import annotations

from dataclasses import dataclass, field

from bots.wecom.hosts import is_local, may_reach
from domain.errors import InputError

API_BASE = "https://api.dingtalk.com"
OAPI_BASE = "https://oapi.dingtalk.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class DingtalkConfig:
    """One internal app (企业内部应用) with the robot capability.

    Attributes:
        robot_code: Empty: the same as `client_id`, as it is for most internal apps.
        card_template_id: A template with a streaming markdown variable; empty: one markdown message, no streaming.
        card_content_key: The name of that variable.
        card_buttons_key: A text variable that the template turns into buttons; empty: it has none, and what a
            rep may answer stands in words beneath the text.
        card_min_interval_s: Between two updates of one card; the platform's own least is near 0.3.
        cards_per_s: Updates of all cards together; plans differ between 20 and 120.
        pause_after_limit_s: How long every card rests after the platform said it was too much.
        domains: Hosts beneath these may be connected to and posted to; loopback may when `api_base` is there.
        file_domains: Hosts beneath these may be downloaded from.
        skew_s: How old a signed HTTP callback may be.
        callback_url: Our own public address for HTTP callbacks, where `check` should try it.
        event_token: Of the event subscription over HTTP; empty: there is none.
        event_aes_key: Its 43 characters.
        deliver_s: The longest that one delivery may take; what is left is left to the next try.
        proxy: An HTTP proxy for everything that goes out; empty: none.
        lang: Language of what the adapter itself says.
    """

    client_id: str
    client_secret: str = field(repr=False)
    robot_code: str = ""
    card_template_id: str = ""
    card_content_key: str = "content"
    card_buttons_key: str = ""
    card_min_interval_s: float = 0.8
    cards_per_s: float = 20.0
    pause_after_limit_s: float = 2.0
    api_base: str = API_BASE
    oapi_base: str = OAPI_BASE
    domains: tuple[str, ...] = ("dingtalk.com",)
    file_domains: tuple[str, ...] = ("dingtalk.com", "aliyuncs.com", "alicdn.com")
    skew_s: float = 3600.0
    callback_url: str = ""
    event_token: str = field(default="", repr=False)
    event_aes_key: str = field(default="", repr=False)
    proxy: str = field(default="", repr=False)
    lang: str = "zh"
    timeout_s: float = 10.0
    deliver_s: float = 45.0
    max_file_bytes: int = 200 * 1024 * 1024

    def __post_init__(self) -> None:
        if not self.client_id or not self.client_secret:
            raise InputError("bots.dingtalk_unconfigured")
        if not 0.3 <= self.card_min_interval_s <= 60 or self.cards_per_s <= 0:
            raise InputError("bots.dingtalk_card_pace")
        for base in (self.api_base, self.oapi_base):
            if not base.startswith("https://") and not (base.startswith("http://") and is_local(base)):
                raise InputError("bots.dingtalk_plain_address")

    @property
    def robot(self) -> str:
        """The robot's code in API calls."""
        return self.robot_code or self.client_id

    def may_reach(self, url: str, *, secure: str = "https", domains: tuple[str, ...] = ()) -> bool:
        """Whether an address that the platform sent is one of the platform's, by the `secure` scheme."""
        return may_reach(url, domains or self.domains, secure=secure, local=is_local(self.api_base))
