"""`zhanqing models`: pull, list and verify the local models."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import InputError, IntegrityError
from domain.messages import text
from zhanqing.cli.options import Lang
from zhanqing.cli.output import say, warn
from zhanqing.models import Model, State, catalogue, find_models, model_folder, state
from zhanqing.models import verify as verify_model

if TYPE_CHECKING:
    from rich.progress import Progress

    from zhanqing.settings import Settings

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="模型名；默认为全部默认模型。 Models.")]
Offline = Annotated[
    Path | None, typer.Option("--from", metavar="DIR", help="离线目录，放安装包或文件。 Folder of wheels or files.")
]
Target = Annotated[Path, typer.Option("--to", metavar="DIR", help="写到哪个目录。 Folder to write.")]
_MEGABYTE = 1_000_000


@app.command()
def pull(names: Names = None, offline: Offline = None, lang: Lang = None) -> None:
    """下载并校验模型。 Fetch and verify models; those already there are left alone."""
    from zhanqing.models_pull import pull as pull_models

    settings, lang = _settings(lang)
    models = find_models(tuple(names or ()))
    with _watched(lang) as watcher:
        fetched = pull_models(models, settings.models.cache, watcher=watcher, offline=offline)
    for model in fetched:
        say(text("zhanqing.model_pulled", lang, name=model.name, size_mb=_megabytes(model.size_bytes)))
    if not fetched:
        say(text("zhanqing.models_there", lang))


@app.command("list")
def list_models(lang: Lang = None) -> None:
    """列出模型及状态。 List every model with its size, licence and state."""
    settings, lang = _settings(lang)
    width = max(map(len, catalogue()))
    for model in catalogue().values():
        found = text(f"zhanqing.model_state_{state(model, settings.models.cache)}", lang)
        default = text("zhanqing.model_default" if model.is_default else "zhanqing.model_optional", lang)
        size = f"{_megabytes(model.size_bytes):>5} MB"
        say(f"{model.name:<{width}}  {size}  {model.licence:<10}  {default}  {found}  {model.task}")


@app.command()
def verify(names: Names = None, lang: Lang = None) -> None:
    """重新计算 SHA-256。 Read every model in the cache again and compare its SHA-256."""
    settings, lang = _settings(lang)
    cache = settings.models.cache
    models = find_models(tuple(names)) if names else list(catalogue().values())
    required = models if names else find_models()
    broken, missing = [], []
    for model in models:
        try:
            if verify_model(model, cache) is State.PRESENT:
                say(text("zhanqing.model_verified", lang, name=model.name))
            elif model in required:
                missing.append(model.name)
        except IntegrityError as error:
            warn(error.line(lang))
            broken.append(model.name)
    if missing:
        warn(text("zhanqing.models_missing", lang, names=" ".join(missing)))
    if broken or missing:
        raise typer.Exit(IntegrityError.exit_code if broken else 3)


@app.command("export-e5")
def export_e5(to: Target, lang: Lang = None) -> None:
    """导出可微调的编码模型。 Write the encoder for sentence-transformers and transformers, to fine-tune it."""
    from language.e5_export import export

    settings, lang = _settings(lang)
    source = model_folder("e5-small-q4", settings.models.cache) / "e5-small-q4.bin"
    try:
        export(source, to)
    except OSError as error:
        raise InputError("zhanqing.unwritable", path=to, why=error.strerror) from error
    say(text("zhanqing.encoder_exported", lang, path=to))


def _settings(lang: str | None) -> tuple[Settings, str]:
    from zhanqing.settings import read_settings

    settings = read_settings()
    return settings, lang or settings.lang


def _megabytes(size_bytes: int) -> int:
    return round(size_bytes / _MEGABYTE)


class _Quiet:
    """Says only what is begun; for logs and pipes."""

    def __init__(self, lang: str) -> None:
        self._lang = lang

    def begin(self, model: Model, total_bytes: int) -> None:
        warn(text("zhanqing.model_fetching", self._lang, name=model.name, size_mb=_megabytes(total_bytes)))

    def advance(self, size_bytes: int) -> None:
        pass

    def wait(self) -> None:
        warn(text("zhanqing.waiting_for_pull", self._lang))


class _Bars(_Quiet):
    """One bar a model."""

    def __init__(self, lang: str, progress: Progress) -> None:
        super().__init__(lang)
        self._progress = progress
        self._task = progress.add_task("", start=False, visible=False)

    def begin(self, model: Model, total_bytes: int) -> None:
        self._task = self._progress.add_task(model.name, total=total_bytes)

    def advance(self, size_bytes: int) -> None:
        self._progress.advance(self._task, size_bytes)


@contextmanager
def _watched(lang: str) -> Iterator[_Quiet]:
    """A bar on stderr where somebody watches, one line a model elsewhere."""
    if not sys.stderr.isatty():
        yield _Quiet(lang)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as progress:
        yield _Bars(lang, progress)
