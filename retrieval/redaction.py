"""Masking on the way in: customer people's names, numbers and addresses; companies and our own reps stay.

Each character becomes ＊, so offsets and lengths hold.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from domain.cases import WarCase
from language.pii import MASK, find_pii
from language.tagging import dictionary_words, frequency, tag_of

NAME = "name"
"""The kind of what is masked besides those of `language.pii.PiiKind`."""

TEXT_COLUMNS: tuple[str, ...] = (
    "title",
    "customer_question",
    "background",
    "blocker",
    "turning_point",
    "talk_track",
    "evidence",
    "result",
    "contract_terms",
)
"""Columns that tell a story and may name people; the others are words of ours."""

_HAN = r"[\u4e00-\u9fff]"
# Parts of speech that a person's given name is not made of: verbs, adverbs, pronouns, numbers, particles.
_NO_GIVEN_NAME = tuple("vdpcrfmqu")
_NO_NAME = (*_NO_GIVEN_NAME, "n", "b", "j", "l", "t", "s", "a")


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """A text without personal data, and how much of which kind was masked in it."""

    text: str
    masked: Mapping[str, int]


def redact(text: str, *, keep: Collection[str] = ()) -> Redaction:
    """Mask the personal data and people's names of a text.

    Args:
        text: Any text.
        keep: Names that stay, of our own reps.
    """
    characters, masked = list(text), Counter[str]()
    spans = [(span.start, span.end, span.kind.value) for span in find_pii(text)]
    taken = [(start, end) for start, end, _ in spans]
    for start, end in _names(text):
        is_ours = any(name and text[start:end] in name for name in keep)
        if not is_ours and all(end <= left or right <= start for left, right in taken):
            spans.append((start, end, NAME))
            taken.append((start, end))
    for start, end, kind in spans:
        characters[start:end] = MASK * (end - start)
        masked[kind] += 1
    return Redaction(text="".join(characters), masked=masked)


def redact_case(case: WarCase, *, keep: Collection[str] = ()) -> tuple[WarCase, dict[str, Mapping[str, int]]]:
    """Mask a case's texts and return it with what was masked: column → kind → count."""
    names = {*keep, case.rep}
    redacted = {column: redact(getattr(case, column), keep=names) for column in TEXT_COLUMNS}
    report = {column: one.masked for column, one in redacted.items() if one.masked}
    changed = {column: redacted[column].text for column in report}
    return (replace(case, **changed) if changed else case), report  # type: ignore[arg-type]  # text columns only


def _names(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of people's names, the surest first."""
    rules = _rules()
    word_starts = {start for start, _ in dictionary_words(text)}
    for pattern in (rules.before_title, rules.after_role):
        at = 0
        while match := pattern.search(text, at):
            start, end = match.span("name")
            if start in word_starts and _is_name(match["surname"], match["given"]):
                yield start, end
                at = end
            else:
                at = match.start() + 1
    for match in rules.surname_and_title.finditer(text):
        if match.start("name") in word_starts:
            yield match.span("name")


def _is_name(surname: str, given: str) -> bool:
    """Whether these characters can be a name and are not the beginning of an everyday word."""
    whole = surname + given
    if _is_word(whole, _NO_NAME) or (len(given) > 1 and _is_word(given, _NO_GIVEN_NAME)):
        return False
    return len(surname) > 1 or not (len(given) > 1 and _is_word(whole[:2], (*_NO_NAME, "ns")))


def _is_word(text: str, tags: tuple[str, ...]) -> bool:
    """Whether the dictionary has the text as one of these parts of speech and not as a person's name."""
    tag = tag_of(text)
    return frequency(text) > 0 and not tag.startswith("nr") and tag.startswith(tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    before_title: re.Pattern[str]
    after_role: re.Pattern[str]
    surname_and_title: re.Pattern[str]


@cache
def _rules() -> _Rules:
    table = tomllib.loads((files("retrieval") / "redaction.toml").read_text(encoding="utf-8"))
    surname = f"(?P<surname>{'|'.join(table['compound_surnames'])}|[{table['surnames']}])"
    titles, roles, followers = (_any(table[name]) for name in ("titles", "roles", "followers"))
    # 总, 工 and 董 follow a surname only. A short given name is tried first: 李明说 is 李明 speaking.
    long_titles = _any([title for title in table["titles"] if len(title) > 1])
    name = rf"(?P<name>{surname}(?P<given>(?![总副大老小]){_HAN}{{1,2}}?))"
    return _Rules(
        before_title=re.compile(rf"{name}(?={long_titles})"),
        after_role=re.compile(rf"(?:{roles})[是为叫：:\s“（(]{{0,2}}{name}(?=$|[^\u4e00-\u9fff]|{followers})"),
        surname_and_title=re.compile(
            rf"(?:^|(?<=[^\u4e00-\u9fff0-9])|(?<=[{table['leaders']}]))(?P<name>{surname})(?={titles})"
        ),
    )


def _any(words: list[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))
