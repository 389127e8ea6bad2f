"""`zhanqing key`, `user`, `db` and `jobs`: what an operator does beside the running service."""

from __future__ import annotations

import sys
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import InputError, NotFoundError
from domain.messages import text
from zhanqing.cli.options import Lang, Tenant
from zhanqing.cli.output import say
from zhanqing.cli.trust import run_opened

if TYPE_CHECKING:
    from zhanqing.bootstrap import Parts

key_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
user_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
db_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
jobs_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

MOST_LISTED = 200


@key_app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="给谁用。 Who uses it.")],
    role: Annotated[str, typer.Option("--role", help="rep|manager|admin|integration")] = "integration",
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """新建接口密钥，只显示这一次。 Make an API key; it is shown this once."""

    async def create(parts: Parts) -> None:
        from store.keys import Role

        if role not in list(Role):
            raise InputError("zhanqing.unknown_role", role=role, known=", ".join(Role))
        async with parts.store.begin(tenant) as work:
            made = await work.api_keys.create(name, role=Role(role))
        say(made.secret)
        say(text("zhanqing.key_once", parts.lang))

    run_opened(lang, create)


@key_app.command("list")
def list_keys(tenant: Tenant = "default", lang: Lang = None) -> None:
    """列出密钥（不含密文）。 List the keys, without their secrets."""

    async def show(parts: Parts) -> None:
        async with parts.store.read(tenant) as work:
            keys = await work.api_keys.all()
        for key in keys:
            state = text("zhanqing.key_revoked" if key.revoked_at else "zhanqing.key_good", parts.lang)
            used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "—"
            say(f"{key.key_id}  {key.role.value:<11}  {state}  {used}  {key.name}")

    run_opened(lang, show)


@key_app.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="密钥编号。 Key id.")], tenant: Tenant = "default", lang: Lang = None
) -> None:
    """停用密钥，立即生效。 Make a key worthless at once."""

    async def revoke(parts: Parts) -> None:
        async with parts.store.begin(tenant) as work:
            key = await work.api_keys.revoke(key_id)
        say(text("zhanqing.key_gone", parts.lang, key_id=key.key_id))

    run_opened(lang, revoke)


