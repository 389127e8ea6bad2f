"""A data subject's rights: export, withdrawal and erasure, over everything that is kept, with a receipt.

A subject is a customer: an account's id, a consent's subject, or a participant's id. What is theirs
are the conversations and calls of that account, under that consent, or with that participant, and
every decision that cites them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select, update

from domain.errors import NotFoundError
from domain.sources import SourceKind, account_source_id, deal_source_id, safe_part
from store.accounts import Accounts
from store.blobs import Blobs
from store.calls import Calls
from store.consents import Consents
from store.conversations import Conversations
from store.decisions import Decisions
from store.documents import Documents
from store.ids import new_id
from store.scope import Repository, Scope
from store.sources import Sources
from store.tables import (
    AccountRow,
    CallRow,
    ConversationRow,
    DealRow,
    DecisionContextRow,
    DecisionRow,
    ExternalIdRow,
    IdempotencyRow,
    InboxRow,
    ReceiptRow,
    RepVoiceRow,
)
from store.tables_chats import ChatAnswerRow
from wire.documents import dump, dump_transcript, read_account

RETENTION = "retention"
"""Who erases, and whose right it is, when the time to keep something is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Proof of what was done; holds ids and counts, never the words."""

    receipt_id: str
    action: str
    subject: str
    at: datetime
    by: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """What is kept of a subject, by id."""

    accounts: tuple[str, ...]
    deals: tuple[str, ...]
    conversations: tuple[str, ...]
    calls: tuple[str, ...]
    consents: tuple[str, ...]

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is known of the subject."""
        return not (self.accounts or self.deals or self.conversations or self.calls or self.consents)


