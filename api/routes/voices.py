"""Voices on file: a rep who agrees to it is known by their voice in recordings where channels do not tell.

Opt-in and erasable. The recording is forgotten at once; what is kept of it is sealed and never given out.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response, UploadFile
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from api.callers import SECURED, Caller, Reader, Writer
from api.documents import answer
from api.errors import documented
from api.parts import parts_of
from api.rights import refuse_unseen, sees
from domain.errors import NotFoundError
from speech.voiceprints import Voiceprint
from store.rep_voices import RepVoice
from wire.documents import dump

router = APIRouter(prefix="/v1/reps/{rep_id}/voice", tags=["privacy"], dependencies=SECURED)

Reference = Annotated[str, Form(min_length=1, max_length=200)]


class VoiceDocument(BaseModel):
    """That a voice is on file, since when and by whose leave."""

    rep_id: str
    consent_reference: str
    enrolled_at: str


@router.put("", response_model=VoiceDocument, responses=documented(404, 409, 422))
async def enrol_voice(
    request: Request, caller: Writer, rep_id: str, audio: UploadFile, consent_reference: Reference
) -> JSONResponse:
    """Learn a rep's voice from a recording of them alone; their own consent to this must be on record."""
    await _refuse_others(request, caller, rep_id)
    parts = parts_of(request)
    async with parts.store.read(caller.tenant) as work:
        await work.rep_voices.refuse_without_consent(rep_id, consent_reference)
    voice = await asyncio.to_thread(_heard, parts.voiceprint, audio)
    async with parts.store.begin(caller.tenant) as work:
        kept = await work.rep_voices.enrol(rep_id, voice, consent_reference=consent_reference)
    return answer(dump(kept))


@router.get("", response_model=VoiceDocument, responses=documented(404))
async def get_voice(request: Request, caller: Reader, rep_id: str) -> JSONResponse:
    """Say whether a rep's voice is on file; the voice itself is never given out."""
    await _refuse_others(request, caller, rep_id)
    async with parts_of(request).store.read(caller.tenant) as work:
        kept: RepVoice | None = await work.rep_voices.get(rep_id)
    if kept is None:
        raise NotFoundError("api.no_voice")
    return answer(dump(kept))


@router.delete("", status_code=204, response_class=Response, responses=documented(404))
async def forget_voice(request: Request, caller: Writer, rep_id: str) -> Response:
    """Erase what a rep is known by; no consent is asked for that."""
    await _refuse_others(request, caller, rep_id)
    async with parts_of(request).store.begin(caller.tenant) as work:
        if not await work.rep_voices.forget(rep_id):
            raise NotFoundError("api.no_voice")
    return Response(status_code=204)


async def _refuse_others(request: Request, caller: Caller, rep_id: str) -> None:
    async with parts_of(request).store.read(caller.tenant) as work:
        seen = await sees(work, caller, rep_id=rep_id, object_kind="voice", object_id=rep_id)
    missing = NotFoundError("api.no_voice")
    await refuse_unseen(request, caller, seen=seen, missing=missing, object_kind="voice", object_id=rep_id)


def _heard(voiceprint: Callable[[Path], Voiceprint], audio: UploadFile) -> str:
    """What a voice is known by, as text; the recording is on disk only while it is listened to."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "voice"
        with path.open("wb") as file:
            shutil.copyfileobj(audio.file, file)
        return voiceprint(path).dump()
