"""`zhanqing coach`: a recording or transcript becomes a report, a brief and replies."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import InputError
from domain.messages import text
from zhanqing.cli.advice import AccountFile, print_envelope, read_account_file
from zhanqing.cli.options import JsonOut, Lang, Tenant, subject
from zhanqing.cli.output import STDOUT, ensure_writable, read_json, say, write_json, write_text
from zhanqing.cli.progress import progress_bar
from zhanqing.cli.transcription import LexiconFile, Roles, read_lexicon_file, read_roles
from zhanqing.cli.trust import run_opened

if TYPE_CHECKING:
    from coaching.report import Report
    from domain.accounts import Account
    from domain.conversation import Consent
    from zhanqing.bootstrap import Parts

Html = Annotated[Path | None, typer.Option("--html", metavar="OUT", help="报告网页。 The report as a page.")]
Markdown = Annotated[
    Path | None, typer.Option("--markdown", "--md", metavar="OUT", help="报告 Markdown。 The report as Markdown.")
]
RepId = Annotated[str | None, typer.Option("--rep", metavar="ID", help="是哪位销售的。 Whose conversation it is.")]
ConsentReference = Annotated[
    str | None, typer.Option("--consent", metavar="REFERENCE", help="同意记录编号。 The consent record.")
]
StartedAt = Annotated[
    datetime | None, typer.Option("--started-at", help="通话时间，用来换算“周五前”。 When the call began.")
]


def coach(
    conversation: Annotated[Path | None, typer.Argument(metavar="AUDIO|TRANSCRIPT.json", help="录音或逐字稿。")] = None,
    account: AccountFile = None,
    consent: ConsentReference = None,
    roles: Roles = None,
    lexicon: LexiconFile = None,
    started_at: StartedAt = None,
    rep: RepId = None,
    html: Html = None,
    markdown: Markdown = None,
    json_out: JsonOut = None,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """复盘一通录音或一段对话。 Coach a recording or a transcript."""
    path = Path(subject(conversation, "AUDIO"))
    for destination in (html, markdown, json_out):
        ensure_writable(destination)
    customer = read_account_file(account)
    names = read_lexicon_file(lexicon)

    async def digest(parts: Parts) -> None:
        from agent.calls import CallFile, keep_report, report_document
        from coaching.markdown import render_markdown
        from coaching.page import render_html
        from wire.documents import read_transcript

        if path.suffix.lower() == ".json":
            transcript = read_transcript(read_json(path))
            report = await parts.calls.digest_transcript(tenant, transcript, account=customer, lexicon=names)
        else:
            call = CallFile(
                path=path,
                consent=_consent(consent, customer),
                roles=read_roles(roles),
                lexicon=names,
                account=customer,
                started_at=started_at,
            )
            with progress_bar() as on_progress:
                report = await parts.calls.digest_recording(tenant, call, on_progress=on_progress)
        async with parts.store.begin(tenant) as work:
            if rep:
                await work.conversations.put(replace(report.transcript, rep_id=rep))
            await keep_report(work, report)
        if html is not None:
            write_text(html, render_html(report, lang=parts.lang))
        if markdown is not None:
            write_text(markdown, render_markdown(report, lang=parts.lang))
        if json_out != STDOUT:
            print_report(report, parts.lang)
        write_json(json_out, report_document(report))

    run_opened(lang, digest)


def _consent(reference: str | None, customer: Account | None) -> Consent:
    """Return the consent a recording is kept under.

    Raises:
        InputError: There is none; nothing is read or kept.
    """
    from domain.conversation import Consent, ConsentStatus

    if reference:
        return Consent(status=ConsentStatus.GRANTED, reference=reference)
    if customer and customer.consent and customer.consent.status is ConsentStatus.GRANTED:
        return replace(customer.consent)
    raise InputError("zhanqing.needs_consent")


def print_report(report: Report, lang: str) -> None:
    """Print what was found: numbers first, then alerts, brief and replies."""
    counts = {"turns": len(report.transcript.turns), "signals": len(report.analysis.signals)}
    say(text("zhanqing.found", lang, **counts))
    if report.summary.topics:
        say(text("coaching.topics", lang, topics="、".join(report.summary.topics)))
    for alert in report.alerts:
        say(f"! {alert.label}：“{alert.moment.quote}” {alert.message}")
    for envelope in (report.brief, report.replies):
        if envelope is not None:
            print_envelope(envelope, lang)
