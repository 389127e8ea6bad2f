"""Calls as they happen, over a real WebSocket on a loopback server."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import numpy as np
import pytest
import structlog
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from api.app import create_app
from api.parts import ApiLimits
from api.routes.live import MOST_MESSAGE_BYTES
from api.testing import TestParts, key_for
from domain.errors import ModelError
from speech.audio import AudioLimits, Samples, decode
from speech.recognizer import Hypothesis
from speech.testing import ScriptedRecognizer, quiet, tone
from store.calls import Call
from store.consents import ConsentRecord
from store.keys import ApiScope
from store.work import Store

CALL = np.stack(
    [np.concatenate([quiet(0.5), tone(2.0), quiet(3.5)]), np.concatenate([quiet(3.0), tone(2.0), quiet(1.0)])]
)
START = {"type": "start", "consent_reference": "rec-1", "external_id": "pbx-7"}


class BrokenRecognizer(ScriptedRecognizer):
    def recognize(self, windows: Sequence[Samples], *, language: str | None, prompt: str) -> list[Hypothesis]:
        raise ModelError("speech.recognizer_failed", model="scripted")


@asynccontextmanager
async def served(parts: TestParts) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(create_app(parts), port=0, log_config=None, lifespan="off"))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"ws://127.0.0.1:{port}/v1/calls/live"
    finally:
        server.should_exit = True
        await running


@pytest.fixture
async def address(parts: TestParts) -> AsyncIterator[str]:
    async with served(parts) as address:
        yield address


@pytest.fixture
async def consent(api_store: Store) -> None:
    async with api_store.begin("acme") as work:
        await work.consents.put(ConsentRecord(reference="rec-1", subject="A1", granted_at=api_store.clock()))


def messages(samples: Samples) -> list[bytes]:
    content = (samples.T * 32767).astype("<i2").tobytes()
    return [content[at : at + 12_801] for at in range(0, len(content), 12_801)]


async def speak(line: ClientConnection, samples: Samples = CALL, **start: object) -> None:
    await line.send(json.dumps({**START, **start}))
    for message in messages(samples):
        await line.send(message)


async def heard(line: ClientConnection) -> list[dict[str, object]]:
    said = []
    try:
        while True:
            said.append(json.loads(await line.recv()))
    except ConnectionClosed:
        return said


async def stored_calls(store: Store) -> list[Call]:
    from store.calls import CallFilter

    async with store.read("acme") as work:
        return await work.calls.page(CallFilter(), limit=9)


async def test_a_call_gives_its_turns_and_is_queued_like_an_upload(
    address: str, key: dict[str, str], consent: None, api_store: Store
) -> None:
    async with connect(address, additional_headers=key) as line:
        await speak(line)
        await line.send(json.dumps({"type": "stop"}))
        said = await heard(line)

    assert [one["type"] for one in said] == ["ready", "final", "final", "stored"]
    turns = [one["turn"] for one in said if one["type"] == "final"]
    assert [(turn["speaker"], turn["text"]) for turn in turns] == [("rep", "您好。"), ("customer", "太贵了。")]
    (call,) = await stored_calls(api_store)
    assert said[-1]["call"]["id"] == call.call_id
    assert (call.status, call.details.external_id) == ("queued", "pbx-7")


async def test_the_recording_that_is_kept_is_what_was_said(
    address: str, key: dict[str, str], consent: None, api_store: Store
) -> None:
    async with connect(address, additional_headers=key) as line:
        await speak(line)
        await line.send(json.dumps({"type": "stop"}))
        await heard(line)

    (call,) = await stored_calls(api_store)
    async with api_store.read("acme") as work:
        path = await work.blobs.path(call.blob_hash or "")
    kept = np.concatenate(list(decode(path, limits=AudioLimits())), axis=1)
    assert kept.shape == CALL.shape
    assert np.abs(kept - CALL).max() < 1e-3


async def test_a_caller_who_hangs_up_loses_nothing(
    parts: TestParts, key: dict[str, str], consent: None, api_store: Store
) -> None:
    async with served(parts) as address, connect(address, additional_headers=key) as line:
        await speak(line)
        assert json.loads(await line.recv()) == {"type": "ready"}
        await line.recv()
    (call,) = await stored_calls(api_store)
    assert call.status == "queued"


@pytest.mark.parametrize("start", [{"consent_reference": None}, {"consent_reference": "rec-9"}])
async def test_without_a_consent_nothing_is_heard_or_kept(
    address: str, key: dict[str, str], consent: None, api_store: Store, start: dict[str, object]
) -> None:
    async with connect(address, additional_headers=key) as line:
        await line.send(json.dumps({**START, **start}))
        said = await heard(line)

    assert [(one["type"], one["code"]) for one in said] == [("error", "api.live_needs_consent")]
    assert line.close_code == 1008
    assert await stored_calls(api_store) == []


@pytest.mark.parametrize(
    "first",
    ["no json", "{}", '{"type": "start", "channels": 3}', '{"type": "start", "sample_rate": 1}', b"\0\0",
     '{"type": "start", "consent_reference": "rec-1", "channels": 1, "roles": ["rep", "customer"]}'],
)  # fmt: skip
async def test_a_bad_start_is_refused_with_its_reason(
    address: str, key: dict[str, str], consent: None, first: str | bytes
) -> None:
    async with connect(address, additional_headers=key) as line:
        await line.send(first)
        said = await heard(line)

    assert [(one["type"], one["code"], one["status"]) for one in said] == [("error", "api.invalid", 422)]


async def test_a_call_in_which_nothing_came_is_not_kept(
    address: str, key: dict[str, str], consent: None, api_store: Store
) -> None:
    async with connect(address, additional_headers=key) as line:
        await speak(line, CALL[:, :0])
        await line.send(json.dumps({"type": "stop"}))
        said = await heard(line)

    assert said[-1]["code"] == "api.empty_audio"
    assert await stored_calls(api_store) == []


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer zq_wrong"}])
async def test_without_a_key_the_handshake_is_refused(address: str, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(address, additional_headers=headers):
            pass

    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body or b"")["code"] == "api.unauthenticated"


async def test_a_key_that_may_only_read_is_refused(address: str, api_store: Store) -> None:
    header = await key_for(api_store, "acme", scopes=frozenset({ApiScope.READ}))

    with pytest.raises(InvalidStatus) as refused:
        async with connect(address, additional_headers=header):
            pass

    assert refused.value.response.status_code == 403


async def test_a_browser_offers_its_key_as_a_protocol(address: str, key: dict[str, str], consent: None) -> None:
    secret = key["authorization"].removeprefix("Bearer ")
    offered = [Subprotocol("zhanqing.live.v1"), Subprotocol(f"bearer.{secret}")]
    async with connect(address, subprotocols=offered) as line:
        await line.send(json.dumps(START))
        first = json.loads(await line.recv())

    assert line.subprotocol == "zhanqing.live.v1"
    assert first == {"type": "ready"}


async def test_another_tenants_consent_opens_no_line(
    address: str, stranger: dict[str, str], consent: None, api_store: Store
) -> None:
    async with connect(address, additional_headers=stranger) as line:
        await line.send(json.dumps(START))
        said = await heard(line)

    assert [one["code"] for one in said] == ["api.live_needs_consent"]


async def test_a_recogniser_that_fails_does_not_cost_the_recording(
    parts: TestParts, key: dict[str, str], consent: None, api_store: Store
) -> None:
    broken = dataclasses.replace(parts, live_recognizer=BrokenRecognizer([]))
    async with served(broken) as address, connect(address, additional_headers=key) as line:
        await speak(line)
        await line.send(json.dumps({"type": "stop"}))
        said = await heard(line)

    assert [one["type"] for one in said if one["type"] != "error"] == ["ready", "stored"]
    assert {one["code"] for one in said if one["type"] == "error"} == {"speech.recognizer_failed"}
    (call,) = await stored_calls(api_store)
    assert call.status == "queued"


async def test_sound_that_cannot_be_decoded_ends_the_call_and_keeps_what_came(
    address: str, key: dict[str, str], consent: None
) -> None:
    async with connect(address, additional_headers=key) as line:
        await line.send(json.dumps({**START, "encoding": "opus"}))
        await line.send(b"\xff" * 50)
        said = await heard(line)

    assert [one.get("code") for one in said] == [None, "speech.bad_live_sound"]


async def test_only_so_many_calls_are_heard_at_once(parts: TestParts, key: dict[str, str], consent: None) -> None:
    narrow = dataclasses.replace(parts, limits=ApiLimits(live_calls=1))
    async with served(narrow) as address, connect(address, additional_headers=key) as line:
        await line.send(json.dumps(START))
        await line.recv()
        with pytest.raises(InvalidStatus) as refused:
            async with connect(address, additional_headers=key):
                pass

    assert refused.value.response.status_code == 429
    assert refused.value.response.headers["retry-after"] == "60"


async def test_a_live_call_is_one_request_with_an_id_a_line_and_a_count(
    parts: TestParts, key: dict[str, str], consent: None
) -> None:
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        async with (
            served(parts) as address,
            connect(address, additional_headers={**key, "x-request-id": "pbx-1"}) as line,
        ):
            await line.send(json.dumps({"type": "stop"}))
            await heard(line)
            taken = line.response
            with pytest.raises(InvalidStatus) as refused:
                async with connect(address):
                    pass

    assert taken is not None and taken.headers["x-request-id"] == "pbx-1"
    assert refused.value.response.headers["x-request-id"].startswith("req-")
    answered = [one for one in lines if one["event"] == "request.answered"]
    assert sorted((one["method"], one["route"], one["status"]) for one in answered) == [
        ("WS", "/v1/calls/live", 101),
        ("WS", "/v1/calls/live", 401),
    ]
    (own,) = [one for one in answered if one["status"] == 101]
    assert (own["request_id"], own["tenant_id"]) == ("pbx-1", "acme")


async def test_a_piece_larger_than_sound_need_be_ends_the_call(
    address: str, key: dict[str, str], consent: None, api_store: Store
) -> None:
    async with connect(address, additional_headers=key) as line:
        await line.send(json.dumps(START))
        await line.send(bytes(MOST_MESSAGE_BYTES + 2))
        said = await heard(line)

    assert [one.get("code") for one in said] == [None, "api.too_large"]
    assert await stored_calls(api_store) == []
