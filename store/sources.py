"""Sources: citable texts, versioned; a version never changes except in status, erasure empties it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import delete, func, select, tuple_, update

from domain.errors import NotFoundError
from domain.sources import Citation, Source, SourceKind, SourceStatus, content_hash
from store.canonical import storable
from store.corpus import Corpus
from store.scope import Repository
from store.tables import PassageRow, SourceRow

Item = TypeVar("Item")

_BATCH = 400
"""Source ids per query: below the number of parameters that old SQLite builds accept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDraft:
    """A text about to become a source version; times in milliseconds where it was spoken."""

    source_id: str
    kind: SourceKind
    title: str
    text: str
    start_ms: int | None = None
    end_ms: int | None = None
    speaker: str | None = None


class Sources(Repository):
    """The sources of one tenant."""

    async def get(self, source_id: str, version: int | None = None) -> Source | None:
        """Return one version, the latest when none is named, whatever its status; None if there is none."""
        wanted = SourceRow.is_latest if version is None else SourceRow.version == version
        row = await self._session.scalar(select(SourceRow).where(SourceRow.source_id == source_id, wanted))
        return None if row is None else _source(row)

    async def get_many(self, source_ids: Iterable[str]) -> dict[str, Source]:
        """Return the latest version of each id that exists, in the order asked for."""
        ids = list(dict.fromkeys(source_ids))
        found: dict[str, Source] = {}
        for batch in _batches(ids):
            rows = await self._session.scalars(
                select(SourceRow).where(SourceRow.source_id.in_(batch), SourceRow.is_latest)
            )
            found |= {row.source_id: _source(row) for row in rows}
        return {source_id: found[source_id] for source_id in ids if source_id in found}

    async def cited(self, citations: Iterable[Citation]) -> dict[tuple[str, int], Source]:
        """Return the very versions that the citations name, by (source id, version)."""
        keys = list(dict.fromkeys((citation.source_id, citation.version) for citation in citations))
        found: dict[tuple[str, int], Source] = {}
        for batch in _batches(keys):
            rows = await self._session.scalars(
                select(SourceRow).where(tuple_(SourceRow.source_id, SourceRow.version).in_(batch))
            )
            found |= {(row.source_id, row.version): _source(row) for row in rows}
        return found

    async def under(self, prefix: str) -> list[Source]:
        """Return the latest version of every source whose id starts with the prefix, in order of id."""
        statement = (
            select(SourceRow)
            .where(SourceRow.source_id.startswith(prefix, autoescape=True), SourceRow.is_latest)
            .order_by(SourceRow.source_id)
        )
        return [_source(row) for row in await self._session.scalars(statement)]

    async def put(
        self,
        source_id: str,
        *,
        kind: SourceKind,
        title: str,
        text: str,
        start_ms: int | None = None,
        end_ms: int | None = None,
        speaker: str | None = None,
    ) -> Source:
        """Store a text; a new version only when the text changed, the old one becomes superseded.

        A retired source whose text comes back is a new live version; an erased one likewise, since
        whether a text may come back is decided by its owner, not here.
        """
        draft = SourceDraft(
            source_id=source_id, kind=kind, title=title, text=text, start_ms=start_ms, end_ms=end_ms, speaker=speaker
        )
        return (await self.put_many([draft]))[0]

    async def put_many(self, drafts: Sequence[SourceDraft]) -> list[Source]:
        """Store texts under distinct ids as `put` does, in a few statements; results in the order given."""
        latest = await self.get_many(draft.source_id for draft in drafts)
        stored = [_unchanged(draft, latest.get(draft.source_id)) or self._next(draft, latest) for draft in drafts]
        fresh = [source for source in stored if source is not latest.get(source.source_id)]
        await self._supersede([source.source_id for source in fresh if source.source_id in latest])
        await self._insert(SourceRow, [self._values(source) for source in fresh])
        return stored

    async def retire(self, source_id: str) -> None:
        """Take a source out of use; its text stays for those who cited it.

        Raises:
            NotFoundError: There is no such source.
        """
        await self.retire_many([await self._known(source_id)])

    async def retire_many(self, source_ids: Sequence[str]) -> int:
        """Take live sources out of use and say how many were."""
        total = 0
        for batch in _batches(source_ids):
            statement = (
                update(SourceRow)
                .where(SourceRow.source_id.in_(batch), SourceRow.status == SourceStatus.LIVE)
                .values(status=SourceStatus.RETIRED, ended_at=self._now())
            )
            total += await self._changed(statement)
            await self._withdraw_passages(batch)
        return total

    async def erase(self, source_id: str) -> None:
        """Empty every version of a source and its passages; ids, hashes and a tombstone stay.

        Raises:
            NotFoundError: There is no such source.
        """
        await self.erase_many([await self._known(source_id)])

    async def erase_many(self, source_ids: Sequence[str]) -> int:
        """Empty every version of the sources and their passages; say how many versions held a text."""
        total = 0
        for batch in _batches(source_ids):
            await self._withdraw_passages(batch)
            statement = (
                update(SourceRow)
                .where(SourceRow.source_id.in_(batch), SourceRow.status != SourceStatus.ERASED)
                .values(status=SourceStatus.ERASED, text="", title="", speaker=None, ended_at=self._now())
            )
            total += await self._changed(statement)
        return total

    async def count(self) -> dict[str, int]:
        """Return how many versions there are by status."""
        rows = await self._session.execute(
            select(SourceRow.status, func.count().label("versions")).group_by(SourceRow.status)
        )
        return {row.status: row.versions for row in rows}

    async def _known(self, source_id: str) -> str:
        if await self.get(source_id) is None:
            raise NotFoundError("store.no_source", source_id=source_id)
        return source_id

    async def _withdraw_passages(self, source_ids: Sequence[str]) -> None:
        """What is out of use is not found any more, from the very same transaction on."""
        if await self._changed(delete(PassageRow).where(PassageRow.source_id.in_(source_ids))):
            await Corpus(self._scope).grow()

    async def _supersede(self, source_ids: Sequence[str]) -> None:
        for batch in _batches(source_ids):
            old = (SourceRow.source_id.in_(batch), SourceRow.is_latest)
            live = (*old, SourceRow.status == SourceStatus.LIVE)
            ended = {"status": SourceStatus.SUPERSEDED, "ended_at": self._now()}
            await self._session.execute(update(SourceRow).where(*live).values(ended))
            await self._session.execute(update(SourceRow).where(*old).values(is_latest=False))

    def _next(self, draft: SourceDraft, latest: dict[str, Source]) -> Source:
        before = latest.get(draft.source_id)
        return Source(
            source_id=draft.source_id,
            version=before.version + 1 if before else 1,
            kind=draft.kind,
            title=draft.title,
            text=draft.text,
            content_hash=content_hash(storable(draft.text)),
            start_ms=draft.start_ms,
            end_ms=draft.end_ms,
            speaker=draft.speaker,
        )

    def _values(self, source: Source) -> dict[str, Any]:
        return {
            "source_id": source.source_id,
            "version": source.version,
            "is_latest": True,
            "kind": source.kind,
            "title": source.title,
            "text": source.text,
            "content_hash": source.content_hash,
            "status": source.status,
            "start_ms": source.start_ms,
            "end_ms": source.end_ms,
            "speaker": source.speaker,
            "created_at": self._now(),
            "ended_at": None,
        }


def _unchanged(draft: SourceDraft, latest: Source | None) -> Source | None:
    """The latest version, if it still says what the draft says."""
    same = latest is not None and latest.status is SourceStatus.LIVE and latest.text == draft.text
    return latest if same else None


def _source(row: SourceRow) -> Source:
    return Source(
        source_id=row.source_id,
        version=row.version,
        kind=SourceKind(row.kind),
        title=row.title,
        text=row.text,
        content_hash=row.content_hash,
        status=SourceStatus(row.status),
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        speaker=row.speaker,
    )


def _batches(items: Sequence[Item]) -> list[Sequence[Item]]:
    return [items[at : at + _BATCH] for at in range(0, len(items), _BATCH)]
