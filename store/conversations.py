"""Conversations and their turns; each turn is also the source `turn:<conversation>:<turn>`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, select, tuple_, update

from domain.conversation import Transcript, Turn
from domain.errors import ConflictError, DeniedError, NotFoundError
from domain.sources import SourceKind, safe_part
from store.accounts import Revision
from store.additions import Added, Addition, Additions
from store.canonical import canonical, digest
from store.scope import Repository
from store.sources import Sources
from store.tables import AnalysisRow, ConversationRow, DrillRow, MomentCommentRow, ReportRow, TurnRow
from store.turns import turn_document, turn_draft, turn_values
from wire.documents import dump_transcript, read_transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSummary:
    """A conversation without its words, as lists show it."""

    conversation_id: str
    kind: str
    started_at: datetime | None
    account_id: str | None
    deal_id: str | None
    rep_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationFilter:
    """Which conversations a list holds; absent fields do not narrow it."""

    account_id: str | None = None
    deal_id: str | None = None
    rep_ids: tuple[str, ...] | None = None

    def criteria(self) -> list[ColumnElement[bool]]:
        """The conditions on the table."""
        row = ConversationRow
        wanted: list[ColumnElement[bool]] = [row.erased_at.is_(None)]
        if self.account_id is not None:
            wanted.append(row.account_id == self.account_id)
        if self.deal_id is not None:
            wanted.append(row.deal_id == self.deal_id)
        if self.rep_ids is not None:
            wanted.append(row.rep_id.in_(self.rep_ids))
        return wanted


class Conversations(Repository):
    """The conversations of one tenant."""

    async def put(self, transcript: Transcript) -> Transcript:
        """Store a transcript, replacing an earlier one of the same id; the same again changes nothing.

        Turns whose text changed get a new source version, turns that are gone are retired. Where
        who-said-what changed, the old analysis and report no longer fit and are dropped.

        Raises:
            ConflictError: Its id, or two of its turns' ids, differ from another only in characters
                that a source id cannot hold.
            DeniedError: The conversation was erased; it does not come back.
        """
        document = dump_transcript(transcript)
        row = await self._row(transcript.id)
        if row is not None and row.erased_at is not None:
            raise DeniedError("store.conversation_erased")
        if row is not None and row.content_hash == digest(canonical(document)):
            return transcript
        await self._refuse_lookalikes(transcript)
        words_hash = _words_hash(transcript)
        if row is not None and row.words_hash != words_hash:
            await self._drop_findings(transcript.id)
        await self._upsert(ConversationRow, ["conversation_id"], self._values(transcript, document, words_hash, row))
        await self._put_turns(transcript)
        await self._put_sources(transcript)
        return transcript

    async def get(self, conversation_id: str) -> Transcript | None:
        """Return a conversation as it was last put; None if there is none, or it was erased."""
        row = await self._row(conversation_id)
        if row is None or row.erased_at is not None:
            return None
        turns = await self._session.scalars(
            select(TurnRow).where(TurnRow.conversation_id == conversation_id).order_by(TurnRow.position)
        )
        return read_transcript({**row.document, "turns": [turn_document(turn) for turn in turns]})

    async def add(self, additions: Sequence[Addition]) -> list[Added | None]:
        """Add turns to conversations, edit or take them back; see `Additions.add`."""
        return await Additions(self._scope).add(additions)

    async def append(self, conversation_id: str, turns: Sequence[Turn]) -> list[str]:
        """Add turns at the end; return the ids of those that were new or changed.

        Raises:
            NotFoundError: There is no such conversation, or it was erased.
            ConflictError: A turn's id differs from another's only in characters that a source id cannot hold.
        """
        return (await self._one(Addition(conversation_id=conversation_id, turns=turns))).changed

    async def recall(self, conversation_id: str, turn_id: str) -> bool:
        """Take back a turn that its sender recalled, words and all; say whether it was there.

        Raises:
            NotFoundError: There is no such conversation, or it was erased.
        """
        return bool((await self._one(Addition(conversation_id=conversation_id, recalled=[turn_id]))).changed)

    async def revision(self, conversation_id: str) -> Revision | None:
        """Return how often a conversation changed; a draft made on an older one is out of date."""
        row = await self._row(conversation_id)
        return None if row is None else Revision(number=row.revision, updated_at=row.updated_at)

    async def summary(self, conversation_id: str) -> ConversationSummary | None:
        """Return what lists show of a conversation; None if there is none, or it was erased."""
        row = await self._row(conversation_id)
        return None if row is None or row.erased_at is not None else _summary(row)

    async def by_source_part(self, part: str) -> ConversationSummary | None:
        """Return the conversation that a turn's source id names; None if there is none, or it was erased."""
        row = ConversationRow
        found = await self._session.scalar(select(row).where(row.source_part == part, row.erased_at.is_(None)))
        return None if found is None else _summary(found)

    async def page(
        self, wanted: ConversationFilter, *, limit: int, before: tuple[datetime, str] | None = None
    ) -> list[ConversationSummary]:
        """Return conversations newest first; `before` is the last one seen, by creation and id."""
        row = ConversationRow
        statement = select(row).where(*wanted.criteria())
        if before is not None:
            statement = statement.where(tuple_(row.created_at, row.conversation_id) < before)
        newest_first = statement.order_by(row.created_at.desc(), row.conversation_id.desc()).limit(limit)
        return [_summary(each) for each in await self._session.scalars(newest_first)]

    async def erase(self, conversation_id: str) -> int:
        """Erase every word of a conversation; say how many source versions held one.

        The emptied row stays, so that a late redelivery does not bring the conversation back.
        """
        await self._drop_findings(conversation_id)
        for spoken in (TurnRow, MomentCommentRow, DrillRow):
            await self._session.execute(delete(spoken).where(spoken.conversation_id == conversation_id))
        emptied = {"document": {}, "content_hash": "", "words_hash": "", "erased_at": self._now()}
        row = ConversationRow
        await self._session.execute(update(row).where(row.conversation_id == conversation_id).values(emptied))
        sources = Sources(self._scope)
        return await sources.erase_many([source.source_id for source in await sources.under(_prefix(conversation_id))])

    async def _row(self, conversation_id: str) -> ConversationRow | None:
        return await self._session.scalar(
            select(ConversationRow).where(ConversationRow.conversation_id == conversation_id)
        )

    async def _refuse_lookalikes(self, transcript: Transcript) -> None:
        row = ConversationRow
        same_part = (row.source_part == safe_part(transcript.id), row.conversation_id != transcript.id)
        parts = {safe_part(turn.id) for turn in transcript.turns}
        if len(parts) < len(transcript.turns) or await self._session.scalar(
            select(row.conversation_id).where(*same_part)
        ):
            raise ConflictError("store.lookalike_id")

    async def _one(self, addition: Addition) -> Added:
        (added,) = await self.add([addition])
        if added is None:
            raise NotFoundError("store.no_conversation")
        return added

    async def _drop_findings(self, conversation_id: str) -> None:
        for row in (AnalysisRow, ReportRow):
            await self._session.execute(delete(row).where(row.conversation_id == conversation_id))

    async def _put_turns(self, transcript: Transcript) -> None:
        await self._session.execute(delete(TurnRow).where(TurnRow.conversation_id == transcript.id))
        turns = enumerate(transcript.turns)
        await self._insert(TurnRow, [{**turn_values(transcript.id, turn), "position": at} for at, turn in turns])

    async def _put_sources(self, transcript: Transcript) -> None:
        sources = Sources(self._scope)
        spoken = [turn for turn in transcript.turns if turn.text]
        kept = {
            source.source_id for source in await sources.put_many([turn_draft(transcript, turn) for turn in spoken])
        }
        known = await sources.under(_prefix(transcript.id))
        await sources.retire_many([source.source_id for source in known if source.source_id not in kept])

    def _values(
        self, transcript: Transcript, document: dict[str, Any], words_hash: str, row: ConversationRow | None
    ) -> dict[str, Any]:
        return {
            "conversation_id": transcript.id,
            "source_part": safe_part(transcript.id),
            "kind": transcript.kind,
            "content_hash": digest(canonical(document)),
            "words_hash": words_hash,
            "started_at": _aware(transcript.started_at),
            "account_id": transcript.account_id,
            "deal_id": transcript.deal_id,
            "rep_id": transcript.rep_id,
            "consent_status": transcript.consent.status,
            "consent_reference": transcript.consent.reference,
            "document": {key: value for key, value in document.items() if key != "turns"},
            "revision": row.revision + 1 if row else 1,
            "created_at": self._now(),
            "updated_at": self._now(),
        }


def _words_hash(transcript: Transcript) -> str:
    return digest(canonical([[turn.id, turn.speaker, turn.text] for turn in transcript.turns]))


def _prefix(conversation_id: str) -> str:
    return f"{SourceKind.TURN}:{safe_part(conversation_id)}:"


def _aware(instant: datetime | None) -> datetime | None:
    """A start without a zone sorts by the machine's own; the transcript keeps it as it was given."""
    return instant.astimezone() if instant is not None and instant.tzinfo is None else instant


def _summary(row: ConversationRow) -> ConversationSummary:
    return ConversationSummary(
        conversation_id=row.conversation_id,
        kind=row.kind,
        started_at=row.started_at,
        account_id=row.account_id,
        deal_id=row.deal_id,
        rep_id=row.rep_id,
        created_at=row.created_at,
    )