@user_app.command("add")
def add_user(
    login: Annotated[str, typer.Argument(help="账号。 Login.")],
    role: Annotated[str, typer.Option("--role", help="rep|manager|admin")] = "rep",
    rep: Annotated[str | None, typer.Option("--rep", help="对应的销售编号。 Which rep they are.")] = None,
    team: Annotated[str | None, typer.Option("--team", help="主管看哪个团队。 The team a manager sees.")] = None,
    oidc: Annotated[bool, typer.Option("--oidc", help="只用统一登录，不设密码。 No password; OIDC only.")] = False,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """添加控制台用户；密码从终端或标准输入读取。 Add a console user; the password is read, never an argument."""

    async def add(parts: Parts) -> None:
        from store.keys import Role
        from store.passwords import hash_password

        known = [each for each in Role if each is not Role.INTEGRATION]
        if role not in known:
            raise InputError("zhanqing.unknown_role", role=role, known=", ".join(known))
        kept = None if oidc else hash_password(_read_password(parts.lang))
        async with parts.store.begin(tenant) as work:
            user = await work.users.create(login, role=Role(role), password_hash=kept, rep_id=rep, team_id=team)
        say(text("zhanqing.user_added", parts.lang, login=user.login, role=user.role.value))

    run_opened(lang, add)


@user_app.command("list")
def list_users(tenant: Tenant = "default", lang: Lang = None) -> None:
    """列出控制台用户。 List the console users."""

    async def show(parts: Parts) -> None:
        async with parts.store.read(tenant) as work:
            users = await work.users.all()
        for user in users:
            state = text("zhanqing.key_revoked" if user.disabled_at else "zhanqing.key_good", parts.lang)
            say(f"{user.login:<24}  {user.role.value:<8}  {state}  {user.rep_id or '—'}")

    run_opened(lang, show)


@user_app.command("password")
def set_password(
    login: Annotated[str, typer.Argument(help="账号。 Login.")], tenant: Tenant = "default", lang: Lang = None
) -> None:
    """换密码，并退出这个人所有的登录。 Set a password and end every session of that user."""

    async def change(parts: Parts) -> None:
        from store.passwords import hash_password

        kept = hash_password(_read_password(parts.lang))
        async with parts.store.begin(tenant) as work:
            user = await work.users.by_login(login)
            if user is None:
                raise NotFoundError("store.no_user")
            await work.users.set_password(user.user_id, kept)
        say(text("zhanqing.user_password_set", parts.lang, login=user.login))

    run_opened(lang, change)


def _read_password(lang: str) -> str:
    """Ask twice on a terminal; else take the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass(text("zhanqing.ask_password", lang) + ": ")
    if getpass(text("zhanqing.ask_password", lang) + ": ") != first:
        raise InputError("zhanqing.password_mismatch")
    return first


@db_app.command("upgrade")
def upgrade(lang: Lang = None) -> None:
    """把数据库升到这个版本。 Bring the database up to this version."""
    import asyncio

    from zhanqing.bootstrap import build

    async def bring_up() -> None:
        parts = build(lang=lang)
        async with parts.opened(migrate=True):
            say(text("zhanqing.db_ready", parts.lang))

    asyncio.run(bring_up())


@db_app.command("backup")
def backup(target: Annotated[Path, typer.Argument(help="备份文件。 Where to.")], lang: Lang = None) -> None:
    """备份数据库和录音。 Back up the database and the recordings."""
    from zhanqing.backup import make_backup

    async def copy(parts: Parts) -> None:
        size = await make_backup(parts.settings, target)
        say(text("zhanqing.backed_up", parts.lang, path=target, size_mb=f"{size / 1e6:.1f}"))

    run_opened(lang, copy)


@db_app.command("restore")
def restore(source: Annotated[Path, typer.Argument(help="备份文件。 Where from.")], lang: Lang = None) -> None:
    """从备份恢复到空的数据目录和空的数据库。 Restore a backup into an empty home folder and database."""
    import asyncio

    from zhanqing.backup import restore_backup
    from zhanqing.bootstrap import build

    parts = build(lang=lang)
    asyncio.run(restore_backup(parts.settings, source))
    say(text("zhanqing.restored", parts.lang, path=parts.home))


@jobs_app.command("list")
def list_jobs(
    status: Annotated[str | None, typer.Option("--status", help="只看这种状态。 Only this state.")] = None,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """列出任务，新的在前。 List the jobs, newest first."""

    async def show(parts: Parts) -> None:
        from store.jobs import JobStatus

        if status is not None and status not in list(JobStatus):
            raise InputError("zhanqing.unknown_status", status=status, known=", ".join(JobStatus))
        async with parts.store.read(tenant) as work:
            jobs = await work.jobs.page(limit=MOST_LISTED, status=JobStatus(status) if status else None)
        for job in jobs:
            say(f"{job.job_id}  {job.kind:<14} {job.status.value:<9} {job.percent:>3}%  {job.reason or ''}".rstrip())

    run_opened(lang, show)


@jobs_app.command("retry")
def retry_job(
    job_id: Annotated[str, typer.Argument(help="任务编号。 Job id.")], tenant: Tenant = "default", lang: Lang = None
) -> None:
    """重试停下来的任务。 Try a job again that ended without success."""

    async def retry(parts: Parts) -> None:
        async with parts.store.begin(tenant) as work:
            job = await work.jobs.retry(job_id)
        say(text("zhanqing.job_queued", parts.lang, job_id=job.job_id))

    run_opened(lang, retry)


@jobs_app.command("cancel")
def cancel_job(
    job_id: Annotated[str, typer.Argument(help="任务编号。 Job id.")], tenant: Tenant = "default", lang: Lang = None
) -> None:
    """取消还没做完的任务。 Cancel a job that has not ended; a running one stops at its next step."""

    async def cancel(parts: Parts) -> None:
        async with parts.store.begin(tenant) as work:
            job = await work.jobs.cancel(job_id)
        say(text("zhanqing.job_cancelled", parts.lang, job_id=job.job_id, status=job.status.value))

    run_opened(lang, cancel)


def settings() -> None:
    """列出全部设置。 Print every setting with its default."""
    from zhanqing.settings_reference import reference

    say(reference().rstrip("\n"))
