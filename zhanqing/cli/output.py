"""What a command prints: JSON to a file or stdout, lines for people to stderr or stdout."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from domain.errors import InputError

STDOUT = "-"


def write_text(destination: Path, content: str) -> None:
    """Write a file whole or not at all.

    Raises:
        InputError: `zhanqing.unwritable`: the folder or file cannot be written.
    """
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=destination.parent, prefix=f".{destination.name}.")
    except OSError as error:
        raise InputError("zhanqing.unwritable", path=destination, why=error.strerror) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
        temporary.chmod(0o644)
        temporary.replace(destination)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputError("zhanqing.unwritable", path=destination, why=error.strerror) from error


def ensure_writable(destination: str | Path | None) -> None:
    """Find out before long work, not after it, that the result cannot be kept.

    Raises:
        InputError: `zhanqing.unwritable`.
    """
    if destination is None or str(destination) == STDOUT:
        return
    folder = Path(destination).absolute().parent
    while not folder.exists():
        folder = folder.parent
    is_directory = Path(destination).is_dir()
    if is_directory or not folder.is_dir() or not os.access(folder, os.W_OK):
        why = "is a directory" if is_directory else "permission denied"
        raise InputError("zhanqing.unwritable", path=destination, why=why)


def write_json(destination: str | None, document: Any) -> None:
    """Write pretty JSON to a file, or to stdout when the destination is `-`; None writes nothing."""
    if destination is None:
        return
    content = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    if destination == STDOUT:
        sys.stdout.write(content)
    else:
        write_text(Path(destination), content)


def say(line: str, *, quiet: bool = False) -> None:
    """Print a line for people on stdout, unless stdout belongs to JSON."""
    if not quiet:
        sys.stdout.write(line + "\n")


def warn(line: str) -> None:
    """Print a line for people on stderr."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: No such file, or not JSON; the line names the place.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError("zhanqing.unreadable", path=path, why=error.strerror) from error
    except UnicodeDecodeError as error:
        raise InputError("zhanqing.not_utf8", path=path) from error
    except json.JSONDecodeError as error:
        raise InputError("zhanqing.not_json", path=path, line=error.lineno, column=error.colno) from error
