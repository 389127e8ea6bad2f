"""Turns added to conversations, edited and taken back: many conversations at once, in a few statements.

What a message costs is mostly statements, so that many messages share them; the cost of one does not grow with the
length of its conversation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, func, select, tuple_, update

from domain.conversation import Transcript, Turn
from domain.sources import turn_source_id
from store.canonical import canonical, digest
from store.documents import Documents
from store.scope import Repository
from store.sources import Sources
from store.tables import AnalysisRow, ConversationRow, ReportRow, TurnRow
from store.turns import turn_draft, turn_values
from wire.documents import read_transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """Turns to add to a conversation or to edit, and ids of turns that their sender took back."""

    conversation_id: str
    turns: Sequence[Turn] = ()
    recalled: Sequence[str] = ()

    @property
    def turn_ids(self) -> list[tuple[str, str]]:
        """Every turn that is spoken of, by conversation and id."""
        named = [*(turn.id for turn in self.turns), *self.recalled]
        return [(self.conversation_id, turn_id) for turn_id in named]


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """Which turns were new, edited or taken back, and which revision the conversation has now."""

    changed: list[str]
    revision: int


@dataclass(slots=True, kw_only=True)
class _Talk:
    """A conversation whose row is held, as it moves on within the transaction."""

    head: Transcript
    revision: int
    words_hash: str
    length: int
    has_findings: bool
    words: dict[str, str] = field(default_factory=dict)
    has_moved: bool = False

    def move_on(self, change: list[list[str]]) -> None:
        """Its whole content is not hashed anew for one turn."""
        self.words_hash = digest(canonical([self.words_hash, change]))
        self.revision += 1
        self.has_moved = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What an addition changes: turns that are new or say something else, and ids to take back."""

    talk: _Talk
    turns: Sequence[Turn]
    recalled: Sequence[str]


