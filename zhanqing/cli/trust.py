"""`zhanqing why`, `source show` and `audit verify`: everything that was said can be looked up again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.errors import InputError, NotFoundError
from domain.messages import text
from zhanqing.cli.batch import Row, run_batch
from zhanqing.cli.options import BatchIn, BatchOut, JsonOut, Lang, Tenant, batch_files, subject
from zhanqing.cli.output import STDOUT, say, write_json

if TYPE_CHECKING:
    from domain.sources import Source
    from zhanqing.bootstrap import Parts

source_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
audit_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

SOURCE_KEYS = frozenset({"source_id", "version"})
Version = Annotated[int | None, typer.Option("--version", min=1, help="版本，默认最新。 Version; default newest.")]


def run_opened(lang: str | None, work: Callable[[Parts], Awaitable[Any]]) -> Any:
    """Build the parts, open the database, do the work and close."""
    from zhanqing.bootstrap import build

    async def opened() -> Any:
        async with build(lang=lang).opened() as parts:
            return await work(parts)

    return asyncio.run(opened())


def why(
    decision_id: Annotated[str, typer.Argument(help="决策编号。 Decision id.")],
    json_out: JsonOut = None,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """解释一条建议从何而来。 Explain where a suggestion came from, from stored data alone."""

    async def explain(parts: Parts) -> None:
        from agent.explaining import explained
        from wire.documents import dump

        async with parts.store.read(tenant) as work:
            decision = await work.decisions.get(decision_id)
            if decision is None:
                raise NotFoundError("zhanqing.no_decision")
            lines = await explained(work, decision, parts.lang)
        if json_out != STDOUT:
            say("\n".join(lines))
        write_json(json_out, dump(decision))

    run_opened(lang, explain)


@source_app.command("show")
def show(
    source_id: Annotated[str | None, typer.Argument(help="出处编号。 Source id.")] = None,
    version: Version = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON。 Print JSON.")] = False,
    batch: BatchIn = None,
    out: BatchOut = None,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """查看一条出处的原文。 Show the text of a source."""

    async def look_up(parts: Parts) -> None:
        if files := batch_files(batch, out):

            async def answer(row: Row) -> Any:
                return _source_json(await _source(parts, tenant, *_asked(row)))

            await run_batch(files, answer, keys=SOURCE_KEYS, lang=parts.lang)
            return
        source = await _source(parts, tenant, subject(source_id, "SOURCE_ID"), version)
        if as_json:
            write_json(STDOUT, _source_json(source))
        else:
            say(f"{source.title} · {source.source_id} · v{source.version} · {source.status.value}\n{source.text}")

    run_opened(lang, look_up)


@audit_app.command("verify")
def verify(tenant: Tenant = "default", lang: Lang = None) -> None:
    """校验决策链。 Check the chain of decisions."""

    async def check(parts: Parts) -> bool:
        async with parts.store.read(tenant) as work:
            verdict = await work.decisions.verify()
        if verdict.ok:
            say(text("zhanqing.chain_whole", parts.lang, checked=verdict.checked))
        else:
            say(text("zhanqing.chain_broken", parts.lang, index=verdict.first_broken))
        return verdict.ok

    if not run_opened(lang, check):
        raise typer.Exit(1)


def _asked(row: Row) -> tuple[str, int | None]:
    version = row.get("version")
    if not isinstance(row.get("source_id"), str):
        raise InputError("zhanqing.row_missing", field="source_id")
    if version is not None and (not isinstance(version, int) or isinstance(version, bool)):
        raise InputError("zhanqing.row_missing", field="version")
    return row["source_id"], version


async def _source(parts: Parts, tenant: str, source_id: str, version: int | None) -> Source:
    async with parts.store.read(tenant) as work:
        source = await work.sources.get(source_id, version)
    if source is None:
        raise NotFoundError("zhanqing.no_source")
    return source


def _source_json(source: Source) -> dict[str, Any]:
    from wire.documents import dump

    document = dump(source)
    shown = ("source_id", "version", "kind", "title", "text", "content_hash", "status")
    return {name: document[name] or None for name in shown}
