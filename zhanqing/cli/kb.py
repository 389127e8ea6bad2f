"""`zhanqing kb`: import war cases and documents, search them, count them; their review is `kb_review`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from domain.errors import InputError, MissingError
from domain.messages import text
from zhanqing.cli import kb_review
from zhanqing.cli.batch import Row, run_batch
from zhanqing.cli.options import BatchIn, BatchOut, Lang, Tenant, batch_files, subject
from zhanqing.cli.output import STDOUT, say, warn, write_json
from zhanqing.cli.trust import run_opened

if TYPE_CHECKING:
    from domain.cases import CaseHit, PassageHit
    from retrieval.importing import ImportReport
    from retrieval.results import SearchResult
    from zhanqing.bootstrap import Parts

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

SEARCH_KEYS = frozenset({"text", "k", "facets"})
SHOWN_PASSAGES = 5
DEFAULT_K = 5
MAX_K = 1_000
LONG_IMPORT = 1_000
_SHOWN_FAULTS = 50
_SHOWN_OTHERS = 5

DocumentKind = Literal["document", "policy", "price_list", "product"]
JsonFlag = Annotated[bool, typer.Option("--json", help="输出 JSON。 Print JSON.")]
Facets = Annotated[list[str] | None, typer.Option("--facet", metavar="K=V", help="筛选，可多个。 Filter.")]
TopK = Annotated[int, typer.Option("-k", min=1, max=MAX_K, help="几个战例。 How many cases.")]


@app.command("import")
def import_files(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE…", help="csv xlsx jsonl md txt docx pdf")],
    publish: Annotated[bool, typer.Option("--publish", help="导入后发布。 Publish what is imported.")] = False,
    partial: Annotated[bool, typer.Option("--partial", help="跳过有问题的行。 Import the good rows only.")] = False,
    kind: Annotated[DocumentKind, typer.Option("--kind", help="文档的种类。 What the documents are.")] = "document",
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """导入战例和文档；有问题的行逐行说明。 Import cases and documents."""

    async def run(parts: Parts) -> bool:
        from retrieval.documents import DOCUMENT_SUFFIXES, import_document, read_document
        from retrieval.importing import CASE_SUFFIXES, check_files, import_cases, refuse_unknown_suffixes

        refuse_unknown_suffixes(paths, CASE_SUFFIXES | DOCUMENT_SUFFIXES)
        documents = [read_document(path, kind=kind) for path in paths if path.suffix.lower() in DOCUMENT_SUFFIXES]
        if documents and not publish:
            raise InputError("retrieval.document_needs_publish", file=documents[0].document.origin)
        by, cases = kb_review.me(), [path for path in paths if path.suffix.lower() in CASE_SUFFIXES]
        if cases:
            report = await import_cases(
                parts.store,
                tenant,
                check_files(cases),
                by=by,
                is_published=publish,
                is_partial=partial,
                on_progress=_progress(text("retrieval.importing", parts.lang)),
            )
            _show_import(report, is_partial=partial, lang=parts.lang)
            if report.faults and not partial:
                return False
            if report.new + report.changed and not publish:
                say(text("retrieval.still_drafts", parts.lang))
        for document in documents:
            source = await import_document(parts.store, tenant, document, by=by)
            kb_review.show_kept(source, document.masked, parts.lang)
        if publish:
            await _warm(parts, tenant)
        return True

    if not run_opened(lang, run):
        raise typer.Exit(2)


@app.command("search")
def search(
    query: Annotated[str | None, typer.Argument(metavar="QUERY", help="客户的问题。 What to look for.")] = None,
    top_k: TopK = DEFAULT_K,
    facet: Facets = None,
    as_json: JsonFlag = False,
    batch: BatchIn = None,
    out: BatchOut = None,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """按客户的问题找战例。 Find war cases for a customer's question."""

    async def run(parts: Parts) -> None:
        async def answer(row: Row) -> Any:
            return search_json(await parts.search.search(tenant, _text(row), top_k=_k(row), facets=_facets(row)))

        if files := batch_files(batch, out):
            await run_batch(files, answer, keys=SEARCH_KEYS, lang=parts.lang)
            return
        asked = subject(query, "QUERY")
        result = await parts.search.search(tenant, asked, top_k=top_k, facets=_facet_options(facet or []))
        if as_json:
            write_json(STDOUT, search_json(result))
        else:
            await _show_hits(parts, tenant, result)

    run_opened(lang, run)