class Additions(Repository):
    """Adds to the conversations of one tenant."""

    async def add(self, additions: Sequence[Addition]) -> list[Added | None]:
        """Add turns at the end of their conversations, edit those that are there, take back the recalled.

        A turn that is there already with the same words changes nothing; with other words it is an edit and its
        source gets a new version. What was found in a conversation that changed is dropped.

        Args:
            additions: In order; no turn is spoken of by two of them.

        Returns:
            What became of each; None where there is no such conversation, or it was erased.

        Raises:
            ConflictError: A turn's id differs from another's only in characters that a source id cannot hold.
        """
        talks = await self._held(sorted({each.conversation_id for each in additions}))
        await self._recollect(talks, additions)
        changes = [_changes(talks, each) for each in additions]
        await self._write([change for change in changes if change])
        added = [await self._moved_on(change) if change else None for change in changes]
        await self._keep_heads([talk for talk in talks.values() if talk.has_moved])
        return added

    async def _held(self, conversation_ids: Sequence[str]) -> dict[str, _Talk]:
        """Hold the rows until the transaction ends, so that turns stay in order; always in the order of their ids."""
        row = ConversationRow
        wanted = select(row).where(row.conversation_id.in_(conversation_ids), row.erased_at.is_(None))
        # Weaker than FOR UPDATE: rows that refer to a conversation may be written meanwhile.
        held = wanted.order_by(row.conversation_id).with_for_update(key_share=True)
        rows = {each.conversation_id: each for each in await self._session.scalars(held)}
        lengths = await self._lengths(list(rows)) if rows else {}
        return {name: _talk(each, *lengths[name]) for name, each in rows.items()}

    async def _lengths(self, conversation_ids: Sequence[str]) -> dict[str, tuple[int, bool]]:
        """How many places are taken, and whether anything was found in it; read after the rows are held."""
        row = ConversationRow
        last = select(func.max(TurnRow.position)).where(TurnRow.conversation_id == row.conversation_id)
        found = [
            select(kind.conversation_id).where(kind.conversation_id == row.conversation_id).exists()
            for kind in (AnalysisRow, ReportRow)
        ]
        wanted = select(row.conversation_id, last.scalar_subquery(), found[0] | found[1])
        rows = await self._session.execute(wanted.where(row.conversation_id.in_(conversation_ids)))
        return {name: (0 if place is None else place + 1, has_findings) for name, place, has_findings in rows}

    async def _recollect(self, talks: Mapping[str, _Talk], additions: Sequence[Addition]) -> None:
        """Learn which of the turns are there, and with which words."""
        asked = [key for each in additions if each.conversation_id in talks for key in each.turn_ids]
        if not asked:
            return
        row = TurnRow
        wanted = tuple_(row.conversation_id, row.turn_id).in_(asked)
        for each in await self._session.execute(select(row.conversation_id, row.turn_id, row.text).where(wanted)):
            talks[each.conversation_id].words[each.turn_id] = each.text

    async def _write(self, changes: Sequence[_Change]) -> None:
        """Write turns and their sources; new ones at the end, in the order given."""
        fresh = []
        for change in changes:
            for turn in change.turns:
                values = turn_values(change.talk.head.id, turn)
                if turn.id in change.talk.words:
                    await self._edit(values)
                else:
                    fresh.append({**values, "position": change.talk.length})
                    change.talk.length += 1
        await self._insert(TurnRow, fresh)
        for change in changes:
            change.talk.words |= {turn.id: turn.text for turn in change.turns}
        drafts = [turn_draft(change.talk.head, turn) for change in changes for turn in change.turns if turn.text]
        await Sources(self._scope).put_many(drafts)

    async def _edit(self, values: dict[str, Any]) -> None:
        row = TurnRow
        here = (row.conversation_id == values["conversation_id"], row.turn_id == values["turn_id"])
        await self._session.execute(update(row).where(*here).values(values))

    async def _moved_on(self, change: _Change) -> Added:
        back = await self._recall(change.talk, change.recalled)
        said = [[turn.id, turn.speaker, turn.text] for turn in change.turns]
        if said or back:
            change.talk.move_on([*said, *([turn_id] for turn_id in back)])
        return Added(changed=[turn.id for turn in change.turns] + back, revision=change.talk.revision)

    async def _recall(self, talk: _Talk, turn_ids: Sequence[str]) -> list[str]:
        """Take turns back, words and all; return those that were there."""
        back = [turn_id for turn_id in turn_ids if turn_id in talk.words]
        for turn_id in back:
            row = TurnRow
            await self._session.execute(delete(row).where(row.conversation_id == talk.head.id, row.turn_id == turn_id))
            await Sources(self._scope).erase_many([turn_source_id(talk.head.id, turn_id)])
            await Documents(self._scope).erase_of(talk.head.id, turn_id)
        return back

    async def _keep_heads(self, talks: Sequence[_Talk]) -> None:
        """Note that conversations are not what they were, and drop what was found in them."""
        stale = [talk.head.id for talk in talks if talk.has_findings]
        for kind in (AnalysisRow, ReportRow) if stale else ():
            await self._session.execute(delete(kind).where(kind.conversation_id.in_(stale)))
        heads = [
            {
                "conversation_id": talk.head.id,
                "content_hash": "",
                "words_hash": talk.words_hash,
                "revision": talk.revision,
                "updated_at": self._now(),
            }
            for talk in talks
        ]
        await self._update_many(ConversationRow, ["conversation_id"], heads)


def _changes(talks: Mapping[str, _Talk], addition: Addition) -> _Change | None:
    talk = talks.get(addition.conversation_id)
    if talk is None:
        return None
    said = [turn for turn in addition.turns if talk.words.get(turn.id) != turn.text]
    return _Change(talk=talk, turns=said, recalled=addition.recalled)


def _talk(row: ConversationRow, length: int, has_findings: bool) -> _Talk:
    return _Talk(
        head=read_transcript({**row.document, "turns": []}),
        revision=row.revision,
        words_hash=row.words_hash,
        length=length,
        has_findings=has_findings,
    )
