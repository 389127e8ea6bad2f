"""Recordings over HTTP: accepted or quarantined, followed, read, and refused with a reason."""

from __future__ import annotations

import json

import httpx
import pytest

from api.testing import TestParts, client_of, key_for
from domain.conversation import Consent, ConsentStatus, Transcript, Turn
from domain.signals import Analysis
from store.keys import Role
from store.queue import JobQueue
from store.testing import SteppingClock
from store.work import Store


async def submit(client: httpx.AsyncClient, audio: bytes, **metadata: object) -> httpx.Response:
    return await client.post(
        "/v1/calls", files={"audio": ("call.ogg", audio, "audio/ogg")}, data={"metadata": json.dumps(metadata)}
    )


async def consented(client: httpx.AsyncClient) -> None:
    answered = await client.post("/v1/consents", json={"reference": "rec-1", "subject": "A1"})
    assert answered.status_code == 201


async def finish(store: Store, call_id: str) -> None:
    """Do what the worker does, in short."""
    claim = await JobQueue(store).claim("w", lease_s=60, kinds=["digest_call"])
    assert claim is not None
    consent = Consent(status=ConsentStatus.GRANTED, reference="rec-1")
    transcript = Transcript(id=call_id, consent=consent, turns=(Turn(id="t001", speaker="customer", text="太贵了"),))
    async with store.begin("acme") as work:
        await work.leases.progress(claim.lease, 50, "transcribe")
        await work.conversations.put(transcript)
        await work.signals.put(call_id, Analysis(conversation_id=call_id, signals=(), metrics=()))
        await work.signals.put_report(call_id, document={"summary": "复盘"}, html="<p>复盘</p>")
        await work.leases.finish(claim.lease)


async def test_a_call_with_a_consent_is_accepted_and_can_be_read_when_done(
    client: httpx.AsyncClient, api_store: Store, recording: bytes
) -> None:
    await consented(client)
    accepted = await submit(client, recording, consent_reference="rec-1", roles=["rep", "customer"])
    assert (accepted.status_code, accepted.json()["status"]) == (202, "queued")
    where = accepted.headers["location"]
    early = await client.get(f"{where}/transcript")
    assert (early.status_code, early.json()["code"]) == (409, "api.call_not_ready")
    await finish(api_store, accepted.json()["id"])
    assert (await client.get(where)).json()["status"] == "done"
    assert (await client.get(f"{where}/transcript")).json()["turns"][0]["text"] == "太贵了"
    assert (await client.get(f"{where}/analysis")).json()["signals"] == []
    assert (await client.get(f"{where}/report")).json() == {"summary": "复盘"}
    page = await client.get(f"{where}/report", headers={"accept": "text/html"})
    assert (page.headers["content-type"], page.text) == ("text/html; charset=utf-8", "<p>复盘</p>")


async def test_without_a_consent_a_call_is_quarantined_until_one_comes(
    client: httpx.AsyncClient, recording: bytes
) -> None:
    accepted = await submit(client, recording)
    assert (accepted.status_code, accepted.json()["status"]) == (202, "quarantined")
    call_id = accepted.json()["id"]
    given = await client.post("/v1/consents", json={"reference": "rec-1", "subject": "A1", "call_ids": [call_id]})
    assert given.json()["released_calls"] == [call_id]
    assert (await client.get(f"/v1/calls/{call_id}")).json()["status"] == "queued"


async def test_progress_is_streamed_and_resumed(client: httpx.AsyncClient, api_store: Store, recording: bytes) -> None:
    await consented(client)
    call = (await submit(client, recording, consent_reference="rec-1")).json()
    await finish(api_store, call["id"])
    whole = await client.get(f"/v1/calls/{call['id']}/events")
    steps = [json.loads(line.removeprefix("data: ")) for line in whole.text.splitlines() if line.startswith("data:")]
    assert whole.headers["content-type"].startswith("text/event-stream")
    assert [(step["status"], step["percent"]) for step in steps] == [
        ("queued", 0),
        ("running", 0),
        ("running", 50),
        ("done", 100),
    ]
    rest = await client.get(f"/v1/calls/{call['id']}/events", headers={"last-event-id": "3"})
    assert "id: 4\nevent: status\n" in rest.text and "id: 3" not in rest.text
    over = await client.get(f"/v1/calls/{call['id']}/events", headers={"last-event-id": "4"})
    assert over.text == ""


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=0-3", 206, slice(0, 4)),
        ("bytes=300-", 206, slice(300, 306)),
        ("bytes=-6", 206, slice(300, 306)),
        ("bytes=0-99999", 206, slice(0, 306)),
        ("bytes=0-1,4-5", 200, slice(0, 306)),
        ("nonsense", 200, slice(0, 306)),
    ],
)
async def test_the_recording_can_be_fetched_in_parts(
    client: httpx.AsyncClient, recording: bytes, wanted: str, status: int, part: slice
) -> None:
    call = (await submit(client, recording)).json()
    answered = await client.get(f"/v1/calls/{call['id']}/audio", headers={"range": wanted})
    assert (answered.status_code, answered.content) == (status, recording[part])
    assert answered.headers["content-type"] == "audio/ogg"


