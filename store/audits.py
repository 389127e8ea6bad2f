"""The twelve questions that an auditor asks, each answered completely from what is stored: no limits, no samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select

from domain.conversation import ConsentStatus
from domain.signals import SignalKind
from domain.suggestions import Decision
from store.cases import Cases
from store.consents import Consents
from store.decisions import Decisions
from store.scope import Repository
from store.tables import (
    AccessRow,
    ApiKeyRow,
    CallRow,
    ConversationRow,
    DealRow,
    DecisionContextRow,
    DecisionRow,
    DecisionSourceRow,
    GrantRow,
    ReceiptRow,
    SignalRow,
    SourceRow,
    TurnRow,
    UserRow,
)

Line = dict[str, Any]
AIGC_FIELDS = (
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ContentPropagator",
    "PropagateID",
    "ReservedCode2",
)


class Audits(Repository):
    """The audits of one tenant. Each returns lines of plain values, oldest first."""

    async def customer(self, account_id: str, *, since: datetime) -> list[Line]:
        """Every contact with a customer since a time: calls, conversations, advice, consents, what was erased."""
        deals = list(await self._session.scalars(select(DealRow.record_id).where(DealRow.account_id == account_id)))
        talk, call, about = ConversationRow, CallRow, DecisionContextRow
        theirs = or_(talk.account_id == account_id, talk.deal_id.in_(deals))
        lines = [
            _line(row.started_at or row.created_at, row.kind, row.conversation_id, rep=row.rep_id, erased=row.erased_at)
            for row in await self._session.scalars(select(talk).where(theirs))
        ]
        heard = {line["id"] for line in lines}
        of_call = or_(call.account_id == account_id, call.deal_id.in_(deals))
        lines += [
            _line(row.started_at or row.created_at, "recording", row.call_id, rep=row.rep_id, erased=row.erased_at)
            for row in await self._session.scalars(select(call).where(of_call))
            if row.call_id not in heard
        ]
        of_advice = or_(
            about.account_id == account_id, about.deal_id.in_(deals), about.conversation_id.in_(heard or {""})
        )
        lines += [
            _line(row.created_at, "advice", decision_id, rep=row.rep_id, erased=None)
            for row, decision_id in await self._session.execute(self._advice().where(of_advice))
        ]
        lines += [
            _line(record.granted_at, "consent", record.reference, rep=None, erased=record.withdrawn_at)
            for record in await Consents(self._scope).of_subject(account_id)
        ]
        return _sorted(line for line in lines if line["at"] >= since)

    async def advice(self, *, since: datetime, rep_id: str | None = None) -> list[Line]:
        """Everything the AI said since a time, to everybody or one rep: with what, from which sources."""
        about = DecisionContextRow
        statement = self._advice().where(about.created_at >= since)
        if rep_id is not None:
            statement = statement.where(about.rep_id == rep_id)
        cited = await self._cited()
        return _sorted(
            {
                **_line(row.created_at, "advice", decision_id, rep=row.rep_id, erased=None),
                "engine": row.engine,
                "abstained": row.abstained,
                "sources": cited.get(row.index, []),
            }
            for row, decision_id in await self._session.execute(statement)
        )

    async def source(self, source_id: str) -> list[Line]:
        """Every version of a source, and every suggestion that rests on it."""
        row, cite = SourceRow, DecisionSourceRow
        versions = await self._session.scalars(select(row).where(row.source_id == source_id).order_by(row.version))
        lines = [
            {"at": each.created_at, "what": f"version {each.version}", "id": source_id, "status": each.status}
            for each in versions
        ]
        same = (DecisionRow.tenant_id == cite.tenant_id) & (DecisionRow.index == cite.index)
        about = (DecisionContextRow.tenant_id == cite.tenant_id) & (DecisionContextRow.index == cite.index)
        statement = (
            select(DecisionRow.decision_id, cite.version, DecisionContextRow.created_at)
            .join(DecisionRow, same)
            .join(DecisionContextRow, about)
            .where(cite.source_id == source_id)
            .distinct()
        )
        for decision_id, version, at in await self._session.execute(statement):
            lines.append({"at": at, "what": f"cited v{version}", "id": decision_id, "status": "cited"})
        return _sorted(lines)

    async def consents(self) -> list[Line]:
        """Every recording and conversation of a call whose consent is not granted now, and whether it was heard."""
        call, talk = CallRow, ConversationRow
        lines = []
        for row in await self._session.scalars(select(call).where(call.erased_at.is_(None))):
            consent = await Consents(self._scope).status(row.consent_reference)
            if consent.status is not ConsentStatus.GRANTED:
                heard = await self._session.scalar(
                    select(talk.conversation_id).where(talk.conversation_id == row.call_id, talk.erased_at.is_(None))
                )
                status = "heard_without_consent" if heard else "quarantined"
                lines.append({"at": row.created_at, "what": consent.status.value, "id": row.call_id, "status": status})
        return _sorted(lines)

    async def refusals(self, *, since: datetime) -> list[Line]:
        """Everybody who was refused something since a time."""
        row = AccessRow
        statement = select(row).where(row.at >= since, row.allowed.is_(False))
        return _sorted(
            {"at": each.at, "what": each.action, "id": each.object_id, "who": each.principal, "why": each.why}
            for each in await self._session.scalars(statement)
        )

    async def grants(self) -> list[Line]:
        """Every right to see a colleague's thing: who gave it, why, and until when, over or not."""
        now = self._now()
        return _sorted(
            {
                "at": each.created_at,
                "what": each.object_kind,
                "id": each.object_id,
                "who": each.rep_id,
                "by": each.granted_by,
                "why": each.why,
                "ends_at": each.ends_at,
                "status": "running" if each.ends_at > now else "over",
            }
            for each in await self._session.scalars(select(GrantRow))
        )

    async def erasures(self) -> list[Line]:
        """Every export, withdrawal and erasure with its receipt, and how many words of what it named are left."""
        lines = []
        for row in await self._session.scalars(select(ReceiptRow)):
            left = await self._left(row.document) if row.action != "export" else None
            lines.append({"at": row.at, "what": row.action, "id": row.receipt_id, "by": row.by, "left": left})
        return _sorted(lines)

    async def abstentions(self, *, since: datetime) -> list[Line]:
        """Every time the AI said nothing since a time, and why."""
        about = DecisionContextRow
        statement = self._advice().where(about.created_at >= since, about.abstained.is_(True))
        lines = []
        for row, decision_id in await self._session.execute(statement):
            decision = await Decisions(self._scope).get(decision_id)
            reason = decision.envelope.reason_code if isinstance(decision, Decision) else None
            line = _line(row.created_at, "abstention", decision_id, rep=row.rep_id, erased=None)
            lines.append({**line, "why": reason.value if reason else "erased"})
        return _sorted(lines)

    async def risks(self, *, since: datetime) -> list[Line]:
        """Every wording of a rep's that a rule blocks or wants rewritten, since a time, by rule."""
        signal, talk = SignalRow, ConversationRow
        same = (talk.tenant_id == signal.tenant_id) & (talk.conversation_id == signal.conversation_id)
        statement = select(signal, talk).join(talk, same).where(signal.kind == SignalKind.RISK)
        lines = []
        for found, where in await self._session.execute(statement):
            at = where.started_at or where.created_at
            if at >= since and found.attributes.get("severity") in ("block", "rewrite"):
                line = _line(at, found.label, f"{where.conversation_id}#{found.turn_id}", rep=where.rep_id, erased=None)
                lines.append({**line, "why": found.attributes.get("rule"), "status": found.attributes["severity"]})
        return _sorted(lines)

    async def case(self, case_id: str) -> list[Line]:
        """A war case's life: every step, who took it and why, and every suggestion that cites it."""
        lines: list[Line] = [
            {"at": event.at, "what": event.action, "id": f"v{event.version}", "who": event.by, "why": event.why}
            for event in await Cases(self._scope).events(case_id)
        ]
        cite, about = DecisionSourceRow, DecisionContextRow
        same = (about.tenant_id == cite.tenant_id) & (about.index == cite.index)
        link = (DecisionRow.tenant_id == cite.tenant_id) & (DecisionRow.index == cite.index)
        statement = (
            select(DecisionRow.decision_id, about.created_at, about.rep_id)
            .join(cite, link)
            .join(about, same)
            .where(func.substr(cite.source_id, 1, len(case_id) + 6) == f"case:{case_id}:")
            .distinct()
        )
        for decision_id, at, rep_id in await self._session.execute(statement):
            lines.append({"at": at, "what": "cited", "id": decision_id, "who": rep_id, "why": ""})
        return _sorted(lines)

    async def access(self) -> list[Line]:
        """Every key and console user: what they may do, when last seen, and whether they still can."""
        now = self._now()
        lines: list[Line] = []
        for key in await self._session.scalars(select(ApiKeyRow)):
            good = key.revoked_at is None and (key.expires_at is None or key.expires_at > now)
            status = "active" if good else "ended"
            about = {"role": key.role, "scopes": ",".join(sorted(key.scopes)), "last_used_at": key.last_used_at}
            lines.append({"at": key.created_at, "what": "key", "id": key.key_id, "status": status, **about})
        for user in await self._session.scalars(select(UserRow)):
            status = "ended" if user.disabled_at else "active"
            lines.append({"at": user.created_at, "what": "user", "id": user.login, "status": status, "role": user.role})
        return _sorted(lines)

    async def labels(self) -> list[Line]:
        """Everything the AI said that lacks its label or one of the seven fields; none is what it should be."""
        lines = []
        for row, decision_id in await self._session.execute(self._advice()):
            decision = await Decisions(self._scope).get(decision_id)
            if isinstance(decision, Decision):
                aigc = decision.envelope.aigc
                lacking = [name for name in AIGC_FIELDS if not isinstance(getattr(aigc, name, None), str)]
                lacking += [] if aigc.Label == "1" and aigc.ProduceID and decision.envelope.label else ["label"]
                if lacking:
                    line = _line(row.created_at, "unlabelled", decision_id, rep=row.rep_id, erased=None)
                    lines.append({**line, "why": ",".join(lacking)})
        return _sorted(lines)

    def _advice(self) -> Select[DecisionContextRow, str]:
        same = (DecisionRow.tenant_id == DecisionContextRow.tenant_id) & (DecisionRow.index == DecisionContextRow.index)
        return select(DecisionContextRow, DecisionRow.decision_id).join(DecisionRow, same)

    async def _cited(self) -> dict[int, list[str]]:
        """What each decision cites, by its index."""
        row = DecisionSourceRow
        found: dict[int, list[str]] = {}
        statement = select(row.index, row.source_id, row.version).distinct().order_by(row.index, row.source_id)
        for index, source_id, version in await self._session.execute(statement):
            found.setdefault(index, []).append(f"{source_id}@{version}")
        return found

    async def _left(self, document: dict[str, Any]) -> int:
        """Count turns, and recordings, of what a receipt names that are still there."""
        talks: Sequence[str] = document.get("conversations", ())
        calls: Sequence[str] = document.get("calls", ())
        turns = select(func.count()).select_from(TurnRow).where(TurnRow.conversation_id.in_(talks))
        audio = select(func.count()).select_from(CallRow)
        audio = audio.where(CallRow.call_id.in_(calls), CallRow.blob_hash.is_not(None))
        return (await self._session.scalar(turns) or 0) + (await self._session.scalar(audio) or 0)


def _line(at: datetime, what: str, name: str, *, rep: str | None, erased: datetime | None) -> Line:
    return {"at": at, "what": what, "id": name, "rep": rep, "status": "erased" if erased else "kept"}


def _sorted(lines: Iterable[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: (line["at"], str(line["id"])))
