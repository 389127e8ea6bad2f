"""What an index backend does: it takes groups of passages and gives the candidates for a query with raw scores.

A group is what a hit counts: a case, or a document. Fusion is not the backend's business, so every
backend ranks alike where its scores are alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from domain.cases import Passage
from retrieval.query import Query

Floats = NDArray[np.float32]
Facets = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A case or document: its passages in order, their vectors, and the facet values it is filtered by.

    Attributes:
        vectors: float32 (len(passages), dimension), each of length 1.
        state: Names what the group is at this moment; another state, another content.
    """

    id: str
    passages: tuple[Passage, ...]
    vectors: Floats
    facets: Facets
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Groups worth ranking, with every one of their passages scored. Empty where nothing passes the filter.

    Attributes:
        groups: Ids of the candidate groups, (g,).
        facets: Their facet values, (g,).
        group_of: Position in `groups` of each passage, non-decreasing, (m,); no group is without one.
        passages: Their passages, (m,).
        dense: Cosine with the query, (m,).
        lexical: BM25, (m,).
        lexical_share, sound_share: Share of what the query could score at most, in [0, 1], (m,).
        group_lexical_share, group_sound_share: The same over all passages of a group together, (g,).
        dense_mean, dense_spread: Of the cosines of the whole corpus with this query.
    """

    groups: tuple[str, ...]
    facets: tuple[Facets, ...]
    group_of: NDArray[np.int64]
    passages: tuple[Passage, ...]
    dense: Floats
    lexical: Floats
    lexical_share: Floats
    sound_share: Floats
    group_lexical_share: Floats
    group_sound_share: Floats
    dense_mean: float
    dense_spread: float


class PassageIndex(Protocol):
    """The passages of one tenant; safe to search from several threads while one thread changes it."""

    def put(self, groups: Sequence[Group]) -> None:
        """Replace each group by the one given; one without passages is withdrawn. The next search sees it."""
        ...

    def held(self) -> Mapping[str, str]:
        """Return what an earlier process left here and may be searched now: group id → state it was put with.

        Asked once, before the first change; a group that is not whole has the state `""`.
        """
        ...

    def candidates(self, query: Query, *, limit: int, facets: Facets) -> Candidates:
        """Return about `limit` groups of each channel that pass the filter, all their passages scored."""
        ...

    def facet_values(self, column: str) -> frozenset[str]:
        """Return the values that a facet column has now."""
        ...


def no_candidates() -> Candidates:
    """What a search finds where nothing passes the filter."""
    nothing = np.zeros(0, np.float32)
    return Candidates(
        groups=(),
        facets=(),
        group_of=np.zeros(0, np.int64),
        passages=(),
        dense=nothing,
        lexical=nothing,
        lexical_share=nothing,
        sound_share=nothing,
        group_lexical_share=nothing,
        group_sound_share=nothing,
        dense_mean=0.0,
        dense_spread=1.0,
    )
