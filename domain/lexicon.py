"""A tenant's own names: products, competitors, people and places, with the forms they are said in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LexiconKind(StrEnum):
    """What a lexicon name stands for."""

    COMPETITOR = "competitor"
    PRODUCT = "product"
    PERSON = "person"
    PLACE = "place"


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
