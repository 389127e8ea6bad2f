"""Our CommonMark brought down to what each client shows."""

from __future__ import annotations

import re
from collections.abc import Callable

_Change = Callable[[str], str]
_TABLE = re.compile(r"(?:^[ \t]*\|.*\|[ \t]*(?:\n|\Z)){2,}", re.MULTILINE)
_RULE_ROW = re.compile(r"^[ \t]*\|(?:[ \t]*:?-+:?[ \t]*\|)+[ \t]*$")
_ITEM = re.compile(r"^([ \t]*)[-*+][ \t]+", re.MULTILINE)
_IMAGE = re.compile(r"!\[([^\[\]\n]*)\]\(([^()\s]+)\)")
_LINK = re.compile(r"\[([^\[\]\n]+)\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#{1,6}[ \t]+(.*)$", re.MULTILINE)
_STRONG = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_TAG = re.compile(r"</?(?:font|b|i|u|br)\b[^<>\n]*>")
_FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)
_FENCE_LINE = re.compile(r"^(?:`{3,}|~{3,})[^\n]*\n?", re.MULTILINE)
_SPECIAL = re.compile(r"[\\`*_\[\]<>|~#]")
_MENTION = re.compile(r"@(?=\S)")
_ESCAPED = re.compile(r"\\([\\`*_\[\]<>|~#])")
_WIDE = {"<": "＜", ">": "＞", "*": "＊", "`": "｀", "[": "［", "]": "］"}


def for_wecom_app(text: str) -> str:
    """Bring down to the app's markdown: tables to `键：值` lines, lists to `•`, pictures to links, no code blocks."""
    return _FENCE_LINE.sub("", _outside_fences(text, _down_to_app))


def for_dingtalk(text: str) -> str:
    """Bring down to DingTalk's markdown: no tables, and a line break is two spaces and a newline."""
    return _outside_fences(text, _down_to_dingtalk)


def plain(text: str) -> str:
    """Bring down to words alone, for clients and cards that show no markdown; links keep their address."""
    return _FENCE_LINE.sub("", _outside_fences(text, _down_to_words))


def escaped(words: str) -> str:
    """Make somebody's words show as they are: no markup, link, mention or tag of theirs takes effect.

    Angle brackets become full-width, because WeCom and DingTalk read `<@id>` and `<font>` even after a backslash.
    """
    marked = _SPECIAL.sub(lambda match: _WIDE[match[0]] if match[0] in "<>" else f"\\{match[0]}", words)
    return _MENTION.sub("@\u200b", marked)


def _outside_fences(text: str, change: _Change) -> str:
    pieces, at = [], 0
    for match in _FENCE.finditer(text):
        pieces += [change(text[at : match.start()]), match[0]]
        at = match.end()
    return "".join([*pieces, change(text[at:])])


def _down_to_app(text: str) -> str:
    # The app knows no backslash: what was escaped becomes its full-width twin, or itself where it does nothing.
    text = _ESCAPED.sub(lambda match: _WIDE.get(match[1], match[1]), text)
    without_tables = _TABLE.sub(lambda match: _as_lines(match[0], item=""), text)
    return _IMAGE.sub(r"[\1](\2)", _ITEM.sub(r"\1• ", without_tables))


def _down_to_dingtalk(text: str) -> str:
    without_tables = _TABLE.sub(lambda match: _as_lines(match[0], item="- "), text)
    return re.sub(r"(?<=\S)[ \t]*\n(?=[^\n#>\-*+|\s\d])", "  \n", without_tables)


def _down_to_words(text: str) -> str:
    words = _TABLE.sub(lambda match: _as_lines(match[0], item=""), text)
    words = _HEADING.sub(r"\1", _ITEM.sub(r"\1• ", _IMAGE.sub(r"\1 \2", words)))
    words = _LINK.sub(lambda match: match[2] if match[1] == match[2] else f"{match[1]}（{match[2]}）", words)
    words = re.sub(r"^>[ \t]?", "", _TAG.sub("", _STRONG.sub(r"\2", words)), flags=re.MULTILINE)
    return _ESCAPED.sub(r"\1", words)


def _as_lines(table: str, *, item: str) -> str:
    """One line for each row: `客户：华星；金额：20 万`."""
    rows = [_cells(line) for line in table.splitlines() if line.strip() and not _RULE_ROW.match(line)]
    head, body = rows[0], rows[1:]
    if not body:
        return f"{item}{'；'.join(head)}\n"
    return "".join(f"{item}{_row_words(head, row)}\n" for row in body)


def _row_words(head: list[str], row: list[str]) -> str:
    names = [*head, *[""] * len(row)]
    return "；".join(f"{name}：{cell}" if name else cell for name, cell in zip(names, row, strict=False) if cell)


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]
