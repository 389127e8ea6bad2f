"""A consent is put on record, and the calls that waited for it are listened to: for the API and the console."""

from __future__ import annotations

from collections.abc import Sequence

from domain.conversation import ConsentStatus
from domain.errors import ConflictError, DeniedError
from store.consents import ConsentRecord
from store.work import Work


async def record_consent(work: Work, record: ConsentRecord, call_ids: Sequence[str]) -> tuple[ConsentRecord, list[str]]:
    """Store a consent unless its reference is known, and queue the quarantined calls that rest on it.

    Args:
        call_ids: Calls that from now on rest on it; the caller sees them.

    Returns:
        The record that counts, and the ids of the calls that were queued.

    Raises:
        DeniedError: `api.consent_withdrawn`: the consent of this reference was withdrawn; nothing is released.
    """
    stored = await work.consents.put(record)
    if stored.consent.status is not ConsentStatus.GRANTED:
        raise DeniedError("api.consent_withdrawn")
    return stored, await work.calls.release(record.reference, call_ids)


async def refuse_consent_of_another(work: Work, record: ConsentRecord) -> None:
    """Refuse a reference typed by hand that already stands for somebody else's consent.

    Raises:
        ConflictError: `api.consent_of_another`.
    """
    known = await work.consents.get(record.reference)
    if known is not None and known.subject != record.subject:
        raise ConflictError("api.consent_of_another")
