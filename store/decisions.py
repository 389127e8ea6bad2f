"""Decisions: appended to the tenant's chain, read back whole, erased only with a trace."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import null, select, update

from domain.errors import ConflictError, IntegrityError, NotFoundError
from domain.sources import Citation, Source, SourceStatus, resolves
from domain.suggestions import ChainVerdict, Decision, ErasedDecision, Feedback, FeedbackAction
from store.adoptions import Adoptions
from store.canonical import compact
from store.chain import ERASURE, GENESIS, ChainCheck, Link, StoredLink, commit, erasure_payload, forge
from store.ids import new_id
from store.scope import Repository
from store.sources import Sources
from store.tables import (
    ChainHeadRow,
    DecisionContextRow,
    DecisionPayloadRow,
    DecisionRow,
    DecisionSourceRow,
    FeedbackRow,
)
from wire.documents import dump, read

_VERIFY_BATCH = 2000
_LINK_FIELDS = ("index", "decision_id", "kind", "time", "previous", "commitment", "hash", "binding")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionSummary:
    """A decision without what it says, as lists show it."""

    decision_id: str
    index: int
    kind: str
    created_at: datetime
    engine: str
    abstained: bool
    suggestions: int
    conversation_id: str | None
    account_id: str | None
    deal_id: str | None
    rep_id: str | None


class Decisions(Repository):
    """The decision log of one tenant."""

    async def append(self, decision: Decision) -> Decision:
        """Add a decision to the end of the chain and return it with its link.

        Raises:
            IntegrityError: A claim does not stand where it says, or a citation does not resolve to
                a live source.
            ConflictError: There is a decision of this id already.
        """
        await self._check_citations(decision)
        if await self._row(decision.decision_id) is not None:
            raise ConflictError("store.decision_exists", decision_id=decision.decision_id)
        link = await self._extend(decision.decision_id, decision.envelope.kind, _payload(decision))
        await self._insert(DecisionSourceRow, _source_rows(link.index, decision))
        await self._insert(DecisionContextRow, [_context_row(link.index, decision)])
        return replace(decision, chain=link.place)

    async def get(self, decision_id: str) -> Decision | ErasedDecision | None:
        """Return a decision with its feedback, what is left of an erased one, or None.

        Raises:
            IntegrityError: The stored payload is not what the chain committed to.
        """
        row = await self._row(decision_id)
        if row is None or row.kind == ERASURE:
            return None
        link = _link(row)
        kept = await self._session.scalar(select(DecisionPayloadRow).where(DecisionPayloadRow.index == link.index))
        if kept is None:
            raise IntegrityError("store.broken_decision", decision_id=decision_id, index=link.index)
        if kept.erasure_index is not None:
            return await self._erased(link, kept)
        if commit(kept.salt or b"", kept.payload or b"") != link.commitment:
            raise IntegrityError("store.broken_decision", decision_id=decision_id, index=link.index)
        decision: Decision = read(Decision, json.loads(kept.payload or b""), what="decision")
        return replace(decision, feedback=await self._feedback(link.index), chain=link.place)

    async def add_feedback(self, decision_id: str, feedback: Feedback) -> None:
        """Record what a human did with a suggestion; the same again is recorded once.

        Whoever takes a suggestion over has adopted the cases it cites.

        Raises:
            NotFoundError: There is no such decision, or no such suggestion in it.
        """
        decision = await self.get(decision_id)
        row = await self._row(decision_id)
        if decision is None or row is None:
            raise NotFoundError("store.no_decision")
        known = (
            {suggestion.id for suggestion in decision.envelope.suggestions} if isinstance(decision, Decision) else set()
        )
        if feedback.suggestion_id is not None and feedback.suggestion_id not in known:
            raise NotFoundError("store.no_suggestion")
        if feedback not in await self._feedback(row.index):
            values = {"feedback_id": new_id("fb", self._now()), "index": row.index, **dump(feedback), "at": feedback.at}
            await self._insert(FeedbackRow, [values])
            if isinstance(decision, Decision):
                await Adoptions(self._scope).adopt(decision, feedback)

    async def erase_payload(self, decision_id: str, receipt: str) -> None:
        """Erase what a decision said, and say so in the chain; done once, again changes nothing.

        Raises:
            NotFoundError: There is no such decision.
        """
        row = await self._row(decision_id)
        if row is None or row.kind == ERASURE:
            raise NotFoundError("store.no_decision")
        kept = DecisionPayloadRow
        there = select(kept.index).where(kept.index == row.index, kept.erasure_index.is_(None))
        if await self._session.scalar(there) is None:
            return
        link = await self._extend(new_id(ERASURE, self._now()), ERASURE, erasure_payload(decision_id, receipt))
        gone = {"salt": None, "payload": None, "receipt": receipt, "erasure_index": link.index}
        await self._session.execute(update(kept).where(kept.index == row.index).values(gone))
        await self._session.execute(update(FeedbackRow).where(FeedbackRow.index == row.index).values(text=None))

    async def page(
        self,
        *,
        limit: int,
        before: int | None = None,
        conversation_id: str | None = None,
        deal_id: str | None = None,
        rep_ids: Sequence[str] | None = None,
    ) -> list[DecisionSummary]:
        """Return decisions newest first, from before a link's index on; those of some reps also show nobody's."""
        about = DecisionContextRow
        same = (about.tenant_id == DecisionRow.tenant_id) & (about.index == DecisionRow.index)
        statement = select(about, DecisionRow.decision_id, DecisionRow.kind).join(DecisionRow, same)
        if before is not None:
            statement = statement.where(about.index < before)
        if conversation_id is not None:
            statement = statement.where(about.conversation_id == conversation_id)
        if deal_id is not None:
            statement = statement.where(about.deal_id == deal_id)
        if rep_ids is not None:
            statement = statement.where(about.rep_id.in_(rep_ids) | about.rep_id.is_(None))
        rows = await self._session.execute(statement.order_by(about.index.desc()).limit(limit))
        return [_summary(context, decision_id, kind) for context, decision_id, kind in rows]

    async def rep_of(self, decision_id: str) -> str | None:
        """Return whose decision it is; None for nobody's."""
        same = DecisionContextRow.index == DecisionRow.index
        statement = select(DecisionContextRow.rep_id).join(DecisionRow, same)
        return await self._session.scalar(statement.where(DecisionRow.decision_id == decision_id))

    async def citing(self, source_ids: Iterable[str]) -> list[str]:
        """Return the ids of the decisions that cite any version of these sources, oldest first."""
        statement = (
            select(DecisionRow.decision_id, DecisionRow.index)
            .join(DecisionSourceRow, DecisionSourceRow.index == DecisionRow.index)
            .where(DecisionSourceRow.source_id.in_(list(source_ids)))
            .distinct()
            .order_by(DecisionRow.index)
        )
        return [row.decision_id for row in await self._session.execute(statement)]

    async def verify(self, *, payloads: bool = True) -> ChainVerdict:
        """Check every link from the first to the recorded end, in batches, and what each commits to.

        The verdict names the first link that does not hold after any change, deletion or reorder.
        Without `payloads` it is faster and blind to what was said.
        """
        check = ChainCheck(payloads=payloads)
        at = -1
        while batch := await self._batch_after(at, payloads):
            check.take(batch)
            at = batch[-1].place
        head = await self._session.scalar(select(ChainHeadRow))
        return check.verdict(length=head.length if head else 0, head=head.hash if head else GENESIS)

    async def _row(self, decision_id: str) -> DecisionRow | None:
        return await self._session.scalar(select(DecisionRow).where(DecisionRow.decision_id == decision_id))

    async def _erased(self, link: Link, kept: DecisionPayloadRow) -> ErasedDecision:
        erasure = await self._session.scalar(select(DecisionRow.time).where(DecisionRow.index == kept.erasure_index))
        if erasure is None:
            raise IntegrityError("store.broken_decision", decision_id=link.decision_id, index=link.index)
        return ErasedDecision(
            decision_id=link.decision_id,
            erased_at=datetime.fromisoformat(erasure),
            receipt=kept.receipt or "",
            chain=link.place,
        )

    async def _feedback(self, index: int) -> tuple[Feedback, ...]:
        row = FeedbackRow
        rows = await self._session.scalars(select(row).where(row.index == index).order_by(row.at, row.feedback_id))
        return tuple(
            Feedback(
                action=FeedbackAction(each.action),
                by=each.by,
                at=each.at,
                suggestion_id=each.suggestion_id,
                text=each.text,
            )
            for each in rows
        )

    async def _check_citations(self, decision: Decision) -> None:
        claims = [(suggestion, claim) for suggestion in decision.envelope.suggestions for claim in suggestion.claims]
        citations = [citation for _, claim in claims for citation in claim.citations]
        sources = await Sources(self._scope).cited(citations)
        for suggestion, claim in claims:
            if not claim.citations or suggestion.what[claim.start : claim.end] != claim.text:
                raise IntegrityError("store.claim_misplaced", decision_id=decision.decision_id)
        for citation in citations:
            if not _stands(citation, sources):
                raise IntegrityError(
                    "store.citation_unresolved", decision_id=decision.decision_id, source_id=citation.source_id
                )

    async def _extend(self, decision_id: str, kind: str, payload: bytes) -> Link:
        """Write the next link. The head row is locked, so a tenant's appends go one after another."""
        await self._insert_new(ChainHeadRow, {"length": 0, "hash": GENESIS})
        head = (await self._session.scalars(select(ChainHeadRow).with_for_update())).one()
        link, salt = forge(head.length, head.hash, self._now(), decision_id=decision_id, kind=kind, payload=payload)
        await self._insert(DecisionRow, [{name: getattr(link, name) for name in _LINK_FIELDS}])
        kept = {"index": link.index, "salt": salt, "payload": payload, "receipt": None, "erasure_index": None}
        await self._insert(DecisionPayloadRow, [kept])
        await self._session.execute(update(ChainHeadRow).values(length=link.index + 1, hash=link.hash))
        return link

    async def _batch_after(self, index: int, payloads: bool) -> list[StoredLink]:
        """Read links without the ORM, which would double the time; hence the tenant is named here."""
        row, kept = DecisionRow, DecisionPayloadRow
        beside = (kept.index, kept.salt, kept.payload, kept.receipt, kept.erasure_index)
        statement = (
            select(*(getattr(row, name) for name in _LINK_FIELDS), *(beside if payloads else [null()] * len(beside)))
            .where(row.tenant_id == self._tenant, row.index > index)
            .order_by(row.index)
            .limit(_VERIFY_BATCH)
        )
        if payloads:
            statement = statement.outerjoin(kept, (kept.tenant_id == row.tenant_id) & (kept.index == row.index))
        connection = await self._session.connection()
        return [StoredLink._make(each) for each in await connection.execute(statement)]