@app.command("stats")
def stats(as_json: JsonFlag = False, tenant: Tenant = "default", lang: Lang = None) -> None:
    """战例库里有什么。 What the case base holds."""

    async def run(parts: Parts) -> None:
        async with parts.store.read(tenant) as work:
            cases = {status.value: count for status, count in (await work.cases.counts()).items()}
            groups = await work.passages.groups()
            version = await work.corpus.version()
            sources = await work.sources.count()
        document = {
            "cases": cases,
            "findable": len(groups),
            "passages": sum(group.passages for group in groups.values()),
            "sources": sources,
            "corpus_version": version,
        }
        if as_json:
            write_json(STDOUT, document)
            return
        for line in _stats_lines(document, parts.lang):
            say(line)

    run_opened(lang, run)


app.command("queue")(kb_review.queue)
app.command("submit")(kb_review.submit)
app.command("review")(kb_review.review)
app.command("publish")(kb_review.publish)
app.command("return")(kb_review.send_back)
app.command("withdraw")(kb_review.withdraw)
app.command("diff")(kb_review.diff)
app.command("points")(kb_review.points)
app.command("competitor")(kb_review.competitor)


def _stats_lines(document: dict[str, Any], lang: str) -> list[str]:
    lines = []
    for name, value in document.items():
        if isinstance(value, dict):
            counted = (f"{text(f'retrieval.{name}_{key}', lang)} {count}" for key, count in value.items())
            value = "，".join(counted) if lang == "zh" else ", ".join(counted)
        lines.append(text(f"retrieval.stats_{name}", lang, value=value or 0))
    return lines


def search_json(result: SearchResult) -> dict[str, Any]:
    """Return the contract's JSON of a search."""
    return {"hits": [_hit_json(hit) for hit in result.hits], "warnings": list(result.warnings)}


def _hit_json(hit: CaseHit) -> dict[str, Any]:
    from retrieval.results import USES

    passages = [_passage_json(passage) for passage in hit.passages[:SHOWN_PASSAGES]]
    return {
        "case_id": hit.case_id,
        "outcome": hit.outcome.value,
        "use": USES[hit.outcome],
        "score": hit.score,
        "dense": hit.dense,
        "lexical": hit.lexical,
        "passage": passages[0],
        "passages": passages,
    }


def _passage_json(hit: PassageHit) -> dict[str, Any]:
    from retrieval.results import passage_document

    return {"passage_id": hit.passage.id, "column": hit.passage.column, **passage_document(hit)}


def _text(row: Row) -> str:
    words = row.get("text")
    if not isinstance(words, str) or not words.strip():
        raise InputError("zhanqing.row_missing", field="text")
    return words


def _k(row: Row) -> int:
    top_k = row.get("k")
    if top_k is None:
        return DEFAULT_K
    if not isinstance(top_k, int) or isinstance(top_k, bool) or not 1 <= top_k <= MAX_K:
        raise InputError("retrieval.bad_k", limit=MAX_K)
    return top_k


def _facets(row: Row) -> dict[str, list[str]]:
    facets = row.get("facets") or {}
    if not isinstance(facets, dict):
        raise InputError("retrieval.bad_facets")
    wanted = {column: value if isinstance(value, list) else [value] for column, value in facets.items()}
    if any(not isinstance(value, str) for values in wanted.values() for value in values):
        raise InputError("retrieval.bad_facets")
    return wanted


