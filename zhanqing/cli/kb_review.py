"""`zhanqing kb queue|submit|review|publish|return|withdraw|diff|points|competitor`: what happens to cases and cards."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.messages import text
from zhanqing.cli.options import Lang, Tenant
from zhanqing.cli.output import STDOUT, say, warn, write_json
from zhanqing.cli.trust import run_opened

if TYPE_CHECKING:
    from domain.sources import Source
    from store.cases import CaseRecord
    from zhanqing.bootstrap import Parts

CaseIds = Annotated[list[str], typer.Argument(metavar="CASE_ID…", help="战例编号。 Case ids.")]
Why = Annotated[str, typer.Option("--why", help="原因，记入历史。 Why; kept in the history.")]
Reason = Annotated[str, typer.Option("--why", help="原因，必填。 Why; must be given.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="输出 JSON。 Print JSON.")]
VersionNumber = Annotated[int | None, typer.Option(min=1, help="版本。 Version.")]


def queue(as_json: JsonFlag = False, tenant: Tenant = "default", lang: Lang = None) -> None:
    """待评审的战例。 Cases that wait for a review."""

    async def run(parts: Parts) -> None:
        from domain.cases import CaseStatus

        records: list[CaseRecord] = []
        async with parts.store.read(tenant) as work:
            for step in (CaseStatus.SUBMITTED, CaseStatus.IN_REVIEW):
                records += await work.cases.page(limit=1_000, status=step)
            drafts = (await work.cases.counts()).get(CaseStatus.DRAFT, 0)
        if as_json:
            write_json(STDOUT, [_record_json(record) for record in records])
            return
        for record in records:
            case, status = record.case, text(f"retrieval.cases_{record.status.value}", parts.lang)
            say(f"{status} {case.id} v{record.version} {record.contributor} · {case.title}")
        if not records:
            say(text("retrieval.nothing_waits", parts.lang))
        if drafts:
            say(text("retrieval.drafts_wait", parts.lang, count=drafts))

    run_opened(lang, run)


def submit(case_ids: CaseIds, why: Why = "", tenant: Tenant = "default", lang: Lang = None) -> None:
    """提交评审；像已有战例时提醒。 Hand drafts in for review; warns of cases that are told alike."""
    _move("submit", case_ids, why, tenant, lang)


def review(case_ids: CaseIds, why: Why = "", tenant: Tenant = "default", lang: Lang = None) -> None:
    """开始评审。 Take cases from the queue."""
    _move("review", case_ids, why, tenant, lang)


def publish(case_ids: CaseIds, why: Why = "", tenant: Tenant = "default", lang: Lang = None) -> None:
    """发布，此后可以检索和引用。 Publish: from now on they can be found and cited."""
    _move("approve", case_ids, why, tenant, lang)


def send_back(case_ids: CaseIds, why: Reason, tenant: Tenant = "default", lang: Lang = None) -> None:
    """退回修改。 Send cases back with a reason."""
    _move("reject", case_ids, why, tenant, lang)


def withdraw(case_ids: CaseIds, why: Reason, tenant: Tenant = "default", lang: Lang = None) -> None:
    """撤下，不再检索和引用。 Withdraw: nothing finds or cites them any more."""
    _move("retire", case_ids, why, tenant, lang)


def diff(
    case_id: Annotated[str, typer.Argument(metavar="CASE_ID", help="战例编号。 Case id.")],
    before: VersionNumber = None,
    after: VersionNumber = None,
    as_json: JsonFlag = False,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """两个版本之间改了什么，默认最近一次。 What changed between two versions; default the last change."""

    async def run(parts: Parts) -> None:
        from retrieval.library import changes

        async with parts.store.read(tenant) as work:
            found = await changes(work, case_id, before=before, after=after)
        if as_json:
            columns = {column: {"before": old, "after": new} for column, (old, new) in found.columns.items()}
            write_json(STDOUT, {"before": found.before, "after": found.after, "changed": columns})
            return
        if found.before == found.after:
            say(text("retrieval.one_version", parts.lang, case_id=case_id))
            return
        say(f"{case_id} v{found.before} → v{found.after}")
        for column, (old, new) in found.columns.items():
            say(f"{column}\n  - {old}\n  + {new}")

    run_opened(lang, run)


def points(as_json: JsonFlag = False, tenant: Tenant = "default", lang: Lang = None) -> None:
    """贡献积分和已验证的打法。 Contributor points and proven tactics."""

    async def run(parts: Parts) -> None:
        from wire.documents import dump

        async with parts.store.read(tenant) as work:
            earned, tactics = await work.adoptions.points(), await work.adoptions.tactics()
        if as_json:
            shown = [{**dump(tactic), "is_proven": tactic.is_proven} for tactic in tactics]
            write_json(STDOUT, {"contributors": [dump(each) for each in earned], "tactics": shown})
            return
        for each in earned:
            say(
                text(
                    "retrieval.points", parts.lang, name=each.contributor, cases=each.adopted_cases, points=each.points
                )
            )
        for tactic in tactics:
            mark = "✓" if tactic.is_proven else " "
            say(f"{mark} {tactic.tactic} {tactic.adopters}")
        if not earned:
            say(text("retrieval.no_points", parts.lang))

    run_opened(lang, run)


def competitor(
    name: Annotated[str, typer.Argument(metavar="NAME", help="竞品名称。 The competitor.")],
    path: Annotated[Path, typer.Argument(metavar="FILE", help="md txt docx pdf")],
    origin: Annotated[str, typer.Option("--origin", help="信息从哪里来。 Where it is known from.")],
    dated_on: Annotated[datetime, typer.Option("--dated-on", formats=["%Y-%m-%d"], help="截至哪天。 As of.")],
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """导入竞品卡：谈竞品的唯一出处。 Import a competitor card, the only source of what is said of it."""

    async def run(parts: Parts) -> None:
        from dataclasses import replace

        from domain.sources import safe_part
        from retrieval.documents import DOCUMENT_SUFFIXES, import_document, read_document
        from retrieval.importing import refuse_unknown_suffixes
        from store.documents import COMPETITOR_CARD, Document

        refuse_unknown_suffixes([path], DOCUMENT_SUFFIXES)
        card = Document(
            id=f"card:{safe_part(name)}", kind=COMPETITOR_CARD, title=name, origin=origin, dated_on=dated_on.date()
        )
        read = replace(read_document(path), document=card)
        source = await import_document(parts.store, tenant, read, by=me())
        show_kept(source, read.masked, parts.lang)

    run_opened(lang, run)


def show_kept(source: Source, masked: Mapping[str, int], lang: str) -> None:
    """Say what became of a document, and what was masked in it."""
    say(text("retrieval.document_kept", lang, source_id=source.source_id, version=source.version))
    if masked:
        warn(text("retrieval.masked", lang, kinds=counted(masked)))


def counted(kinds: Mapping[str, int]) -> str:
    """Say how many of each kind."""
    return ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))


def me() -> str:
    """Who runs the command, for the case's history."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "cli"


def _move(step: str, case_ids: list[str], why: str, tenant: str, lang: str | None) -> None:
    """Take every case one step, or none of them."""

    async def run(parts: Parts) -> None:
        from retrieval import library

        async with parts.store.begin(tenant) as work:
            records = await getattr(library, step)(work, case_ids, by=me(), why=why)
        for record in records:
            status = text(f"retrieval.cases_{record.status.value}", parts.lang)
            say(f"{record.case.id} v{record.version} → {status}")
            if step == "submit":
                await _warn_of_duplicates(parts, tenant, record)

    run_opened(lang, run)


async def _warn_of_duplicates(parts: Parts, tenant: str, record: CaseRecord) -> None:
    from domain.errors import ZhanqingError
    from retrieval.duplicates import told_alike

    try:
        others = await told_alike(parts.search, parts.store, tenant, record.case)
    except ZhanqingError as error:
        warn(error.line(parts.lang))
        return
    if others:
        warn(text("retrieval.duplicate", parts.lang, case_id=record.case.id, others=", ".join(others)))


def _record_json(record: CaseRecord) -> dict[str, Any]:
    return {
        "case_id": record.case.id,
        "title": record.case.title,
        "status": record.status.value,
        "version": record.version,
        "contributor": record.contributor,
    }
