"""Voices on file: what a rep who agreed to it is known by in mixed recordings, sealed, and gone with the consent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from domain.conversation import ConsentStatus
from domain.errors import ConflictError, IntegrityError, NotFoundError
from store.consents import Consents
from store.people import People
from store.sealed import SealedRepository
from store.tables import RepVoiceRow


@dataclass(frozen=True, slots=True, kw_only=True)
class RepVoice:
    """That a voice is on file, and by whose leave; the voice itself is read by `RepVoices.print_of` alone."""

    rep_id: str
    consent_reference: str
    enrolled_at: datetime


class RepVoices(SealedRepository):
    """The voices on file of one tenant; none unless a rep asked for it."""

    async def enrol(self, rep_id: str, voiceprint: str, *, consent_reference: str) -> RepVoice:
        """Keep what a rep is known by, sealed, in place of what was kept before.

        Args:
            voiceprint: As text; see `speech.voiceprints`.
            consent_reference: The rep's own consent to this: its subject is the rep.

        Raises:
            NotFoundError: There is no such rep.
            ConflictError: There is no such consent, it is not the rep's, or it was withdrawn.
            MissingError: This process has no key.
        """
        await self.refuse_without_consent(rep_id, consent_reference)
        values = {
            "rep_id": rep_id,
            "sealed": self._key().seal(voiceprint),
            "consent_reference": consent_reference,
            "enrolled_at": self._now(),
        }
        await self._upsert(RepVoiceRow, ["rep_id"], values)
        return RepVoice(rep_id=rep_id, consent_reference=consent_reference, enrolled_at=self._now())

    async def refuse_without_consent(self, rep_id: str, consent_reference: str) -> None:
        """Make sure, before a voice is listened to, that it may be kept.

        Raises:
            NotFoundError: There is no such rep.
            ConflictError: There is no such consent, it is not the rep's, or it was withdrawn.
        """
        if await People(self._scope).rep(rep_id) is None:
            raise NotFoundError("store.no_rep")
        record = await Consents(self._scope).get(consent_reference)
        if record is None or record.subject != rep_id or record.consent.status is not ConsentStatus.GRANTED:
            raise ConflictError("store.no_voice_consent")

    async def get(self, rep_id: str) -> RepVoice | None:
        """Return whether a rep's voice is on file, and since when."""
        row = await self._row(rep_id)
        return None if row is None else _shown(row)

    async def all(self) -> list[RepVoice]:
        """Return whose voices are on file, in order of rep."""
        rows = await self._session.scalars(select(RepVoiceRow).order_by(RepVoiceRow.rep_id))
        return [_shown(row) for row in rows]

    async def print_of(self, rep_id: str | None) -> str | None:
        """Return what a rep is known by; None where nothing is kept, or the consent no longer holds.

        A voice that was sealed with another key counts as not there: no call fails for it.
        """
        row = None if rep_id is None else await self._row(rep_id)
        if row is None:
            return None
        consent = await Consents(self._scope).status(row.consent_reference)
        if consent.status is not ConsentStatus.GRANTED:
            return None
        try:
            return self._key().open(row.sealed)
        except IntegrityError:
            return None

    async def forget(self, rep_id: str) -> bool:
        """Erase a rep's voice; False where none was kept."""
        return await self._changed(delete(RepVoiceRow).where(RepVoiceRow.rep_id == rep_id)) > 0

    async def _row(self, rep_id: str) -> RepVoiceRow | None:
        found: RepVoiceRow | None = await self._session.scalar(select(RepVoiceRow).where(RepVoiceRow.rep_id == rep_id))
        return found


def _shown(row: RepVoiceRow) -> RepVoice:
    return RepVoice(rep_id=row.rep_id, consent_reference=row.consent_reference, enrolled_at=row.enrolled_at)
