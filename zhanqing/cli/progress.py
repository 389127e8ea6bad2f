"""A progress bar on stderr for long work; silent where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol


class Step(Protocol):
    """What long work reports: a stage's name and how much of the whole is done."""

    @property
    def stage(self) -> str:
        """Name of the stage."""
        ...

    @property
    def fraction(self) -> float:
        """Share done, in [0, 1]."""
        ...


@contextmanager
def progress_bar(*, enabled: bool = True) -> Iterator[Callable[[Step], None] | None]:
    """Yield a callback that moves a bar with stage, percent and remaining time; None where there is no terminal."""
    if not enabled or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def move(step: Step) -> None:
            bar.update(task, completed=step.fraction, description=step.stage)

        yield move
