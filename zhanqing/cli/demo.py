"""`zhanqing demo`: the main job on the sample call, from sound to a cited report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.messages import text
from zhanqing.cli.coaching import print_report
from zhanqing.cli.options import Lang
from zhanqing.cli.output import ensure_writable, say, warn, write_json, write_text
from zhanqing.cli.progress import progress_bar
from zhanqing.cli.trust import run_opened

if TYPE_CHECKING:
    from coaching.report import Report
    from zhanqing.bootstrap import Parts

TENANT = "default"
Folder = Annotated[Path, typer.Option("--out", metavar="DIR", help="结果目录。 Where results go.")]


def demo(folder: Folder = Path("out/demo"), lang: Lang = None) -> None:
    """用示例通话走一遍全流程。 Coach the sample call end to end."""
    ensure_writable(folder / "report.html")

    async def walk(parts: Parts) -> None:
        from zhanqing.demo import coach_sample, import_samples

        began = time.monotonic()
        warn(text("zhanqing.demo_cases", parts.lang))
        cases = await import_samples(parts, TENANT)
        warn(text("zhanqing.demo_listening", parts.lang, cases=cases))
        with progress_bar() as on_progress:
            report = await coach_sample(parts, TENANT, on_progress=on_progress)
        written = write_results(report, folder, lang=parts.lang)
        print_report(report, parts.lang)
        say(text("zhanqing.demo_done", parts.lang, seconds=f"{time.monotonic() - began:.0f}"))
        for path in written:
            say(f"  {path}")

    run_opened(lang, walk)


def write_results(report: Report, folder: Path, *, lang: str) -> list[Path]:
    """Write transcript, report, brief and replies; return the files, the report page first."""
    from agent.calls import report_document
    from coaching.markdown import render_markdown
    from coaching.page import render_html

    document = report_document(report)
    write_text(folder / "report.html", render_html(report, lang=lang))
    write_text(folder / "report.md", render_markdown(report, lang=lang))
    documents: dict[str, Any] = {
        "transcript.json": document["conversation"],
        "report.json": document,
        "brief.json": document["brief"],
        "replies.json": document["replies"],
    }
    for name, content in documents.items():
        write_json(str(folder / name), content)
    return [folder / "report.html", folder / "report.md", *(folder / name for name in documents)]
