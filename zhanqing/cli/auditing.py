"""`zhanqing audit …`: the auditor's questions beside `audit verify`, and `zhanqing retention`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.messages import text
from zhanqing.cli.options import JsonOut, Lang, Tenant
from zhanqing.cli.output import STDOUT, say, write_json
from zhanqing.cli.trust import audit_app, run_opened

if TYPE_CHECKING:
    from store.audits import Audits
    from zhanqing.bootstrap import Parts

retention_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Days = Annotated[int, typer.Option("--days", min=1, help="往回看多少天。 How many days back.")]
THREE_YEARS = 3 * 365 + 1

Ask = Callable[["Audits", datetime], Awaitable[list[dict[str, Any]]]]


def _answer(ask: Ask, *, days: int, json_out: str | None, tenant: str, lang: str | None) -> None:
    """Ask, and print every line: nothing is cut off."""

    async def audit(parts: Parts) -> None:
        since = parts.store.clock() - timedelta(days=days)
        async with parts.store.read(tenant) as work:
            lines = await ask(work.audits, since)
        shown = [{name: _plain(value) for name, value in line.items()} for line in lines]
        if json_out != STDOUT:
            for line in shown:
                say("  ".join(str(value) for value in line.values() if value not in (None, "", [])))
            say(text("zhanqing.audited", parts.lang, count=len(shown)))
        write_json(json_out, shown)

    run_opened(lang, audit)


@audit_app.command("customer")
def customer(
    account_id: Annotated[str, typer.Argument(help="客户编号。 Account id.")],
    days: Days = THREE_YEARS,
    json_out: JsonOut = None,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """追溯某客户三年内全部沟通记录。 Every contact with a customer within three years."""
    _answer(
        lambda audits, since: audits.customer(account_id, since=since),
        days=days,
        json_out=json_out,
        tenant=tenant,
        lang=lang,
    )


@audit_app.command("advice")
def advice(
    rep: Annotated[str | None, typer.Option("--rep", help="只看这位销售。 One rep only.")] = None,
    days: Days = 365,
    json_out: JsonOut = None,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """AI 说过的每一条及其出处。 Everything the AI said, with its sources."""
    _answer(
        lambda audits, since: audits.advice(since=since, rep_id=rep),
        days=days,
        json_out=json_out,
        tenant=tenant,
        lang=lang,
    )


@audit_app.command("source")
def source(
    source_id: Annotated[str, typer.Argument(help="出处编号。 Source id.")],
    json_out: JsonOut = None,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """一条出处的全部版本，和用到它的全部建议。 Every version of a source, and what rests on it."""
    _answer(lambda audits, _: audits.source(source_id), days=1, json_out=json_out, tenant=tenant, lang=lang)


@audit_app.command("consents")
def consents(json_out: JsonOut = None, tenant: Tenant = "default", lang: Lang = None) -> None:
    """没有有效同意的录音，有没有被听过。 Recordings without consent, and whether anybody listened."""
    _answer(lambda audits, _: audits.consents(), days=1, json_out=json_out, tenant=tenant, lang=lang)


@audit_app.command("refusals")
def refusals(days: Days = 365, json_out: JsonOut = None, tenant: Tenant = "default", lang: Lang = None) -> None:
    """谁被拒绝访问过什么。 Who was refused what."""
    _answer(lambda audits, since: audits.refusals(since=since), days=days, json_out=json_out, tenant=tenant, lang=lang)


@audit_app.command("grants")
def grants(json_out: JsonOut = None, tenant: Tenant = "default", lang: Lang = None) -> None:
    """谁临时看过谁的东西，谁批的。 Who may see a colleague's things, and who allowed it."""
    _answer(lambda audits, _: audits.grants(), days=1, json_out=json_out, tenant=tenant, lang=lang)


@audit_app.command("erasures")
def erasures(json_out: JsonOut = None, tenant: Tenant = "default", lang: Lang = None) -> None:
    """每次导出、撤回、删除的回执，和剩下多少。 Every export, withdrawal and erasure, and what is left."""
    _answer(lambda audits, _: audits.erasures(), days=1, json_out=json_out, tenant=tenant, lang=lang)


@audit_app.command("abstentions")
def abstentions(days: Days = 365, json_out: JsonOut = None, tenant: Tenant = "default", lang: Lang = None) -> None:
    """AI 没有作答的每一次及原因。 Every abstention, and why."""
    _answer(
        lambda audits, since: audits.abstentions(since=since), days=days, json_out=json_out, tenant=tenant, lang=lang
    )


@audit_app.command("risks")
def risks(days: Days = 365, json_out: JsonOut = None, tenant: Tenant = "default", lang: Lang = None) -> None:
    """销售说过的每一句违规用语。 Every wording that a rule blocks or wants rewritten."""
    _answer(lambda audits, since: audits.risks(since=since), days=days, json_out=json_out, tenant=tenant, lang=lang)


@audit_app.command("case")
def case(
    case_id: Annotated[str, typer.Argument(help="战例编号。 Case id.")],
    json_out: JsonOut = None,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """一个战例从草稿到下架的全程，和引用它的建议。 A war case's life, and who was advised by it."""
    _answer(lambda audits, _: audits.case(case_id), days=1, json_out=json_out, tenant=tenant, lang=lang)


@audit_app.command("access")
def access(json_out: JsonOut = None, tenant: Tenant = "default", lang: Lang = None) -> None:
    """全部密钥和用户：权限、最近使用、是否有效。 Every key and user."""
    _answer(lambda audits, _: audits.access(), days=1, json_out=json_out, tenant=tenant, lang=lang)


@audit_app.command("labels")
def labels(json_out: JsonOut = None, tenant: Tenant = "default", lang: Lang = None) -> None:
    """缺少 AI 标识或七个元数据字段的输出，应为零。 What lacks the AI label; should be nothing."""
    _answer(lambda audits, _: audits.labels(), days=1, json_out=json_out, tenant=tenant, lang=lang)


@retention_app.command("run")
def expire(lang: Lang = None) -> None:
    """立即清理到期的录音、对话和访问记录。 Remove what has been kept long enough, now."""

    async def run(parts: Parts) -> None:
        from store.retention import expire

        policy = parts.settings.retention.policy
        for gone in await expire(parts.store, policy):
            counts = {"recordings": gone.recordings, "events": gone.access_events, "receipts": len(gone.receipts)}
            say(text("zhanqing.expired", parts.lang, tenant=gone.tenant, **counts))
        say(text("zhanqing.retention_done", parts.lang))

    run_opened(lang, run)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