class Subjects(Repository):
    """The data subjects of one tenant."""

    def __init__(self, scope: Scope, blobs: Blobs) -> None:
        super().__init__(scope)
        self._blobs = blobs

    async def export(self, subject: str, *, by: str) -> tuple[dict[str, Any], Receipt]:
        """Return everything kept of a subject as JSON values, and the receipt.

        Raises:
            NotFoundError: Nothing is known of the subject.
        """
        found = await self._known(subject)
        conversations = [await Conversations(self._scope).get(each) for each in found.conversations]
        decisions = Decisions(self._scope)
        cited_in = await decisions.citing(await self._source_ids(found))
        document = {
            "subject": subject,
            "accounts": [dump(await Accounts(self._scope).get(each)) for each in found.accounts],
            "fields": [dump(source) for source in await self._crm_sources(found)],
            "conversations": [dump_transcript(each) for each in conversations if each is not None],
            "calls": list(found.calls),
            "consents": [dump(record) for record in await Consents(self._scope).of_subject(subject)],
            "decisions": [dump(await decisions.get(each)) for each in cited_in],
        }
        return document, await self._receipt("export", subject, by, _counts(found, len(cited_in)))

    async def withdraw(self, subject: str, *, by: str) -> Receipt:
        """Withdraw the subject's consents and erase what rested on them; the CRM's own records stay.

        Raises:
            NotFoundError: Nothing is known of the subject.
        """
        found = await self._known(subject)
        for reference in found.consents:
            await Consents(self._scope).withdraw(reference, by=by)
        return await self._erase("withdraw", subject, by, found, with_records=False)

    async def erase(self, subject: str, *, by: str) -> Receipt:
        """Erase everything kept of a subject, its CRM records too.

        Raises:
            NotFoundError: Nothing is known of the subject.
        """
        found = await self._known(subject)
        for reference in found.consents:
            await Consents(self._scope).withdraw(reference, by=by)
        return await self._erase("erase", subject, by, found, with_records=True)

    async def correct(self, subject: str, fields: Mapping[str, Any], *, by: str) -> Receipt:
        """Put right what is kept wrongly of a customer; the receipt names the fields and counts what cited them.

        Each field's source gets a new version, so that earlier advice keeps showing what it was based on.

        Raises:
            NotFoundError: The subject has no customer record.
            InputError: A field cannot have that value.
        """
        account = await Accounts(self._scope).get(subject)
        if account is None:
            raise NotFoundError("store.no_subject")
        document = dump(account, keep_none=False)
        corrected = {**document.pop("extra", {}), **document, **fields, "account_id": subject}
        cited_in = await Decisions(self._scope).citing([account_source_id(subject, name) for name in fields])
        await Accounts(self._scope).put(read_account(corrected))
        return await self._receipt("correct", subject, by, {"fields": sorted(fields), "decisions": len(cited_in)})

    async def receipts(self, subject: str) -> list[Receipt]:
        """Return a subject's receipts, oldest first."""
        statement = select(ReceiptRow).where(ReceiptRow.subject == subject).order_by(ReceiptRow.receipt_id)
        return [_receipt(row) for row in await self._session.scalars(statement)]

    async def belongings(self, subject: str) -> Belongings:
        """Return the ids of what is kept of a subject."""
        consents = [record.reference for record in await Consents(self._scope).of_subject(subject)]
        accounts = await self._session.scalars(select(AccountRow.record_id).where(AccountRow.record_id == subject))
        deals = await self._session.scalars(select(DealRow.record_id).where(DealRow.account_id == subject))
        talks, calls = await self._spoken(subject, consents)
        return Belongings(
            accounts=tuple(accounts),
            deals=tuple(sorted(deals)),
            conversations=tuple(sorted({*talks, *await self._taken_part(subject)})),
            calls=tuple(sorted(calls)),
            consents=tuple(consents),
        )

    async def _spoken(self, subject: str, consents: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
        """Conversations and calls of an account, or that rest on one of the consents."""
        talk, call = ConversationRow, CallRow
        of_talk = or_(talk.account_id == subject, talk.consent_reference.in_(consents))
        of_call = or_(call.account_id == subject, call.consent_reference.in_(consents))
        talks = await self._session.scalars(select(talk.conversation_id).where(of_talk, talk.erased_at.is_(None)))
        calls = await self._session.scalars(select(call.call_id).where(of_call, call.erased_at.is_(None)))
        return talks.all(), calls.all()

    async def _known(self, subject: str) -> Belongings:
        found = await self.belongings(subject)
        if found.is_nothing:
            raise NotFoundError("store.no_subject")
        return found

    async def _taken_part(self, participant: str) -> list[str]:
        """Conversations that name the subject as a participant; read from the documents, erasures being rare."""
        row = ConversationRow
        rows = await self._session.execute(select(row.conversation_id, row.document).where(row.erased_at.is_(None)))
        return [
            each.conversation_id
            for each in rows
            if any(person["id"] == participant for person in each.document.get("participants", ()))
        ]

    async def expire(self, before: datetime, *, limit: int) -> Receipt | None:
        """Erase conversations and calls from before a time, the oldest first, with what was said on them.

        Returns:
            The receipt; None when there was nothing that old.
        """
        talk, call = ConversationRow, CallRow
        old_talks = select(talk.conversation_id).where(talk.created_at < before, talk.erased_at.is_(None))
        old_calls = select(call.call_id).where(call.created_at < before, call.erased_at.is_(None))
        found = Belongings(
            accounts=(),
            deals=(),
            conversations=tuple(await self._session.scalars(old_talks.order_by(talk.created_at).limit(limit))),
            calls=tuple(await self._session.scalars(old_calls.order_by(call.created_at).limit(limit))),
            consents=(),
        )
        if found.is_nothing:
            return None
        return await self._erase("expire", RETENTION, RETENTION, found, with_records=False)

    async def _erase(self, action: str, subject: str, by: str, found: Belongings, *, with_records: bool) -> Receipt:
        source_ids = await self._source_ids(found, with_records=with_records)
        citing = await Decisions(self._scope).citing(source_ids)
        cited_in = sorted({*citing, *await self._decided_about(subject if with_records else None, found)})
        receipt = await self._receipt(action, subject, by, _counts(found, len(cited_in)))
        for call_id in found.calls:
            await Calls(self._scope, self._blobs).erase(call_id)
        for conversation_id in found.conversations:
            await Conversations(self._scope).erase(conversation_id)
            await Documents(self._scope).erase_of(conversation_id)
        await Sources(self._scope).erase_many(source_ids)
        for decision_id in cited_in:
            await Decisions(self._scope).erase_payload(decision_id, receipt.receipt_id)
        theirs_or_by_leave = or_(RepVoiceRow.rep_id == subject, RepVoiceRow.consent_reference.in_(found.consents))
        await self._session.execute(delete(RepVoiceRow).where(theirs_or_by_leave))
        await self._session.execute(delete(IdempotencyRow))  # kept answers may quote what was just erased
        await self._forget_chats(cited_in)
        if with_records:
            await self._session.execute(delete(DealRow).where(DealRow.record_id.in_(found.deals)))
            await self._session.execute(delete(AccountRow).where(AccountRow.record_id.in_(found.accounts)))
            theirs = ExternalIdRow.object_id.in_((*found.accounts, *found.deals))
            await self._session.execute(delete(ExternalIdRow).where(theirs))
        return receipt

    async def _decided_about(self, subject: str | None, found: Belongings) -> list[str]:
        """Decisions about what was found that cite none of it: an abstention quotes its question all the same.

        A withdrawal (`subject` is None) leaves alone what is about the CRM's own records.
        """
        about, link = DecisionContextRow, DecisionRow
        same = (link.tenant_id == about.tenant_id) & (link.index == about.index)
        theirs: ColumnElement[bool] = about.conversation_id.in_(found.conversations)
        if subject is not None:
            theirs = or_(theirs, about.account_id == subject, about.deal_id.in_(found.deals))
        return list(await self._session.scalars(select(link.decision_id).join(about, same).where(theirs)))

    async def _forget_chats(self, decision_ids: Sequence[str]) -> None:
        """Remove shown answers that said what is erased, and the words of messages that were worked on."""
        await self._session.execute(delete(ChatAnswerRow).where(ChatAnswerRow.decision_id.in_(decision_ids)))
        await self._session.execute(update(InboxRow).where(InboxRow.done_at.is_not(None)).values(payload={}))

    async def _source_ids(self, found: Belongings, *, with_records: bool = True) -> list[str]:
        """Every source of what was found; a withdrawal leaves the CRM's own records alone."""
        prefixes = [f"{SourceKind.TURN}:{safe_part(each)}:" for each in found.conversations]
        turns = [source.source_id for prefix in prefixes for source in await Sources(self._scope).under(prefix)]
        if not with_records:
            return turns
        return turns + [source.source_id for source in await self._crm_sources(found)]

    async def _crm_sources(self, found: Belongings) -> list[Any]:
        accounts = [account_source_id(each, "_").removesuffix("_") for each in found.accounts]
        deals = [deal_source_id(each, "_").removesuffix("_") for each in found.deals]
        return [source for prefix in accounts + deals for source in await Sources(self._scope).under(prefix)]

    async def _receipt(self, action: str, subject: str, by: str, document: dict[str, Any]) -> Receipt:
        now = self._now()
        values = {"receipt_id": new_id("rcpt", now), "action": action, "subject": subject, "at": now, "by": by}
        await self._insert(ReceiptRow, [{**values, "document": document}])
        return Receipt(
            receipt_id=str(values["receipt_id"]), action=action, subject=subject, at=now, by=by, document=document
        )


def _counts(found: Belongings, decisions: int) -> dict[str, Any]:
    ids: dict[str, Sequence[str]] = {"accounts": found.accounts, "deals": found.deals, "calls": found.calls}
    return {
        **{name: list(each) for name, each in ids.items()},
        "conversations": list(found.conversations),
        "decisions": decisions,
    }


def _receipt(row: ReceiptRow) -> Receipt:
    return Receipt(
        receipt_id=row.receipt_id, action=row.action, subject=row.subject, at=row.at, by=row.by, document=row.document
    )
