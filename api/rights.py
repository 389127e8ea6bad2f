"""Who sees what: a rep their own and what was granted, a manager the team's, the others everything."""

from __future__ import annotations

from fastapi import Request

from api.callers import Caller, note_refusal
from domain.errors import NotFoundError
from domain.sources import Source, SourceKind
from store.keys import Role
from store.work import Work

SEES_ALL = (Role.ADMIN, Role.INTEGRATION)
"""Roles to whom every rep's work is open."""


async def visible_reps(work: Work, caller: Caller) -> tuple[str, ...] | None:
    """Return the reps whose work a caller sees; None means all of them."""
    match caller.role:
        case Role.ADMIN | Role.INTEGRATION:
            return None
        case Role.MANAGER:
            team = await work.people.reps_of(caller.team_id) if caller.team_id else []
            own = (caller.rep_id,) if caller.rep_id else ()
            return (*own, *(rep.rep_id for rep in team))
        case Role.REP:
            return (caller.rep_id,) if caller.rep_id else ()


def whose(caller: Caller, named: str | None) -> str | None:
    """Whose a thing is that a caller hands in: a rep's is always their own, others may name a rep."""
    return caller.rep_id if caller.role is Role.REP else named or caller.rep_id


async def sees(work: Work, caller: Caller, *, rep_id: str | None, object_kind: str, object_id: str) -> bool:
    """Whether a caller sees an object of a rep's, by role or by a grant that still runs."""
    reps = await visible_reps(work, caller)
    if reps is None or rep_id in reps:
        return True
    if caller.rep_id is None:
        return False
    return await work.access.is_granted(caller.rep_id, object_kind=object_kind, object_id=object_id)


async def only_granted(work: Work, caller: Caller, rep_id: str | None) -> bool:
    """Whether a caller sees a rep's thing by a grant alone: then its personal data stays with that rep."""
    reps = await visible_reps(work, caller)
    return reps is not None and rep_id not in reps


async def sees_source(work: Work, caller: Caller, source: Source) -> bool:
    """Whether a caller sees a source: a turn with its conversation; what is not said by anybody, all do."""
    if source.kind is not SourceKind.TURN:
        return True
    summary = await work.conversations.by_source_part(source.source_id.split(":")[1])
    if summary is None:
        return True  # erased: nothing is left to see
    return await sees(
        work, caller, rep_id=summary.rep_id, object_kind="conversation", object_id=summary.conversation_id
    )


async def refuse_unseen(
    request: Request, caller: Caller, *, seen: bool, missing: NotFoundError, object_kind: str, object_id: str
) -> None:
    """Answer as if there were no such object (`missing`), and log that somebody tried.

    Raises:
        NotFoundError: The object is not the caller's to see.
    """
    if not seen:
        await note_refusal(request, caller, why="not_visible", object_kind=object_kind, object_id=object_id)
        raise missing
