"""`zhanqing transcribe`: a recording becomes a Transcript; nothing is kept, so no consent is needed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.lexicon import Lexicon
from zhanqing.cli.batch import BatchFiles, Row, run_batch
from zhanqing.cli.options import BatchIn, BatchOut, JsonOut, Lang, Tenant, batch_files, subject
from zhanqing.cli.output import ensure_writable, read_json, say, write_json

if TYPE_CHECKING:
    from domain.conversation import Transcript
    from zhanqing.bootstrap import Parts

KEYS = frozenset({"audio", "roles", "lexicon", "enroll"})
Roles = Annotated[str | None, typer.Option("--roles", metavar="rep,customer", help="各声道是谁。 Who is where.")]
Enroll = Annotated[
    Path | None,
    typer.Option(
        "--enroll", metavar="REP.wav", help="销售本人的一段声音，用来认单声道里的销售，不保存。 The rep's voice."
    ),
]
LexiconFile = Annotated[Path | None, typer.Option("--lexicon", metavar="FILE.json", help="名称词表。 Names.")]


def transcribe(
    audio: Annotated[Path | None, typer.Argument(help="录音文件。 The recording.")] = None,
    roles: Roles = None,
    lexicon: LexiconFile = None,
    enroll: Enroll = None,
    json_out: JsonOut = None,
    batch: BatchIn = None,
    out: BatchOut = None,
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    """录音转成逐字稿（不保存）。 Turn a recording into a transcript; nothing is kept."""
    from zhanqing.bootstrap import build

    parts = build(lang=lang)
    if files := batch_files(batch, out):
        asyncio.run(_transcribe_rows(parts, files))
        return
    ensure_writable(json_out)
    names = read_lexicon_file(lexicon)
    transcript = _transcribe(parts, Path(subject(audio, "AUDIO")), roles, names, rep_voice=enroll, show=True)
    if json_out is None:
        print_turns(transcript)
    from wire.documents import dump_transcript

    write_json(json_out, dump_transcript(transcript))


async def _transcribe_rows(parts: Parts, files: BatchFiles) -> None:
    from wire.documents import dump_transcript

    async def answer(row: Row) -> Any:
        audio = _row_file(row, "audio", files.rows.parent)
        lexicon = row_lexicon(row, files.rows.parent)
        voice = _row_file(row, "enroll", files.rows.parent) if row.get("enroll") else None
        transcript = await asyncio.to_thread(_transcribe, parts, audio, row.get("roles"), lexicon, rep_voice=voice)
        return dump_transcript(transcript)

    await run_batch(files, answer, keys=KEYS, lang=parts.lang)


def _transcribe(
    parts: Parts, audio: Path, roles: Any, lexicon: Lexicon, *, rep_voice: Path | None = None, show: bool = False
) -> Transcript:
    from zhanqing.cli.progress import progress_bar

    with progress_bar(enabled=show) as on_progress:
        return parts.transcriber.transcribe(
            audio, roles=read_roles(roles), lexicon=lexicon, on_progress=on_progress, rep_voice=rep_voice
        )


def read_roles(roles: Any) -> tuple[str, ...] | None:
    """Read `rep,customer` or a list of roles by channel.

    Raises:
        InputError: A role is neither rep nor customer.
    """
    from domain.errors import InputError

    if roles is None or roles == "" or roles == []:
        return None
    names = tuple(part.strip() for part in roles.split(",")) if isinstance(roles, str) else tuple(map(str, roles))
    if not set(names) <= {"rep", "customer"}:
        raise InputError("zhanqing.bad_roles", roles=",".join(names)[:40])
    return names


def read_lexicon_file(path: Path | None) -> Lexicon:
    """Read a lexicon file; no file is an empty lexicon."""
    from wire.documents import read_lexicon

    return () if path is None else read_lexicon(read_json(path))


def row_lexicon(row: Row, folder: Path) -> Lexicon:
    """Read a row's lexicon: the entries themselves, or the path of a lexicon file."""
    from wire.documents import read_lexicon

    given = row.get("lexicon")
    if not given:
        return ()
    return read_lexicon_file(_found(Path(given), folder)) if isinstance(given, str) else read_lexicon(given)


def _row_file(row: Row, field: str, folder: Path) -> Path:
    from domain.errors import InputError

    if not isinstance(row.get(field), str) or not row[field]:
        raise InputError("zhanqing.row_missing", field=field)
    return _found(Path(row[field]), folder)


def _found(path: Path, folder: Path) -> Path:
    """Resolve a row's path against the working folder, then against the batch file's folder."""
    return path if path.is_absolute() or path.exists() else folder / path


def print_turns(transcript: Transcript) -> None:
    """Print a transcript as people read it."""
    for turn in transcript.turns:
        at = "" if turn.start_ms is None else f"{turn.start_ms // 60_000:02d}:{turn.start_ms // 1000 % 60:02d} "
        say(f"{at}{turn.speaker}: {turn.text}")