def _facet_options(options: list[str]) -> dict[str, list[str]]:
    wanted: dict[str, list[str]] = {}
    for option in options:
        column, equals, value = option.partition("=")
        if not equals or not column.strip():
            raise InputError("retrieval.bad_facet_option")
        wanted.setdefault(column.strip(), []).append(value.strip())
    return wanted


async def _warm(parts: Parts, tenant: str) -> None:
    """Encode what is new now rather than at the first question; what is imported does not depend on it."""
    try:
        await parts.search.refresh(tenant, on_progress=_progress(text("retrieval.encoding", parts.lang)))
    except MissingError as error:
        warn(error.line(parts.lang))


def _progress(what: str) -> Callable[[int, int], None]:
    """A counter on stderr: one line that moves where somebody watches, else a line at every tenth of long work."""
    import sys

    watched = sys.stderr.isatty()
    said = 0

    def move(done: int, total: int) -> None:
        nonlocal said
        if watched:
            sys.stderr.write(f"\r{what} {done}/{total}" + ("\n" if done == total else ""))
        elif total >= LONG_IMPORT and 10 * done // total > said:
            said = 10 * done // total
            warn(f"{what} {done}/{total}")

    return move


def _show_import(report: ImportReport, *, is_partial: bool, lang: str) -> None:
    for fault in report.faults[:_SHOWN_FAULTS]:
        warn(fault.line(lang))
    _say_more(len(report.faults), lang)
    if report.unknown_columns:
        warn(text("retrieval.unknown_columns", lang, columns=", ".join(report.unknown_columns)))
    if report.faults and not is_partial:
        warn(text("retrieval.nothing_imported", lang, count=len(report.faults)))
        return
    if report.faults:
        warn(text("retrieval.rows_left_out", lang, count=len(report.faults)))
    for row in report.masked_rows[:_SHOWN_FAULTS]:
        for column, kinds in row.masked.items():
            counted = kb_review.counted(kinds)
            warn(text("retrieval.masked_row", lang, file=row.file, row=row.number, field=column, kinds=counted))
    _say_more(len(report.masked_rows), lang)
    if report.masked:
        warn(text("retrieval.masked", lang, kinds=kb_review.counted(report.masked)))
    for case_id, others in list(report.duplicates.items())[:_SHOWN_FAULTS]:
        warn(text("retrieval.duplicate", lang, case_id=case_id, others=", ".join(others[:_SHOWN_OTHERS])))
    _say_more(len(report.duplicates), lang)
    counts = {name: getattr(report, name) for name in ("new", "changed", "unchanged", "published")}
    say(text("retrieval.imported", lang, **counts))


def _say_more(count: int, lang: str) -> None:
    if count > _SHOWN_FAULTS:
        warn(text("retrieval.and_more", lang, count=count - _SHOWN_FAULTS))


async def _show_hits(parts: Parts, tenant: str, result: SearchResult) -> None:
    from retrieval.results import USES

    for warning in result.warnings:
        warn(warning)
    if not result.hits:
        say(text("retrieval.no_hits" if result.corpus_version else "retrieval.empty_base", parts.lang))
    async with parts.store.read(tenant) as work:
        records = await work.cases.get_many([hit.case_id for hit in result.hits])
    for place, hit in enumerate(result.hits, start=1):
        case = records[hit.case_id].case
        told = text(f"retrieval.use_{USES[hit.outcome]}", parts.lang)
        say(f"{place}. {hit.case_id} {case.outcome.chinese}{told} {case.industry} {case.customer_size} · {case.title}")
        say(f"   {hit.best.passage.text}")
        scores = {"score": f"{hit.score:.2f}", "dense": f"{hit.dense:.3f}", "lexical": f"{hit.lexical:.1f}"}
        say(f"   {hit.best.passage.source_id} · {text('retrieval.scores', parts.lang, **scores)}")
