"""Comments on moments of conversations; found again by time and quote after a new transcription."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from domain.errors import NotFoundError
from domain.signals import Moment
from store.ids import new_id
from store.scope import Repository
from store.tables import ConversationRow, MomentCommentRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """What somebody said about a moment; `moment` is as it was when they said it."""

    comment_id: str
    conversation_id: str
    moment: Moment
    by: str
    text: str
    at: datetime


class Comments(Repository):
    """The comments of one tenant."""

    async def add(self, conversation_id: str, moment: Moment, *, by: str, text: str) -> Comment:
        """Keep a comment.

        Raises:
            NotFoundError: There is no such conversation, or it was erased.
        """
        row = ConversationRow
        there = select(row.conversation_id).where(row.conversation_id == conversation_id, row.erased_at.is_(None))
        if await self._session.scalar(there) is None:
            raise NotFoundError("store.no_conversation")
        now = self._now()
        comment = Comment(
            comment_id=new_id("cmt", now), conversation_id=conversation_id, moment=moment, by=by, text=text, at=now
        )
        place = {"turn_id": moment.turn_id, "start_ms": moment.start_ms, "end_ms": moment.end_ms, "quote": moment.quote}
        about = {"comment_id": comment.comment_id, "conversation_id": conversation_id}
        await self._insert(MomentCommentRow, [{**about, **place, "by": by, "text": text, "at": now}])
        return comment

    async def of(self, conversation_id: str) -> list[Comment]:
        """Return a conversation's comments, oldest first."""
        row = MomentCommentRow
        rows = await self._session.scalars(
            select(row).where(row.conversation_id == conversation_id).order_by(row.comment_id)
        )
        return [_comment(each) for each in rows]

    async def remove(self, comment_id: str) -> bool:
        """Remove a comment; say whether it was there."""
        return await self._changed(delete(MomentCommentRow).where(MomentCommentRow.comment_id == comment_id)) > 0


def _comment(row: MomentCommentRow) -> Comment:
    moment = Moment(turn_id=row.turn_id, start_ms=row.start_ms, end_ms=row.end_ms, quote=row.quote)
    return Comment(
        comment_id=row.comment_id,
        conversation_id=row.conversation_id,
        moment=moment,
        by=row.by,
        text=row.text,
        at=row.at,
    )
