"""`zhanqing eval`: print a suite's figures, each with its n and standard error."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import InputError
from zhanqing.cli.options import JsonOut, Lang
from zhanqing.cli.output import STDOUT, ensure_writable, say, write_json

if TYPE_CHECKING:
    from eval.result import EvalResult, Figure


def evaluate(
    suite: Annotated[str, typer.Argument(help="评测名。 Name of the suite.")],
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="数据目录。 Folder of the data.")],
    half: Annotated[str, typer.Option("--half", help="哪一半。 Which half of the data.")] = "visible",
    json_out: JsonOut = None,
    lang: Lang = None,
) -> None:
    """跑一项评测并打印数字。 Run an evaluation and print its figures."""
    from eval.suites import find_suite
    from zhanqing.bootstrap import build

    module = find_suite(suite)
    if not data.is_dir():
        raise InputError("zhanqing.no_data_folder", path=data)
    ensure_writable(json_out)
    result = module.run(data, half=half, parts=build(lang=lang))
    if json_out != STDOUT:
        print_result(result)
    if json_out:
        from wire.documents import dump

        write_json(json_out, dump(result))


def print_result(result: EvalResult) -> None:
    """Print the figures as a table, or why there are none."""
    say(f"{result.suite} · {result.data}")
    if result.skipped:
        say(f"skipped: {result.skipped}")
    width = max((len(figure.name) for figure in result.figures), default=0)
    for figure in result.figures:
        say(f"  {figure.name:<{width}}  {_value(figure):>10}  n={figure.n:<7} {figure.note}".rstrip())


def _value(figure: Figure) -> str:
    if figure.value is None:
        return "not measured"
    spread = "" if figure.standard_error is None else f" ±{figure.standard_error:.3f}"
    return f"{figure.value:.3f}{spread}"
