"""A tenant's own words: names of products, competitors, people and places with their forms, and terms for labels."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LexiconKind(StrEnum):
    """What a lexicon entry stands for: a name, or (`term`) a label whose aliases are the words that mean it."""

    COMPETITOR = "competitor"
    PRODUCT = "product"
    PERSON = "person"
    PLACE = "place"
    TERM = "term"


@dataclass(frozen=True, slots=True, kw_only=True)
class LexiconEntry:
    """One canonical name and the other forms it is said or written in."""

    name: str
    aliases: tuple[str, ...] = ()
    kind: LexiconKind = LexiconKind.PRODUCT

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("a lexicon name must not be empty")

    @property
    def forms(self) -> tuple[str, ...]:
        """The name and its aliases, the name first."""
        return (self.name, *self.aliases)


Lexicon = tuple[LexiconEntry, ...]


def names_of(lexicon: Lexicon) -> Lexicon:
    """Return the entries that are names; a term's words are no names to listen for or to look up."""
    return tuple(entry for entry in lexicon if entry.kind is not LexiconKind.TERM)
