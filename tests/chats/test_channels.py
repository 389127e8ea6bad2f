from __future__ import annotations

from zhanqing.bot_settings import BotsSettings
from zhanqing.chats.channels import make_platforms


def test_a_channel_that_is_set_up_in_part_keeps_no_other_from_working() -> None:
    chosen = BotsSettings.model_validate(
        {
            "wecom_bot": {"bot_id": "BOT"},
            "wecom_bot_url": {"bot_id": "URL", "token": "t", "aes_key": "too short"},
            "dingtalk": {"client_id": "app", "client_secret": "secret"},
        }
    )
    made = make_platforms(chosen)
    assert [one.channel.value for one in made.platforms] == ["dingtalk_stream"]
    assert [(one.channel, one.error.code) for one in made.broken] == [
        ("wecom_bot", "bots.wecom_bot_unconfigured"),
        ("wecom_bot_url", "bots.wecom_aes_key"),
    ]
    assert "Secret" in made.broken[0].error.line("zh")


def test_what_is_not_set_up_is_not_there() -> None:
    made = make_platforms(BotsSettings())
    assert (made.platforms, made.broken) == ([], [])
