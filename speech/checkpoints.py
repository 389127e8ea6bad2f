"""Checkpoints on disk: one JSON line per finished window, appended and flushed, so that a kill loses none."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path


class FileCheckpoint:
    """Finished windows in a file of JSON lines; a line that a kill cut short is ignored.

    Args:
        path: The file; made when the first window is finished. Whoever ends the job removes it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def finished(self) -> Mapping[str, str]:
        """See `Checkpoint.finished`."""
        if not self._path.is_file():
            return {}
        kept: dict[str, str] = {}
        for line in self._path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                key, value = json.loads(line)
                json.loads(value)
            except (ValueError, TypeError):
                continue
            kept[key] = value
        return kept

    def finish(self, key: str, value: str) -> None:
        """See `Checkpoint.finish`."""
        with self._path.open("a+b") as file:
            if file.tell() and not self._ends_whole():
                file.write(b"\n")
            file.write(json.dumps([key, value], ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _ends_whole(self) -> bool:
        """Whether the last line was written to its end."""
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
