"""Options that several commands share, with one wording each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from domain.errors import InputError
from zhanqing.cli.batch import BatchFiles

JsonOut = Annotated[
    str | None, typer.Option("--json", metavar="OUT", help="结果写成 JSON；- 表示标准输出。 Write JSON; - is stdout.")
]
Tenant = Annotated[str, typer.Option("--tenant", metavar="NAME", help="租户。 Tenant.")]
Lang = Annotated[str | None, typer.Option("--lang", metavar="zh|en", help="文字语言。 Language of text for people.")]
BatchIn = Annotated[
    Path | None, typer.Option("--batch", metavar="IN.jsonl", help="逐行批量处理。 One JSON object a line.")
]
BatchOut = Annotated[Path | None, typer.Option("--out", metavar="OUT.jsonl", help="批量结果。 Answers, in order.")]


def batch_files(batch: Path | None, out: Path | None) -> BatchFiles | None:
    """Return the batch's files when both are given, None when neither is.

    Raises:
        InputError: Only one of the two, or no such input.
    """
    if batch is None and out is None:
        return None
    if batch is None or out is None:
        raise InputError("zhanqing.batch_pair")
    if not batch.is_file():
        raise InputError("zhanqing.unreadable", path=batch, why="no such file")
    return BatchFiles(rows=batch, answers=out)


def subject(given: str | Path | None, what: str) -> str:
    """Return what a single run works on.

    Raises:
        InputError: Neither it nor a batch was given.
    """
    if given is None or not str(given).strip():
        raise InputError("zhanqing.no_subject", what=what)
    return str(given)