async def test_a_range_outside_the_recording_is_said_so(client: httpx.AsyncClient, recording: bytes) -> None:
    call = (await submit(client, recording)).json()
    answered = await client.get(f"/v1/calls/{call['id']}/audio", headers={"range": "bytes=9999-"})
    assert (answered.status_code, answered.headers["content-range"]) == (416, "bytes */306")


@pytest.mark.parametrize(
    ("audio", "status", "code"), [(b"hello, I am text", 415, "api.not_audio"), (b"", 422, "api.empty_audio")]
)
async def test_what_is_no_recording_is_refused_and_not_kept(
    client: httpx.AsyncClient, api_store: Store, audio: bytes, status: int, code: str
) -> None:
    refused = await submit(client, audio)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert list((api_store.blob_folder.root / "acme").iterdir()) == []  # type: ignore[union-attr]  # given
    assert (await client.get("/v1/calls")).json()["data"] == []


async def test_metadata_that_is_no_json_is_malformed(client: httpx.AsyncClient, recording: bytes) -> None:
    refused = await client.post("/v1/calls", files={"audio": recording}, data={"metadata": "not json"})
    assert (refused.status_code, refused.json()["code"]) == (400, "api.malformed")


@pytest.mark.parametrize(
    "metadata", ["[]", '{"roles": ["boss"]}', '{"unknown": 1}', '{"started_at": "2026-11-20T09:30:00"}']
)
async def test_bad_metadata_is_refused(client: httpx.AsyncClient, recording: bytes, metadata: str) -> None:
    refused = await client.post("/v1/calls", files={"audio": recording}, data={"metadata": metadata})
    assert (refused.status_code, refused.json()["code"]) == (422, "api.invalid")


async def test_calls_are_paged_without_gap_or_repeat(
    client: httpx.AsyncClient, recording: bytes, clock: SteppingClock
) -> None:
    ids = [(await submit(client, recording)).json()["id"] for _ in range(5)]
    seen: list[str] = []
    cursor = None
    while True:
        page = (await client.get("/v1/calls", params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        seen += [call["id"] for call in page["data"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    assert seen == ids[::-1]


async def test_another_tenants_call_is_no_call(
    client: httpx.AsyncClient, stranger: dict[str, str], recording: bytes
) -> None:
    call = (await submit(client, recording)).json()
    for path in ("", "/events", "/transcript", "/analysis", "/report", "/audio"):
        answered = await client.get(f"/v1/calls/{call['id']}{path}", headers=stranger)
        assert (answered.status_code, answered.json()["code"]) == (404, "store.no_call")


async def test_a_rep_sees_their_own_calls_and_what_was_granted(
    client: httpx.AsyncClient, parts: TestParts, api_store: Store, recording: bytes, clock: SteppingClock
) -> None:
    own, other = [(await submit(client, recording, rep_id=rep)).json()["id"] for rep in ("r1", "r2")]
    header = await key_for(api_store, "acme", role=Role.REP, rep_id="r1")
    async with client_of(parts, **header) as rep:
        assert [call["id"] for call in (await rep.get("/v1/calls")).json()["data"]] == [own]
        assert (await rep.get(f"/v1/calls/{own}")).status_code == 200
        assert (await rep.get(f"/v1/calls/{other}")).status_code == 404
        async with api_store.begin("acme") as work:
            (refusal,) = await work.access.log(limit=9)
            until = clock().replace(hour=23)
            await work.access.grant(
                "r1", object_kind="call", object_id=other, ends_at=until, granted_by="m1", why="代班"
            )
        assert (await rep.get(f"/v1/calls/{other}")).status_code == 200
        clock.pass_s(24 * 3600)
        assert (await rep.get(f"/v1/calls/{other}")).status_code == 404
    assert (refusal.object_id, refusal.allowed, refusal.why) == (other, False, "not_visible")
