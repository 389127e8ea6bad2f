"""What a question asks: aspects, names, what it takes for granted, and whether it is about here or the base."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from agent.names import Name, find_names
from domain.cases import Outcome
from domain.lexicon import Lexicon
from language.quantities import Dimension, Quantity, quantities
from language.quantity_units import any_of, units
from language.tagging import tagged

_DIMENSIONS = {
    "money": (Dimension.MONEY, Dimension.NUMBER),
    "duration": (Dimension.DURATION,),
    "length": (Dimension.DURATION, Dimension.COUNT),
    "share": (Dimension.PERCENT, Dimension.MULTIPLE, Dimension.DISCOUNT, Dimension.POINTS, Dimension.DURATION),
    "count": (Dimension.COUNT, Dimension.NUMBER),
}
_MEASURES = (Dimension.MONEY, Dimension.NUMBER, Dimension.DURATION, Dimension.PERCENT, Dimension.COUNT)
_TOPICS = frozenset({"数据", "合同", "条款", "时间", "产品", "系统"})
"""Ordinary words that may still be part of what is looked for."""
_ASKED_KIND = re.compile(r"(?:什么|哪个|哪种|哪款|哪类|哪家|哪一种)(?:样的)?([一-鿿A-Za-z]{2,6})")
_UNIT_ASKED = re.compile(r"(?:多少|几)([一-鿿]{1,2}?)(?=[一-鿿]|[？?]|$)")
_ASKED = re.compile(r"多少|几|多久|多长|多大|多快|谁|什么|哪|怎么|怎样|如何|为什么|咋|啥|何时")


@dataclass(frozen=True, slots=True, kw_only=True)
class Aspect:
    """A kind of fact: where it stands, and what the answer must measure."""

    name: str
    columns: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    dimensions: tuple[Dimension, ...] = ()
    turns: str = ""
    stands_alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question, read by rules.

    Attributes:
        words: Content words that name what is asked about, everyday question words left out.
        focus: The word right before the question word: what the number or name is wanted of.
        taken_for_granted: Quantities that the question asserts.
        subject: What the question begins with, up to 那单, 的, 是不是 and the like: which case is meant.
        unit: The classifier asked for (多少条 → 条); empty if none is.
        across_words: Character pairs that only arise where two words meet.
        outcome: How the question says the deal ended, if it says so.
        is_here: About the deal or talk at hand rather than the case base.
        is_list: About several cases.
    """

    text: str
    aspects: tuple[Aspect, ...]
    words: tuple[str, ...]
    focus: str
    subject: str
    unit: str
    across_words: frozenset[str]
    names: tuple[Name, ...]
    taken_for_granted: tuple[Quantity, ...]
    outcome: Outcome | None
    is_here: bool
    is_list: bool
    is_compare: bool
    is_yes_no: bool

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """What the answer must measure: what is asked for, or what a yes-no question puts forward."""
        asked = tuple(dimension for aspect in self.aspects for dimension in aspect.dimensions)
        if self.aspects or not self.is_yes_no:
            return asked
        return tuple(one.dimension for one in self.taken_for_granted if one.dimension in _MEASURES)

    def wants(self, name: str) -> bool:
        """Whether the question asks for this aspect."""
        return any(aspect.name == name for aspect in self.aspects)


def read_question(text: str, *, lexicon: Lexicon = ()) -> Question:
    """Read a question; rules and word lists are in `question_words.toml`."""
    rules = _rules()
    won, lost = rules.won.search(text), rules.lost.search(text)
    return Question(
        text=text,
        aspects=_aspects(text),
        words=subject_words(text),
        focus=_focus(text),
        subject=_subject(text),
        unit=_unit(text),
        across_words=_across_words(text),
        names=tuple(find_names(text, lexicon=lexicon)),
        taken_for_granted=tuple(quantity for quantity in quantities(text) if not quantity.is_article),
        outcome=Outcome.LOST if lost and not won else Outcome.WON if won and not lost else None,
        is_here=rules.here.search(text) is not None,
        is_list=rules.list.search(text) is not None,
        is_compare=rules.compare.search(text) is not None,
        is_yes_no=rules.yes_no.search(text) is not None,
    )


def _aspects(text: str) -> tuple[Aspect, ...]:
    """Return the aspects asked for; how to say something is asked alone, whatever the customer's words touch."""
    found = tuple(aspect for pattern, aspect in _rules().aspects if pattern.search(text))
    alone = tuple(aspect for aspect in found if aspect.stands_alone)
    return alone or found


