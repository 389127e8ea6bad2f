"""Files of cases to rows of cells: CSV in the encodings that Chinese spreadsheets write, XLSX, JSON lines.

Nothing is interpreted here beyond what the format itself means; a row that the format cannot give is a fault.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from domain.errors import InputError

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_UNPACKED_BYTES = 256 * 1024 * 1024
"""What a workbook may unpack to; a zip bomb is refused before anything is unpacked."""

MAX_RATIO = 100
"""How many times its size a large workbook may unpack to: text packs 5 to 30 times, a bomb a thousand times."""

_SMALL_BYTES = 32 * 1024 * 1024
_MAX_COLUMNS = 256
MAX_ROWS = 100_000
_DELIMITERS = ",;\t"
_USUAL = re.compile(r"[\t-~\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")

Cells = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One record of a file.

    Attributes:
        number: As the reader of the file counts: the line of a JSON file, the row of a sheet with its header as 1.
        cells: Column name as written → value; empty where `fault` says why there are none.
        fault: Name of a message of this room.
    """

    number: int
    cells: Cells = field(default_factory=dict)
    fault: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)


def read_rows(path: Path) -> list[Row]:
    """Read a `.csv`, `.xlsx` or `.jsonl` file.

    Raises:
        InputError: The file cannot be read as what its name says: too large, a zip bomb, no known encoding, no
            header, no rows, too many rows.
    """
    check_size(path)
    suffix = path.suffix.lower()
    if suffix == ".xlsx":
        rows = _workbook_rows(path)
    elif suffix == ".csv":
        rows = _table_rows(path)
    else:
        rows = _json_rows(path)
    found: list[Row] = []
    for row in rows:
        if len(found) == MAX_ROWS:
            raise InputError("retrieval.too_many_rows", file=path.name, limit=MAX_ROWS)
        found.append(row)
    if not found:
        raise InputError("retrieval.no_rows", file=path.name)
    return found


def check_size(path: Path) -> None:
    """Refuse a file that is absent, unreadable, empty or too large.

    Raises:
        InputError: It is.
    """
    try:
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise InputError("retrieval.no_file", file=path.name) from error
    except OSError as error:
        raise InputError("retrieval.unreadable_file", file=path.name, why=error.strerror) from error
    if size == 0:
        raise InputError("retrieval.empty_file", file=path.name)
    if size > MAX_FILE_BYTES:
        raise InputError("retrieval.file_too_large", file=path.name, limit_mb=MAX_FILE_BYTES // 1024**2)


def check_archive(path: Path) -> None:
    """Refuse an office file that is no archive or unpacks to too much.

    Raises:
        InputError: It is.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise InputError("retrieval.broken_file", file=path.name) from error
    is_bomb = unpacked > _SMALL_BYTES and unpacked > MAX_RATIO * path.stat().st_size
    if is_bomb or unpacked > MAX_UNPACKED_BYTES:
        limit_mb = MAX_UNPACKED_BYTES // 1024**2
        raise InputError("retrieval.zip_bomb", file=path.name, limit_mb=limit_mb, ratio=MAX_RATIO)


def decoded(path: Path) -> str:
    """Return a text file's text: UTF-8, UTF-16 or GB 18030 (which holds GBK and GB 2312).

    Raises:
        InputError: It is in none of them.
    """
    raw = path.read_bytes()
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if raw.startswith(mark):
            return _decode(raw, encoding, path)
    zeros = max(raw[1:4096:2].count(0), raw[0:4096:2].count(0))
    if zeros * 8 > min(len(raw), 4096) / 2:  # every ASCII character of UTF-16 has a zero byte
        return _decode(raw, _end_of(raw), path)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        # Neither UTF-8 nor GB 18030 writes a zero byte; Chinese in UTF-16 has one at each line's end and in each comma.
        return _decode(raw, _end_of(raw) if zeros else "gb18030", path)


def _end_of(raw: bytes) -> str:
    """Return the UTF-16 without a mark that makes more of the text Chinese or ASCII."""
    counts = {
        encoding: len(_USUAL.findall(raw[:4096].decode(encoding, errors="ignore")))
        for encoding in ("utf-16-le", "utf-16-be")
    }
    return max(counts, key=lambda encoding: counts[encoding])


def _decode(raw: bytes, encoding: str, path: Path) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError("retrieval.unknown_encoding", file=path.name) from error


def _json_rows(path: Path) -> Iterator[Row]:
    for number, line in enumerate(decoded(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (json.JSONDecodeError, RecursionError):
            yield Row(number=number, fault="row_not_json")
            continue
        if isinstance(record, dict):
            yield Row(number=number, cells=record)
        else:
            yield Row(number=number, fault="row_not_object")


def _table_rows(path: Path) -> Iterator[Row]:
    text = decoded(path)
    first_line = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    return _records(_numbered(reader, path), path)


def _numbered(reader: Iterator[list[str]], path: Path) -> Iterator[tuple[int, Sequence[object]]]:
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            yield number, cells
    except csv.Error as error:
        raise InputError("retrieval.broken_table", file=path.name, row=number + 1) from error


def _workbook_rows(path: Path) -> Iterator[Row]:
    check_archive(path)
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        sheet = book.worksheets[0]
        values = [tuple(row) for row in sheet.iter_rows(values_only=True, max_row=MAX_ROWS + 2, max_col=_MAX_COLUMNS)]
        book.close()
    except Exception as error:  # openpyxl lets KeyError, ValueError, XML errors and more through
        raise InputError("retrieval.broken_file", file=path.name) from error
    return _records(((number, [_plain(cell) for cell in row]) for number, row in enumerate(values, start=1)), path)


def _records(lines: Iterator[tuple[int, Sequence[object]]], path: Path) -> Iterator[Row]:
    """Take the first line that is not empty as the header and hold every other line to its width."""
    header: list[str] = []
    for number, cells in lines:
        trimmed = _trimmed(cells)
        if not trimmed:
            continue
        if not header:
            header = [str(cell).strip() for cell in trimmed]
            if len(set(header)) < len(header):
                raise InputError("retrieval.repeated_column", file=path.name)
            continue
        if len(trimmed) > len(header) or (len(cells) < len(header) and path.suffix.lower() == ".csv"):
            yield Row(number=number, fault="shifted_row", details={"cells": len(cells), "columns": len(header)})
            continue
        padded = [*trimmed, *[""] * (len(header) - len(trimmed))]
        yield Row(number=number, cells=dict(zip(header, padded, strict=True)))
    if not header:
        raise InputError("retrieval.empty_file", file=path.name)


def _trimmed(cells: Sequence[object]) -> list[object]:
    """Leave out empty cells at the end; spreadsheets write any number of them."""
    kept = list(cells)
    while kept and (kept[-1] is None or str(kept[-1]).strip() == ""):
        kept.pop()
    return kept


def _plain(cell: Any) -> object:
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    return "" if cell is None else cell