def _payload(decision: Decision) -> bytes:
    """The decision as it is committed to: everything but its link and what came later."""
    document = dump(decision)
    del document["feedback"], document["chain"]
    return compact(document).encode("utf-8")


def _stands(citation: Citation, sources: dict[tuple[str, int], Source]) -> bool:
    source = sources.get((citation.source_id, citation.version))
    return source is not None and source.status is SourceStatus.LIVE and resolves(citation, source)


def _source_rows(index: int, decision: Decision) -> Sequence[dict[str, Any]]:
    keys = {
        (suggestion.id, citation.source_id, citation.version)
        for suggestion in decision.envelope.suggestions
        for claim in suggestion.claims
        for citation in claim.citations
    }
    return [
        {"index": index, "suggestion_id": suggestion_id, "source_id": source_id, "version": version}
        for suggestion_id, source_id, version in sorted(keys)
    ]


def _context_row(index: int, decision: Decision) -> dict[str, Any]:
    about = {
        name: str(decision.context[name]) if decision.context.get(name) else None
        for name in ("conversation_id", "account_id", "deal_id", "rep_id")
    }
    return {
        "index": index,
        "created_at": decision.envelope.created_at,
        "engine": decision.engine,
        "abstained": decision.envelope.abstained,
        "suggestions": len(decision.envelope.suggestions),
        **about,
    }


def _link(row: Any) -> Link:
    return Link(**{name: getattr(row, name) for name in _LINK_FIELDS})


def _summary(row: DecisionContextRow, decision_id: str, kind: str) -> DecisionSummary:
    names = ("index", "created_at", "engine", "abstained", "suggestions")
    about = ("conversation_id", "account_id", "deal_id", "rep_id")
    return DecisionSummary(decision_id=decision_id, kind=kind, **{name: getattr(row, name) for name in names + about})
