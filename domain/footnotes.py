"""The numbers that a reader sees behind each sentence, and what stands under each number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.sources import Citation, SourceKind
from domain.suggestions import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Footnote:
    """What one number stands for: a quoted span, or the fields of one war case that a sentence rests on together."""

    number: int
    citations: tuple[Citation, ...]

    @property
    def first(self) -> Citation:
        """The citation that says where all of them are from."""
        return self.citations[0]

    @property
    def source_id(self) -> str:
        """The one source's id, or the case's where several of its fields are quoted."""
        return self.first.source_id if len(self.citations) == 1 else _document(self.first)

    @property
    def quotes(self) -> tuple[str, ...]:
        """The quoted words, each once; a title is not repeated beneath itself."""
        found = tuple(dict.fromkeys(each.quote for each in self.citations))
        return tuple(quote for quote in found if quote != self.first.title) or found

    @property
    def quoted(self) -> str:
        """The quoted words in quotation marks."""
        return "".join(f"“{quote}”" for quote in self.quotes)


class Footnotes:
    """Numbers sources in the order in which a reader meets them; what was cited before keeps its number."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[tuple[str, int, int, int], ...], Footnote] = {}

    def numbers(self, claim: Claim) -> list[int]:
        """Return the numbers to show behind a sentence."""
        return [self._number(cited) for cited in _together(claim.citations)]

    @property
    def notes(self) -> list[Footnote]:
        """What stands under the numbers so far, from 1 on."""
        return list(self._numbers.values())

    def _number(self, cited: Sequence[Citation]) -> int:
        key = tuple((each.source_id, each.version, each.start, each.end) for each in cited)
        made = Footnote(number=len(self._numbers) + 1, citations=tuple(cited))
        return self._numbers.setdefault(key, made).number


def marks(numbers: Sequence[int]) -> str:
    """Write numbers as marks, e.g. [1][3]."""
    return "".join(f"[{number}]" for number in numbers)


def _together(citations: Sequence[Citation]) -> list[list[Citation]]:
    """Group a sentence's citations: those from fields of the same case are one, every other stands alone."""
    groups: dict[object, list[Citation]] = {}
    for each in dict.fromkeys(citations):
        key = _document(each) if each.source_kind is SourceKind.CASE else each
        groups.setdefault(key, []).append(each)
    return list(groups.values())


def _document(citation: Citation) -> str:
    """The id of the case that a field is of: `case:<id>:<field>` without its field."""
    return citation.source_id.rpartition(":")[0]
