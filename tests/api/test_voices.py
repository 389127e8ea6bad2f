"""Voices on file: opt-in by the rep's own consent, sealed, never given out, gone when asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import select

from api.testing import TestParts, client_of, key_for
from speech.voiceprints import Voiceprint
from store.consents import ConsentRecord
from store.keys import Role
from store.people import Rep
from store.tables import RepVoiceRow
from store.work import Store

VOICE = "/v1/reps/r1/voice"
CLIP = {"audio": b"\x05\x06\x07\x08 and more"}
BY_LEAVE = {"consent_reference": "voice-1"}


@pytest.fixture(autouse=True)
async def reps(api_store: Store) -> AsyncIterator[None]:
    async with api_store.begin("acme") as work:
        for rep_id in ("r1", "r2"):
            await work.people.put_rep(Rep(rep_id=rep_id, name=rep_id))
        for reference, subject in (("voice-1", "r1"), ("voice-2", "r2")):
            await work.consents.put(ConsentRecord(reference=reference, subject=subject, granted_at=api_store.clock()))
    yield


async def on_file(store: Store) -> str | None:
    async with store.read("acme") as work:
        return await work.rep_voices.print_of("r1")


async def test_a_voice_is_kept_sealed_and_shown_to_nobody(client: httpx.AsyncClient, api_store: Store) -> None:
    kept = await client.put(VOICE, files=CLIP, data=BY_LEAVE)
    shown = await client.get(VOICE)

    assert kept.status_code == shown.status_code == 200
    assert set(shown.json()) == {"rep_id", "consent_reference", "enrolled_at"}
    printed = await on_file(api_store)
    assert printed is not None and Voiceprint.load(printed).wide.tolist() == [5, 6, 7, 8]
    async with api_store.across_tenants(writes=False) as session:
        row = (await session.scalars(select(RepVoiceRow))).one()
    assert "wide" not in row.sealed and printed not in row.sealed


@pytest.mark.parametrize("reference", ["voice-2", "nothing"])
async def test_without_the_reps_own_consent_no_voice_is_listened_to(
    client: httpx.AsyncClient, api_store: Store, reference: str
) -> None:
    refused = await client.put(VOICE, files=CLIP, data={"consent_reference": reference})

    assert (refused.status_code, refused.json()["code"]) == (409, "store.no_voice_consent")
    assert await on_file(api_store) is None


async def test_a_clip_that_holds_no_speech_is_said_so(client: httpx.AsyncClient) -> None:
    refused = await client.put(VOICE, files={"audio": bytes(40)}, data=BY_LEAVE)

    assert (refused.status_code, refused.json()["code"]) == (422, "speech.enrolment_too_short")


async def test_a_rep_reaches_no_voice_but_their_own_and_the_try_is_logged(parts: TestParts, api_store: Store) -> None:
    header = await key_for(api_store, "acme", role=Role.REP, rep_id="r2")
    async with client_of(parts, **header) as other:
        refused = await other.put(VOICE, files=CLIP, data=BY_LEAVE)
        own = await other.put("/v1/reps/r2/voice", files=CLIP, data={"consent_reference": "voice-2"})

    assert (refused.status_code, own.status_code) == (404, 200)
    async with api_store.read("acme") as work:
        (refusal,) = await work.access.log(limit=9, allowed=False)
    assert (refusal.object_kind, refusal.object_id, refusal.why) == ("voice", "r1", "not_visible")


async def test_a_voice_is_forgotten_when_asked(client: httpx.AsyncClient, api_store: Store) -> None:
    await client.put(VOICE, files=CLIP, data=BY_LEAVE)

    assert (await client.delete(VOICE)).status_code == 204
    assert (await client.delete(VOICE)).status_code == 404
    assert await on_file(api_store) is None


@pytest.mark.parametrize("what", ["withdraw", "erase"])
async def test_with_the_consent_the_voice_goes(client: httpx.AsyncClient, api_store: Store, what: str) -> None:
    await client.put(VOICE, files=CLIP, data=BY_LEAVE)

    assert (await client.post(f"/v1/subjects/r1/{what}")).status_code == 200
    assert (await client.get(VOICE)).status_code == 404
    async with api_store.across_tenants(writes=False) as session:
        assert (await session.scalars(select(RepVoiceRow))).all() == []
