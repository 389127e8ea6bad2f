"""`zhanqing bench`: whole-process measurements on this machine, written beside a table."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Annotated

import typer

from zhanqing.cli.options import Lang
from zhanqing.cli.output import ensure_writable, say, warn, write_json, write_text


def bench(
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="结果目录。 Where results go.")] = Path(
        "out/bench"
    ),
    runs: Annotated[int, typer.Option("--runs", min=1, help="每项跑几次。 Runs of each.")] = 5,
    lang: Lang = None,
) -> None:
    """在空闲的机器上测速度和内存，取中位数。 Measure speed and memory on an idle machine; medians."""
    from eval.bench import commands, measure_process, table
    from wire.documents import dump

    ensure_writable(folder / "processes.json")
    measured = []
    for name, command in commands(folder).items():
        warn(name)
        # One run before the counted ones: set-up is not what is measured.
        measure_process(name, command, runs=1, environment=os.environ)
        measured.append(measure_process(name, command, runs=runs, environment=os.environ))
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    report = f"{machine}\n\n{table(measured)}"
    write_json(str(folder / "processes.json"), {"machine": machine, "measured": [dump(one) for one in measured]})
    write_text(folder / "processes.md", report)
    say(report)
