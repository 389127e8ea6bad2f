"""The `zhanqing` command: one sub-module per group of commands, heavy parts imported when they run."""

from __future__ import annotations

import contextlib
import os
import sys

import typer

from domain.errors import ZhanqingError
from domain.messages import text
from zhanqing.cli import (
    advice,
    analysis,
    auditing,
    benching,
    bots,
    coaching,
    demo,
    evaluation,
    kb,
    models,
    operating,
    practice,
    serving,
    transcription,
    trust,
    voices,
)

app = typer.Typer(
    name="zhanqing",
    help="战情：每一句话都能点开出处的销售教练。 A sales coach that cites its source in every sentence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(models.app, name="models", help="本地模型：下载、查看、校验。 Local models: pull, list, verify.")

app.add_typer(kb.app, name="kb", help="战例库：导入、检索、统计。 War cases.")
app.add_typer(trust.source_app, name="source", help="出处：查看原文。 Sources.")
app.add_typer(trust.audit_app, name="audit", help="审计：校验决策链。 Audit.")
app.add_typer(operating.key_app, name="key", help="接口密钥。 API keys.")
app.add_typer(operating.user_app, name="user", help="控制台用户。 Console users.")
app.add_typer(voices.voice_app, name="voice", help="声音登记：本人同意、可删除。 Reps' voices, opt-in.")
app.add_typer(auditing.retention_app, name="retention", help="保存期限。 Retention.")
app.add_typer(bots.bots_app, name="bots", help="企业微信、钉钉机器人：检查、绑定。 Chat bots.")
app.add_typer(operating.db_app, name="db", help="数据库：升级、备份、恢复。 Database.")
app.add_typer(operating.jobs_app, name="jobs", help="任务：查看、重试。 Jobs.")
app.command()(transcription.transcribe)
app.command()(analysis.analyze)
app.command()(coaching.coach)
app.command()(practice.team)
app.command()(practice.drill)
app.command()(advice.brief)
app.command()(advice.prepare)
app.command()(advice.reply)
app.command()(advice.ask)
app.command()(trust.why)
app.command("eval")(evaluation.evaluate)
app.command()(benching.bench)
app.command()(demo.demo)
app.command()(serving.serve)
app.command()(serving.worker)
app.command()(serving.openapi)
app.command()(operating.settings)


def main() -> None:
    """Run the command; our errors become one clear line on stderr and the exit code of their kind."""
    lang = _language()
    try:
        app()
    except ZhanqingError as error:
        _fail(error.line(lang), error.exit_code)
    except KeyboardInterrupt:
        _fail(text("zhanqing.interrupted", lang), 130)
    except BrokenPipeError:
        # The reader went away (`| head`); nothing more can be said to it.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except Exception as error:  # the outer edge of the process
        _log_failure(error)
        _fail(text("zhanqing.internal", lang, kind=type(error).__name__), 1)


def _language() -> str:
    """Language for the error line: `--lang` anywhere on the command line, else the setting."""
    words = sys.argv[1:]
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--lang" or word.startswith("--lang="):
            wanted = word.partition("=")[2] or following
            return "en" if wanted == "en" else "zh"
    return "en" if os.environ.get("ZHANQING_LANG") == "en" else "zh"


def _fail(line: str, code: int) -> None:
    sys.stderr.write(" ".join(line.split()) + "\n")
    raise SystemExit(code)


def _log_failure(error: Exception) -> None:
    """Log kind and places of a failure; its message may hold a customer's words and stays out."""
    import traceback

    from zhanqing.logs import configure_logs, get_log

    places = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    configure_logs("error")
    get_log().error("command.failed", kind=type(error).__name__, places=places[-8:])
