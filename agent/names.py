"""Names of companies, people, places and products in a text, by lexicon and by what names look like."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files

from domain.lexicon import Lexicon, LexiconKind, names_of
from language.tagging import Word, tagged

_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9+#&.-]*[A-Za-z0-9+#]|[A-Z]")
_GLUE = frozenset(
    {"n", "nr", "nrt", "nrfg", "ns", "nt", "nz", "ng", "eng", "b", "z", "j", "l", "x", "vn", "an", "s", "a"}
)
_LONGEST_NAME = 4
_LINKS = "和与跟比从向给被让对把及或找用选"
_PERSON_TAGS = frozenset({"nr", "nrt", "nrfg"})
_PROPER = frozenset({"nr", "nrt", "nrfg", "ns", "nt", "nz", "eng"})


class NameKind(StrEnum):
    """What carries the name."""

    COMPANY = "company"
    PERSON = "person"
    PLACE = "place"
    PRODUCT = "product"


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A name at `text[start:end]`; `core` is the part without 公司, 科技, 主任 and the like."""

    start: int
    end: int
    text: str
    kind: NameKind
    core: str


_LISTED_KINDS = {
    LexiconKind.PERSON: NameKind.PERSON,
    LexiconKind.PLACE: NameKind.PLACE,
    LexiconKind.PRODUCT: NameKind.PRODUCT,
}


@cache
def word_lists() -> Mapping[str, frozenset[str]]:
    """Load the word lists once."""
    table = tomllib.loads((files("agent") / "names.toml").read_text(encoding="utf-8"))
    lists = {name: frozenset(words) for name, words in table.items()}
    return lists | {"surnames": lists["surnames"] - lists["not_surnames_here"]}


def find_names(text: str, *, lexicon: Lexicon = ()) -> list[Name]:
    """Return the names of a text in order, without overlap; a lexicon's forms win, then longer names."""
    found = [*_listed(text, lexicon), *_patterned(text)]
    kept: list[Name] = []
    for name in sorted(found, key=lambda name: (name.start - name.end, name.start)):
        if not any(name.start < other.end and other.start < name.end for other in kept):
            kept.append(name)
    return sorted(kept, key=lambda name: name.start)


@lru_cache(maxsize=8192)
def _patterned(text: str) -> tuple[Name, ...]:
    words = tagged(text)
    return (*_organisations(text, words), *_titled_people(text, words), *_people(words), *_places(words), *_latin(text))


def _listed(text: str, lexicon: Lexicon) -> Iterator[Name]:
    for entry in names_of(lexicon):
        for form in entry.forms:
            for match in re.finditer(re.escape(form), text, re.IGNORECASE):
                kind = _LISTED_KINDS.get(entry.kind, NameKind.COMPANY)
                yield Name(start=match.start(), end=match.end(), text=match.group(), kind=kind, core=match.group())


def _organisations(text: str, words: tuple[Word, ...]) -> Iterator[Name]:
    suffixes = word_lists()["organisation_suffixes"]
    for place, word in enumerate(words):
        ending = next(
            (end for end in suffixes if word.text == end or (len(word.text) > 2 and word.text.endswith(end))), None
        )
        after = words[place + 1].text if place + 1 < len(words) else ""
        if ending is None or after in suffixes or after in word_lists()["not_followed_by"]:
            continue
        first = _first_word(words, place)
        start = words[first].start + _link_length(words[first])
        core = _core(text[start : word.end])
        if len(core) >= 2 and _names_somebody(words[first : place + 1], core):
            yield Name(start=start, end=word.end, text=text[start : word.end], kind=NameKind.COMPANY, core=core)


def _first_word(words: tuple[Word, ...], place: int) -> int:
    generic, first = word_lists()["generic"], place
    while first > 0 and place - first < _LONGEST_NAME:
        before = words[first - 1]
        adjoins_strong = (
            first == place and words[place].text in word_lists()["strong_suffixes"] and len(before.text) > 1
        )
        if before.text in generic or not before.text.isalnum() or not (before.tag in _GLUE or adjoins_strong):
            break
        first -= 1
    return first


def _link_length(word: Word) -> int:
    """A guessed word may have swallowed the 和 or 比 before the name."""
    return 1 if not word.is_known and len(word.text) > 2 and word.text[0] in _LINKS else 0


def _core(name: str) -> str:
    suffixes = sorted(word_lists()["organisation_suffixes"], key=len, reverse=True)
    core, shorter = name, ""
    while core != shorter:
        shorter = core
        for suffix in suffixes:
            if core.endswith(suffix) and len(core) > len(suffix):
                core = core.removesuffix(suffix)
                break
    return core


def _names_somebody(words: Iterable[Word], core: str) -> bool:
    """A name has a part that is no everyday word; before 科技 or 集团 any specific word is one."""
    lists = word_lists()
    *_, ending = words = tuple(words)
    parts = [word for word in words if word.text not in lists["generic"] and (word.text in core or core in word.text)]
    if any(ending.text.endswith(suffix) for suffix in lists["strong_suffixes"]) and len(words) > 1:
        return bool(parts)
    return any(word.tag in _PROPER or not word.is_known for word in parts)


def _titled_people(text: str, words: tuple[Word, ...]) -> Iterator[Name]:
    """王主任, 李总: a surname and a title that are not part of an everyday word such as 施工."""
    for match in _title_pattern().finditer(text):
        inside = [word for word in words if word.start <= match.start() < word.end]
        if inside and inside[0].is_known and len(inside[0].text) > 1 and inside[0].tag not in _PERSON_TAGS:
            continue
        yield Name(start=match.start(), end=match.end(), text=match.group(), kind=NameKind.PERSON, core=match.group())


@cache
def _title_pattern() -> re.Pattern[str]:
    lists = word_lists()
    titles = "|".join(sorted(lists["titles"], key=len, reverse=True))
    return re.compile(rf"[{''.join(sorted(lists['surnames']))}](?:{titles})")


def _people(words: tuple[Word, ...]) -> Iterator[Name]:
    surnames = word_lists()["surnames"]
    for place, word in enumerate(words):
        if word.text[0] == "费" and place and words[place - 1].end == word.start:
            continue  # 实施费能 is a fee, not somebody
        first = word.text[1:2] if word.text[0] in "小老阿" else word.text[0]
        if word.tag in _PERSON_TAGS and 2 <= len(word.text) <= 3 and first in surnames:
            yield Name(start=word.start, end=word.end, text=word.text, kind=NameKind.PERSON, core=word.text)


def _places(words: tuple[Word, ...]) -> Iterator[Name]:
    for word in words:
        if word.tag == "ns" and len(word.text) >= 2:
            yield Name(start=word.start, end=word.end, text=word.text, kind=NameKind.PLACE, core=word.text)


def _latin(text: str) -> Iterator[Name]:
    everyday = word_lists()["everyday_latin"]
    for match in _LATIN.finditer(text):
        if match.group().lower() not in everyday and len(match.group()) >= 2:
            yield Name(
                start=match.start(), end=match.end(), text=match.group(), kind=NameKind.PRODUCT, core=match.group()
            )
