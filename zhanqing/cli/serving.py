"""`zhanqing serve`, `zhanqing worker` and `zhanqing openapi`."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import InputError
from domain.messages import text
from zhanqing.cli.options import Lang, Tenant
from zhanqing.cli.output import say
from zhanqing.cli.trust import run_opened

if TYPE_CHECKING:
    from zhanqing.bootstrap import Parts
    from zhanqing.settings import Settings

FIRST_KEY = "first run"


def serve(
    host: Annotated[str, typer.Option("--host", help="监听地址。 Address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="端口。 Port.")] = 8000,
    migrate: Annotated[bool, typer.Option("--migrate", help="先升级数据库。 Upgrade the database first.")] = False,
    local: Annotated[
        bool, typer.Option("--local-llm", help="同时启动本机大模型。 Also run a language model on this machine.")
    ] = False,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """启动服务：接口和进程内任务。 Serve the API, with its own worker unless Redis is set."""
    from zhanqing.bootstrap import build
    from zhanqing.local_llm import local_llm
    from zhanqing.service import is_free, run_api
    from zhanqing.settings import read_settings

    if not is_free(host, port):
        raise InputError("zhanqing.port_taken", host=host, port=port)

    async def run(settings: Settings) -> None:
        async with build(settings, lang=lang).opened(migrate=migrate) as parts:
            await _first_key(parts, tenant)
            say(text("zhanqing.serving", parts.lang, host=host, port=port))
            await run_api(parts, host=host, port=port)

    settings = read_settings()
    with local_llm(settings) if local else nullcontext(settings) as chosen:
        asyncio.run(run(chosen))


def worker(lang: Lang = None) -> None:
    """只跑任务，不开接口。 Run jobs without the API."""

    async def run(parts: Parts) -> None:
        from zhanqing.service import run_worker

        say(text("zhanqing.working", parts.lang))
        await run_worker(parts)

    run_opened(lang, run)


def openapi() -> None:
    """输出接口说明（OpenAPI 3.1）。 Print the API's description (OpenAPI 3.1)."""
    import json

    from api.description import description

    say(json.dumps(description(), ensure_ascii=False, indent=1))


async def _first_key(parts: Parts, tenant: str) -> None:
    """Make a key where the tenant has none, and show it this once."""
    from store.keys import Role, any_key

    async with parts.store.across_tenants(writes=False) as session:
        if await any_key(session, tenant):
            return
    async with parts.store.begin(tenant) as work:
        made = await work.api_keys.create(FIRST_KEY, role=Role.ADMIN)
    say(text("zhanqing.first_key", parts.lang, secret=made.secret))
