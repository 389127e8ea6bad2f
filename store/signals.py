"""What was noticed and measured in a conversation, and the report made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select

from domain.errors import IntegrityError, NotFoundError
from domain.signals import Analysis, Signal
from store.scope import Repository
from store.tables import AnalysisRow, ConversationRow, ReportRow, SignalRow, TurnRow
from wire.documents import dump, read


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReport:
    """A report as data and as one self-contained page."""

    document: Mapping[str, Any]
    html: str


class Signals(Repository):
    """The analyses of one tenant's conversations."""

    async def put(self, conversation_id: str, analysis: Analysis) -> None:
        """Store a conversation's signals and metrics in place of earlier ones.

        Raises:
            NotFoundError: There is no such conversation.
            IntegrityError: A signal's quote is not what its turn says at that place.
        """
        row = ConversationRow
        words_hash = await self._session.scalar(
            select(row.words_hash).where(row.conversation_id == conversation_id, row.erased_at.is_(None))
        )
        if words_hash is None:
            raise NotFoundError("store.no_conversation")
        await self._check_spans(conversation_id, analysis)
        await self._session.execute(delete(AnalysisRow).where(AnalysisRow.conversation_id == conversation_id))
        metrics = [dump(metric) for metric in analysis.metrics]
        made = {"words_hash": words_hash, "metrics": metrics, "made_at": self._now()}
        await self._insert(AnalysisRow, [{"conversation_id": conversation_id, **made}])
        rows = [_values(conversation_id, at, signal) for at, signal in enumerate(analysis.signals)]
        await self._insert(SignalRow, rows)

    async def get(self, conversation_id: str) -> Analysis | None:
        """Return a conversation's analysis; None if it has none that fits its present words."""
        made = await self._session.scalar(select(AnalysisRow).where(AnalysisRow.conversation_id == conversation_id))
        if made is None:
            return None
        rows = await self._session.scalars(
            select(SignalRow).where(SignalRow.conversation_id == conversation_id).order_by(SignalRow.position)
        )
        document = {
            "conversation_id": conversation_id,
            "signals": [_document(row) for row in rows],
            "metrics": made.metrics,
        }
        analysis: Analysis = read(Analysis, document, what="analysis")
        return analysis

    async def put_report(self, conversation_id: str, *, document: dict[str, Any], html: str) -> None:
        """Store a conversation's report as data and as a page, in place of an earlier one."""
        values = {"conversation_id": conversation_id, "document": document, "html": html, "made_at": self._now()}
        await self._upsert(ReportRow, ["conversation_id"], values)

    async def report(self, conversation_id: str) -> StoredReport | None:
        """Return a conversation's report, or None."""
        row = await self._session.scalar(select(ReportRow).where(ReportRow.conversation_id == conversation_id))
        return None if row is None else StoredReport(document=row.document, html=row.html)

    async def _check_spans(self, conversation_id: str, analysis: Analysis) -> None:
        rows = await self._session.execute(
            select(TurnRow.turn_id, TurnRow.text).where(TurnRow.conversation_id == conversation_id)
        )
        texts = {row.turn_id: row.text for row in rows}
        for signal in analysis.signals:
            if texts.get(signal.turn_id, "")[signal.start : signal.end] != signal.quote:
                raise IntegrityError("store.signal_span", signal_id=signal.id, turn_id=signal.turn_id)


def _values(conversation_id: str, position: int, signal: Signal) -> dict[str, Any]:
    document = dump(signal)
    document["signal_id"] = document.pop("id")
    return {"conversation_id": conversation_id, "position": position, **document}


def _document(row: SignalRow) -> dict[str, Any]:
    return {
        "id": row.signal_id,
        "kind": row.kind,
        "label": row.label,
        "score": row.score,
        "turn_id": row.turn_id,
        "start": row.start,
        "end": row.end,
        "quote": row.quote,
        "extractor": row.extractor,
        "version": row.version,
        "attributes": row.attributes,
    }