def subject_words(text: str) -> tuple[str, ...]:
    """Return the words that name what a text is about; quantities and everyday question words left out."""
    spans = [(quantity.start, quantity.end) for quantity in quantities(text)]
    ordinary = _rules().ordinary
    words = [
        word.text
        for word in tagged(text)
        if (word.tag[0] in "nvaijlzxt" or word.tag == "eng" or not word.is_known)
        and word.text not in ordinary
        and re.search(r"\w", word.text)
        and not any(start <= word.start < end for start, end in spans)
        and (len(word.text) > 1 or word.tag[0] == "n")
    ]
    return tuple(dict.fromkeys(words))


@lru_cache(maxsize=4096)
def subject_pairs(text: str) -> tuple[str, ...]:
    """Return the character pairs of what a text is about; unlike words they do not hang on segmentation."""
    rules = _rules()
    plain = list(text.lower())
    for quantity in quantities(text):
        if not rules.kept_quantity.search(quantity.text):
            plain[quantity.start : quantity.end] = " " * (quantity.end - quantity.start)
    bare = rules.everyday.sub(" ", "".join(plain))
    runs = re.findall(r"[a-z0-9]+|[一-鿿]+", bare)
    pairs = [pair for run in runs for pair in _pairs(run)]
    return tuple(dict.fromkeys(pairs))


def _pairs(run: str) -> list[str]:
    return [run] if run.isascii() else [run[at : at + 2] for at in range(len(run) - 1)]


def same_meaning(word: str) -> tuple[str, ...]:
    """Return the word and the words that the list of synonyms puts beside it."""
    return (word, *_rules().synonyms.get(word, ()))


def _subject(text: str) -> str:
    match = _rules().subject.search(text)
    return match.group(1) if match else ""


def _unit(text: str) -> str:
    match = _UNIT_ASKED.search(text)
    return match.group(1) if match and match.group(1) in units().classifiers else ""


def _across_words(text: str) -> frozenset[str]:
    inside = {word.text[at : at + 2] for word in tagged(text) for at in range(len(word.text) - 1)}
    return frozenset(subject_pairs(text)) - {pair.lower() for pair in inside}


def _focus(text: str) -> str:
    asked = _ASKED.search(text)
    if asked is None:
        return ""
    kind = _ASKED_KIND.search(text)
    after = subject_words(kind.group(1))[:1] if kind else ()
    before = subject_words(text[: asked.start()])
    thing = after[0] if after else before[-1] if before else ""
    return (
        thing
        if any(word.tag[0] == "n" or word.tag in ("vn", "an") or not word.is_known for word in tagged(thing))
        else ""
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    aspects: tuple[tuple[re.Pattern[str], Aspect], ...]
    here: re.Pattern[str]
    list: re.Pattern[str]
    compare: re.Pattern[str]
    yes_no: re.Pattern[str]
    won: re.Pattern[str]
    lost: re.Pattern[str]
    ordinary: frozenset[str]
    everyday: re.Pattern[str]
    kept_quantity: re.Pattern[str]
    subject: re.Pattern[str]
    synonyms: Mapping[str, tuple[str, ...]]


@cache
def _rules() -> _Rules:
    table = tomllib.loads((files("agent") / "question_words.toml").read_text(encoding="utf-8"))
    groups = [tuple(group["words"]) for group in table["synonyms"]]
    return _Rules(
        aspects=tuple((re.compile("|".join(row["cues"])), _aspect(row)) for row in table["aspect"]),
        here=re.compile(table["scope"]["here"]),
        list=re.compile(table["scope"]["list"]),
        compare=re.compile(table["scope"]["compare"]),
        yes_no=re.compile(table["scope"]["yes_no"]),
        won=re.compile(table["outcome"]["won"]),
        lost=re.compile(table["outcome"]["lost"]),
        ordinary=frozenset(table["ordinary"]["words"]),
        everyday=re.compile(
            any_of(word for word in table["ordinary"]["words"] if len(word) > 1 and word not in _TOPICS)
            + "|["
            + table["ordinary"]["particles"]
            + "]"
        ),
        kept_quantity=re.compile(table["ordinary"]["kept_quantities"]),
        subject=re.compile(
            rf"^(?:关于|请问|问下|想问|说说|介绍(?:一)?下)?([^，,。？?]{{2,18}}?)(?:{table['scope']['subject_ends']})"
        ),
        synonyms={word: group for group in groups for word in group},
    )


def _aspect(row: Mapping[str, Any]) -> Aspect:
    return Aspect(
        name=row["name"],
        columns=tuple(row["columns"]),
        fields=tuple(row.get("fields", ())),
        dimensions=_DIMENSIONS.get(row.get("dimension", ""), ()),
        turns=row.get("turns", ""),
        stands_alone=row.get("stands_alone", False),
    )
