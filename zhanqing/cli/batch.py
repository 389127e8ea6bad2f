"""Many rows in one run: JSON lines in, one answer a line out, in order, models loaded once.

A bad row is an error row and never the end of the run.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from domain.errors import InputError, ZhanqingError
from domain.messages import text
from zhanqing.cli.output import ensure_writable, warn

Row = Mapping[str, Any]
Answer = Callable[[Row], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFiles:
    """Where rows come from and where answers go."""

    rows: Path
    answers: Path


async def run_batch(files: BatchFiles, answer: Answer, *, keys: frozenset[str], lang: str) -> int:
    """Answer every row; return how many rows failed.

    Args:
        answer: Row → JSON value; our errors become error rows, anything else is our failure and too.
        keys: Known keys of a row; others are ignored and named once on stderr.

    Raises:
        InputError: The input cannot be read or the output not written.
    """
    ensure_writable(files.answers)
    strangers: set[str] = set()
    failed = done = 0
    with _opened(files) as (rows, answers):
        for line in rows:
            if not line.strip():
                continue
            row_id, result = await _answer_line(line, answer, keys, strangers, lang)
            failed += "error" in result
            done += 1
            answers.write(json.dumps({"id": row_id, **result}, ensure_ascii=False) + "\n")
            answers.flush()
            _show_progress(done)
    warn(text("zhanqing.batch_done", lang, done=done, failed=failed))
    if strangers:
        warn(text("zhanqing.unknown_keys", lang, keys=", ".join(sorted(strangers))))
    return failed


async def _answer_line(
    line: str, answer: Answer, keys: frozenset[str], strangers: set[str], lang: str
) -> tuple[Any, dict[str, Any]]:
    row_id = None
    try:
        row = _row(line)
        row_id = row.get("id")
        strangers.update(set(row) - keys - {"id"})
        return row_id, {"result": await answer(row)}
    except ZhanqingError as error:
        return row_id, {"error": {"code": error.code, "message": error.line(lang)}}
    except Exception as error:  # the outer edge of a row: one failure must not end the run
        warn(text("zhanqing.row_failed", lang, id=row_id, kind=type(error).__name__))
        message = text("zhanqing.internal", lang, kind=type(error).__name__)
        return row_id, {"error": {"code": "zhanqing.internal", "message": message}}


def _row(line: str) -> Row:
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError("zhanqing.row_not_json") from error
    if not isinstance(row, dict):
        raise InputError("zhanqing.row_not_object")
    return row


@contextmanager
def _opened(files: BatchFiles) -> Iterator[tuple[TextIO, TextIO]]:
    try:
        with files.rows.open(encoding="utf-8-sig", errors="replace") as rows:
            files.answers.parent.mkdir(parents=True, exist_ok=True)
            with files.answers.open("w", encoding="utf-8") as answers:
                yield rows, answers
    except OSError as error:
        raise InputError("zhanqing.unreadable", path=error.filename or files.rows, why=error.strerror) from error


def _show_progress(done: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done}")
        sys.stderr.flush()
