"""`zhanqing bots`: is each channel set up well, and who the senders are."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import InputError, ZhanqingError
from domain.messages import text
from zhanqing.cli.options import Lang
from zhanqing.cli.output import say
from zhanqing.cli.trust import run_opened

if TYPE_CHECKING:
    from bots.platform import Finding, Platform
    from zhanqing.bootstrap import Parts

bots_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_CHECK_S = 30.0


@bots_app.command("check")
def check(lang: Lang = None) -> None:
    """检查每个渠道的配置，一条一行。 Try each channel's configuration, one line a finding."""
    from zhanqing.bootstrap import build
    from zhanqing.chats.channels import make_platforms
    from zhanqing.chats.trials import SecretTrial

    parts = build(lang=lang)
    channels = make_platforms(parts.settings.bots, lang=parts.lang)
    platforms = channels.platforms
    if not platforms and not channels.broken:
        raise InputError("zhanqing.no_channel")
    found = [_told(one.channel, [(False, one.error.line(parts.lang))]) for one in channels.broken]
    found += [asyncio.run(_tried(platform, parts.lang)) for platform in platforms]
    found += [_secret_tried(platform, parts) for platform in platforms if isinstance(platform, SecretTrial)]
    if not all(found):
        raise typer.Exit(1)


@bots_app.command("bind")
def bind(
    rep_id: Annotated[str, typer.Argument(help="销售编号。 Rep id.")],
    name: Annotated[str, typer.Option("--name", help="新销售的名字；已有的可不填。 Name of a new rep.")] = "",
    lang: Lang = None,
) -> None:
    """给一位销售发一次性绑定码，30 分钟内在聊天里发给机器人。 Make a one-time code that binds a rep's chat account."""

    async def invite(parts: Parts) -> None:
        from store.people import Rep

        async with parts.store.begin(parts.settings.bots.tenant) as work:
            if name and await work.people.rep(rep_id) is None:
                await work.people.put_rep(Rep(rep_id=rep_id, name=name))
            code = await work.chat_people.invite(rep_id)
        say(code)
        say(text("zhanqing.bind_code", parts.lang))

    run_opened(lang, invite)


@bots_app.command("unbind")
def unbind(
    platform: Annotated[str, typer.Argument(help="wecom|dingtalk")],
    user_id: Annotated[str, typer.Argument(help="平台上的用户编号。 User id there.")],
    lang: Lang = None,
) -> None:
    """解除一个聊天账号的绑定。 Forget who a chat account is."""

    async def forget(parts: Parts) -> None:
        async with parts.store.begin(parts.settings.bots.tenant) as work:
            found = await work.chat_people.unbind(platform, user_id)
        if not found:
            raise InputError("zhanqing.not_bound", platform=platform)
        say(text("zhanqing.unbound", parts.lang))

    run_opened(lang, forget)


async def _tried(platform: Platform, lang: str) -> bool:
    try:
        async with asyncio.timeout(_CHECK_S):
            findings = await platform.check()
        lines = [(one.ok, text(one.key, lang, **one.params)) for one in findings]
    except ZhanqingError as error:
        lines = [(False, error.line(lang))]
    except TimeoutError:
        lines = [(False, text("zhanqing.check_timeout", lang))]
    finally:
        await platform.close()
    return _told(platform.channel, lines)


def _secret_tried(platform: Platform, parts: Parts) -> bool:
    """Log in where that disturbs nobody, which only the database knows."""
    from store.locks import Locks
    from zhanqing.chats.trials import secret_findings

    async def trial(opened: Parts) -> list[Finding]:
        return await secret_findings(platform, Locks(opened.store, owner=f"check-{secrets.token_hex(4)}"))

    try:
        findings = run_opened(parts.lang, trial)
    except ZhanqingError as error:
        return _told(platform.channel, [(False, error.line(parts.lang))])
    return _told(platform.channel, [(one.ok, text(one.key, parts.lang, **one.params)) for one in findings])


def _told(channel: str, lines: list[tuple[bool, str]]) -> bool:
    for ok, line in lines:
        say(f"{'✓' if ok else '✗'} {channel}: {line}")
    return all(ok for ok, _ in lines)
