"""Passages: what retrieval finds, kept with the source versions they are spans of, and their vectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, update

from domain.cases import Passage
from store.corpus import Corpus
from store.scope import Repository
from store.tables import PassageRow, PassageVectorRow

_BATCH = 400
"""Ids per statement: below the number of parameters that old SQLite builds accept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageGroup:
    """Everything that is found under one id: a case's passages, or a document's.

    Attributes:
        id: The case id, or the source id of a document.
        facets: Column → values; kept with the first passage.
    """

    id: str
    passages: tuple[Passage, ...]
    facets: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupState:
    """What tells whether a group is still the one that was read: its passages and the newest of them."""

    passages: int
    corpus_version: int


class Passages(Repository):
    """The passages of one tenant."""

    async def replace(self, groups: Sequence[PassageGroup]) -> None:
        """Make these the groups' passages and raise the corpus version once, if anything changed.

        A passage that stays keeps its row and so its vectors; a group without passages is withdrawn.
        """
        stored = await self._stored([group.id for group in groups])
        wanted = {
            passage.id: _values(passage, group.facets if place == 0 else {})
            for group in groups
            for place, passage in enumerate(group.passages)
        }
        gone = [passage_id for passage_id in stored if passage_id not in wanted]
        fresh = [values for passage_id, values in wanted.items() if passage_id not in stored]
        changed = [
            values
            for passage_id, values in wanted.items()
            if passage_id in stored and stored[passage_id] != values["facets"]
        ]
        if not (gone or fresh or changed):
            return
        for batch in _batches(gone):
            await self._session.execute(delete(PassageRow).where(PassageRow.passage_id.in_(batch)))
        # As late as it can be: every other writer of the tenant waits from here to the end of the transaction.
        version = await Corpus(self._scope).grow()
        await self._insert(PassageRow, [values | {"corpus_version": version} for values in fresh])
        for values in changed:
            where = PassageRow.passage_id == values["passage_id"]
            facets = {"facets": values["facets"], "corpus_version": version}
            await self._session.execute(update(PassageRow).where(where).values(facets))

    async def groups(self) -> dict[str, GroupState]:
        """Return every group's state, for whoever keeps a copy of the passages."""
        group = func.coalesce(PassageRow.case_id, PassageRow.source_id).label("group_id")
        statement = select(
            group, func.count().label("passages"), func.max(PassageRow.corpus_version).label("newest")
        ).group_by(group)
        rows = await self._session.execute(statement)
        return {row.group_id: GroupState(passages=row.passages, corpus_version=row.newest) for row in rows}

    async def load(self, group_ids: Sequence[str]) -> list[PassageGroup]:
        """Return the groups that exist, in the order asked for; passages in no particular order."""
        found: dict[str, list[PassageRow]] = {}
        for batch in _batches(group_ids):
            rows = await self._session.scalars(select(PassageRow).where(_group().in_(batch)))
            for row in rows:
                found.setdefault(row.case_id or row.source_id, []).append(row)
        return [_passage_group(group_id, found[group_id]) for group_id in group_ids if group_id in found]

    async def vectors(self, encoder: str, passage_ids: Sequence[str]) -> dict[str, bytes]:
        """Return the vectors that this encoder made of these passages, little-endian float32."""
        found: dict[str, bytes] = {}
        for batch in _batches(passage_ids):
            columns = select(PassageVectorRow.passage_id, PassageVectorRow.vector)
            rows = await self._session.execute(
                columns.where(PassageVectorRow.passage_id.in_(batch), PassageVectorRow.encoder == encoder)
            )
            found |= {row.passage_id: row.vector for row in rows}
        return found

    async def keep_vectors(self, encoder: str, vectors: Mapping[str, bytes]) -> None:
        """Keep vectors of passages that still exist; ones that are there already stay."""
        for batch in _batches(list(vectors)):
            known = set(
                await self._session.scalars(select(PassageRow.passage_id).where(PassageRow.passage_id.in_(batch)))
            )
            known -= set(await self.vectors(encoder, list(known)))
            rows = [{"passage_id": key, "encoder": encoder, "vector": vectors[key]} for key in sorted(known)]
            await self._insert(PassageVectorRow, rows)

    async def _stored(self, group_ids: Sequence[str]) -> dict[str, Any]:
        """Passage id → facets of every passage of the groups."""
        stored: dict[str, Any] = {}
        for batch in _batches(group_ids):
            rows = await self._session.execute(
                select(PassageRow.passage_id, PassageRow.facets).where(_group().in_(batch))
            )
            stored |= {row.passage_id: row.facets for row in rows}
        return stored


def _group() -> Any:
    return func.coalesce(PassageRow.case_id, PassageRow.source_id)


def _values(passage: Passage, facets: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    return {
        "passage_id": passage.id,
        "source_id": passage.source_id,
        "version": passage.version,
        "case_id": passage.case_id,
        "column": passage.column,
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
        "facets": {column: list(values) for column, values in facets.items()},
    }


def _passage_group(group_id: str, rows: Sequence[PassageRow]) -> PassageGroup:
    facets = next((row.facets for row in rows if row.facets), {})
    return PassageGroup(id=group_id, passages=tuple(map(_passage, rows)), facets=facets)


def _passage(row: PassageRow) -> Passage:
    return Passage(
        id=row.passage_id,
        source_id=row.source_id,
        version=row.version,
        column=row.column,
        start=row.start,
        end=row.end,
        text=row.text,
        case_id=row.case_id,
    )


def _batches(items: Iterable[str]) -> list[list[str]]:
    every = list(items)
    return [every[at : at + _BATCH] for at in range(0, len(every), _BATCH)]
