"""Long answers in parts that a platform takes, cut where a reader would pause."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

_JOINER = "\u200d"
_CITATION = r"(?:[ \u3000]?(?:\[\d{1,3}\]|【\d{1,3}】|[①-⑳]))"
_FENCE = re.compile(r"^(?P<mark>`{3,}|~{3,})[^\n]*\n(?:.*?\n)?(?P=mark)[ \t]*$", re.MULTILINE | re.DOTALL)
_WHOLE = re.compile(
    r"!?\[[^\[\]\n]{0,300}\]\([^()\s]{1,500}\)"  # a link or picture
    r"|<[^<>\n]{1,200}>"  # a tag, a mention
    r"|https?://[^\s<>，。！？；、）)】]+"
    r"|`[^`\n]{1,200}`"
    r"|\*\*[^*\n]{1,200}\*\*"
    rf"|{_CITATION}+"
)
_ENDS = (
    (4, re.compile(r"\n[ \t]*\n\s*")),
    (3, re.compile(r"\n")),
    (2, re.compile(rf"[。！？!?；;…]+[”’」』）)\"']*{_CITATION}*|\.(?=\s){_CITATION}*")),
    (1, re.compile(r"[，,、：:][”’」』）)]*|\s+")),
)
_HARD, _GLUED = 0, -1
_WELL_FILLED = 0.5
"""A better boundary is taken while the part stays at least this full; else the next kind is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What one message of a platform holds; UTF-8 bytes, and code points where clients have a limit of their own."""

    max_bytes: int
    max_characters: int | None = None

    def holds(self, text: str) -> bool:
        """Whether the text fits into one message."""
        return len(text.encode()) <= self.max_bytes and len(text) <= (self.max_characters or len(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One message of several.

    Attributes:
        source: The piece of the text; the sources of all parts joined are the text.
        shown: What to send: the source, and where a code block had to be cut, its fence closed and opened again.
    """

    source: str
    shown: str


def parts(text: str, limit: Limit) -> list[Part]:
    """Cut a text into messages within the limit.

    Paragraph ends are preferred, then line ends, sentence ends, commas and spaces. A cut is never inside a
    character (a code point, an emoji of several, a letter with its marks), a link, a tag, bold words, a citation
    mark or between it and its sentence, unless that alone is longer than a message; then it is cut between code
    points. A code block is kept whole where it fits.

    Returns:
        At least one part, for an empty text one empty part.

    Raises:
        ValueError: The limit is below 64 bytes or 32 characters.
    """
    if limit.max_bytes < 64 or (limit.max_characters or 32) < 32:
        raise ValueError("a message must hold 64 bytes and 32 characters")
    if limit.holds(text):
        return [Part(source=text, shown=text)]
    fences = [_Fence.of(match) for match in _FENCE.finditer(text)]
    ranks = _ranks(text, [fence for fence in fences if limit.holds(text[fence.start : fence.end])])
    return [_part(text, start, end, fences) for start, end in _ranges(text, ranks, _tightened(limit, fences))]


def split(text: str, limit: Limit) -> list[str]:
    """Return what to send for `parts`."""
    return [part.shown for part in parts(text, limit)]


def numbered(text: str, limit: Limit) -> list[str]:
    """Return what to send, each message headed `(1/3)` when there is more than one."""
    if limit.holds(text):
        return [text]
    room = len("(999/999)\n")
    characters = limit.max_characters - room if limit.max_characters else None
    shown = split(text, Limit(max_bytes=limit.max_bytes - room, max_characters=characters))
    return [f"({index}/{len(shown)})\n{part}" for index, part in enumerate(shown, start=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fence:
    start: int
    end: int
    opening: str
    closing: str

    @classmethod
    def of(cls, match: re.Match[str]) -> _Fence:
        first = match[0].split("\n", 1)[0]
        opening = first if len(first.encode()) <= 20 else match["mark"][:16]
        return cls(start=match.start(), end=match.end(), opening=opening, closing=match["mark"][:16])


def _tightened(limit: Limit, fences: list[_Fence]) -> Limit:
    """Leave room for closing and opening a block again, where there is one."""
    if not fences:
        return limit
    room = max(len(f"{fence.opening}\n\n{fence.closing}".encode()) for fence in fences)
    characters = limit.max_characters - room if limit.max_characters else None
    return Limit(max_bytes=limit.max_bytes - room, max_characters=characters)


def _part(text: str, start: int, end: int, fences: list[_Fence]) -> Part:
    source = text[start:end]
    before = next((f"{fence.opening}\n" for fence in fences if fence.start < start < fence.end), "")
    after = next((fence.closing for fence in fences if fence.start < end < fence.end), "")
    if after and not source.endswith("\n"):
        after = f"\n{after}"
    return Part(source=source, shown=f"{before}{source}{after}")


def _ranks(text: str, whole_blocks: list[_Fence]) -> list[int]:
    """How good a cut is before each code point; index 0 is unused."""
    ranks = [_HARD] * (len(text) + 1)
    for rank, pattern in reversed(_ENDS):
        for match in pattern.finditer(text):
            ranks[match.end()] = rank
    for start, end in _characters(text):
        ranks[start + 1 : end] = [_GLUED] * (end - start - 1)
    for match in _WHOLE.finditer(text):
        follows = re.match(_CITATION, match[0]) and text[match.start() - 1 : match.start()] not in ("", "\n")
        first = match.start() + (0 if follows else 1)
        ranks[first : match.end()] = [_GLUED] * (match.end() - first)
    for fence in whole_blocks:
        ranks[fence.start + 1 : fence.end] = [_GLUED] * (fence.end - fence.start - 1)
    return ranks


def _characters(text: str) -> Iterator[tuple[int, int]]:
    """Yield the ranges of what a reader sees as one character, where it is more than one code point."""
    start, flags = 0, 0
    for index in range(1, len(text) + 1):
        flags = flags + 1 if _is_flag_letter(text[index - 1]) else 0
        if index < len(text) and _continues(text[index - 1], text[index], flags):
            continue
        if index - start > 1:
            yield start, index
        start = index


def _continues(last: str, char: str, flags: int) -> bool:
    if last == _JOINER or char == _JOINER or (last == "\r" and char == "\n"):
        return True
    if _is_flag_letter(char):
        return flags % 2 == 1
    is_modifier = "\U0001f3fb" <= char <= "\U0001f3ff" or "\U000e0020" <= char <= "\U000e007f"
    return is_modifier or (ord(char) >= 0x300 and unicodedata.category(char)[0] == "M")


def _is_flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _ranges(text: str, ranks: list[int], limit: Limit) -> Iterator[tuple[int, int]]:
    sizes = [0, *accumulate(len(char.encode()) for char in text)]
    start = 0
    while start < len(text):
        end = bisect_right(sizes, sizes[start] + limit.max_bytes) - 1
        if limit.max_characters:
            end = min(end, start + limit.max_characters)
        end = end if end >= len(text) else _best_cut(ranks, start, end)
        yield start, end
        start = end


def _best_cut(ranks: list[int], start: int, end: int) -> int:
    """The last cut of the best kind that leaves the part well filled, else the last one that is allowed at all."""
    filled = start + int((end - start) * _WELL_FILLED)
    for rank in (4, 3, 2, 1, _HARD):
        for cut in range(end, max(filled, start), -1):
            if ranks[cut] >= rank:
                return cut
    return next((cut for cut in range(end, start, -1) if ranks[cut] > _GLUED), end)
