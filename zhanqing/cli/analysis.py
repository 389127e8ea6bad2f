"""`zhanqing analyze`: a Transcript becomes signals and metrics; nothing is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zhanqing.cli.batch import Row, run_batch
from zhanqing.cli.options import BatchIn, BatchOut, JsonOut, Lang, Tenant, batch_files, subject
from zhanqing.cli.output import ensure_writable, read_json, say, write_json
from zhanqing.cli.transcription import LexiconFile, read_lexicon_file, row_lexicon

if TYPE_CHECKING:
    from domain.lexicon import Lexicon
    from domain.signals import Analysis
    from zhanqing.bootstrap import Parts

# Every key of a Transcript is known; a row adds only its lexicon.
ROW_KEYS = frozenset({"lexicon"})


def analyze(
    transcript: Annotated[Path | None, typer.Argument(help="逐字稿 JSON。 A Transcript.")] = None,
    lexicon: LexiconFile = None,
    json_out: JsonOut = None,
    batch: BatchIn = None,
    out: BatchOut = None,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """从逐字稿里找出信号和指标。 Find signals and metrics in a transcript."""
    from zhanqing.bootstrap import build

    parts = build(lang=lang)
    if files := batch_files(batch, out):

        async def answer(row: Row) -> Any:
            return _analysis_json(analyze_document(parts, row, row_lexicon(row, files.rows.parent)))

        asyncio.run(run_batch(files, answer, keys=ROW_KEYS | _transcript_keys(), lang=parts.lang))
        return
    ensure_writable(json_out)
    document = read_json(Path(subject(transcript, "TRANSCRIPT.json")))
    analysis = analyze_document(parts, document, read_lexicon_file(lexicon) or _own_lexicon(document))
    if json_out is None:
        print_analysis(analysis)
    write_json(json_out, _analysis_json(analysis))


def analyze_document(parts: Parts, document: Any, lexicon: Lexicon) -> Analysis:
    """Read a Transcript and find its signals and metrics."""
    from coaching.metrics import measure
    from domain.signals import Analysis
    from wire.documents import read_transcript

    transcript = read_transcript(document)
    signals = parts.analyst.detect(transcript, lexicon=lexicon)
    return Analysis(conversation_id=transcript.id, signals=signals, metrics=measure(transcript, signals))


def print_analysis(analysis: Analysis) -> None:
    """Print what was found, a line each."""
    for signal in analysis.signals:
        say(f"{signal.turn_id} {signal.kind.value} {signal.label} {signal.score:.2f} “{signal.quote}”")
    for metric in analysis.metrics:
        value = metric.undefined_because if metric.value is None else f"{metric.value:.2f} {metric.unit}"
        say(f"{metric.name}: {value} ({metric.denominator})")


def _analysis_json(analysis: Analysis) -> dict[str, Any]:
    from wire.documents import dump_analysis

    return dump_analysis(analysis)


def _own_lexicon(document: Any) -> Lexicon:
    from wire.documents import read_lexicon

    given = document.get("lexicon") if isinstance(document, dict) else None
    return read_lexicon(given) if given else ()


def _transcript_keys() -> frozenset[str]:
    from dataclasses import fields

    from domain.conversation import Transcript

    return frozenset(item.name for item in fields(Transcript))
