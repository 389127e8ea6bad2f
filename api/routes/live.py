"""A call as it happens: sound in over a WebSocket, partial and final turns out, kept and queued like an upload.

The first message says what comes (`start`); then each binary message is sound; `stop`, or hanging up, ends the call.
Nothing is heard or kept without a consent. Whatever ends the call, what was heard until then is stored.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import structlog
from fastapi import APIRouter, Request, WebSocket, WebSocketDisconnect
from pydantic import Field, ValidationError

from api.callers import LIVE_PROTOCOL, Caller, authenticate, note_refusal
from api.documents import CallMetadata
from api.errors import RefusedError, language_of, problem, status_of
from api.parts import ApiParts, parts_of
from api.routes.calls import call_details, call_document
from domain.conversation import ConsentStatus
from domain.errors import ConflictError, DeniedError, InputError, ZhanqingError
from domain.lexicon import Lexicon
from speech.audio import RATE
from speech.live import LiveTranscriber, LiveTurn
from speech.live_audio import OpusStream, PcmStream, RecordingFile, SoundStream
from store.calls import Call, CallDetails
from store.keys import ApiScope
from wire.documents import dump, first_fault

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/v1/calls", tags=["calls"])

IDLE_S = 30.0
"""A line that carries nothing for so long has been hung up."""

MOST_MESSAGE_BYTES = 1 << 20
"""Sound comes in pieces; five seconds of the largest kind are less."""

_BEHIND_S = 1.0
_REFUSED, _FAILED = 1008, 1011


class LiveStart(CallMetadata):
    """The first message: what comes, and what is known of the call."""

    type: Literal["start"]
    encoding: Literal["pcm_s16le", "opus"] = "pcm_s16le"
    sample_rate: Annotated[int, Field(ge=8000, le=48_000)] = RATE
    channels: Annotated[int, Field(ge=1, le=2)] = 2


class LiveCall:
    """One call on the line: its sound becomes turns and a file. Not for two threads at once."""

    def __init__(self, transcriber: LiveTranscriber, sound: SoundStream, file: RecordingFile) -> None:
        self._transcriber, self._sound, self._file = transcriber, sound, file
        self._debt_s = 0.0
        self._is_deaf = False

    @property
    def heard_s(self) -> float:
        """Length of what came so far, in seconds."""
        return self._file.samples / RATE

    def hear(self, content: bytes) -> list[LiveTurn]:
        """Keep a piece of sound and return what is new; partial turns are left out when the call runs ahead of us.

        Raises:
            InputError: The sound cannot be decoded.
            ZhanqingError: The recogniser failed; from then on sound is only kept.
        """
        began = time.monotonic()
        samples = self._sound.heard(content)
        self._file.write(samples)
        turns = self._recognized(lambda: self._transcriber.feed(samples, with_partials=self._debt_s < _BEHIND_S))
        self._debt_s = max(0.0, self._debt_s + time.monotonic() - began - samples.shape[1] / RATE)
        return turns

    def finish(self) -> list[LiveTurn]:
        """Close the file and return the turns that were still open."""
        self._file.close()
        return self._recognized(self._transcriber.finish)

    def _recognized(self, recognize: Callable[[], list[LiveTurn]]) -> list[LiveTurn]:
        if self._is_deaf:
            return []
        try:
            return recognize()
        except ZhanqingError:
            self._is_deaf = True
            raise


@router.websocket("/live")
async def live_call(socket: WebSocket) -> None:
    """Listen to a call; see docs/live.md for the messages."""
    parts = parts_of(socket)
    lines: set[WebSocket] = socket.app.state.live_calls
    try:
        caller = await _writer(socket)
        if len(lines) >= parts.limits.live_calls:
            await note_refusal(socket, caller, why="too_many_live_calls")
            raise RefusedError("api.too_many_requests", headers={"retry-after": "60"}, seconds=60)
    except ZhanqingError as error:
        await _refuse(socket, error)
        return
    lines.add(socket)
    try:
        await socket.accept(subprotocol=LIVE_PROTOCOL if LIVE_PROTOCOL in socket.scope["subprotocols"] else None)
        await _serve(socket, parts, caller)
    except WebSocketDisconnect:
        log.info("live_call.hung_up")
    finally:
        lines.discard(socket)


async def _serve(socket: WebSocket, parts: ApiParts, caller: Caller) -> None:
    """Take the call from its first message to its stored end."""
    try:
        start = await _started(socket)
        details = call_details(start, caller)
        lexicon = await _allowed(parts, caller.tenant, details)
        transcriber = await asyncio.to_thread(
            parts.live_transcriber, channels=start.channels, roles=details.roles, lexicon=lexicon
        )
    except ValueError as error:  # roles that do not fit the channels
        await _tell_end(socket, InputError("api.invalid", faults=f"/roles: {error}"))
        return
    except ZhanqingError as error:
        await _tell_end(socket, error)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "call.flac"
        file = RecordingFile(path, channels=start.channels)
        line = LiveCall(transcriber, _sound_of(start), file)
        try:
            await socket.send_json({"type": "ready"})
            fault, is_there = await _listen(socket, line, parts)
        finally:
            await asyncio.to_thread(file.close)
        call = await _keep(parts, caller.tenant, path, details) if line.heard_s else None
    if is_there:
        await _tell_stored(socket, call, fault)


async def _listen(socket: WebSocket, line: LiveCall, parts: ApiParts) -> tuple[ZhanqingError | None, bool]:
    """Hear until the call ends; return what was wrong, if anything, and whether the caller is still there."""
    fault: ZhanqingError | None = None
    while True:
        try:
            content = await _sound(socket)
            if content is None or line.heard_s > parts.limits.live_call_s:
                break
            await _show(socket, await asyncio.to_thread(line.hear, content))
        except WebSocketDisconnect:
            return fault, False
        except ZhanqingError as error:
            fault = error
            if isinstance(error, InputError):
                break  # what cannot be decoded now will not be later
            await _tell(socket, error)
    try:
        await _show(socket, await asyncio.to_thread(line.finish))
    except WebSocketDisconnect:
        return fault, False
    except ZhanqingError as error:
        fault = fault or error
    return fault, True


async def _writer(socket: WebSocket) -> Caller:
    caller = await authenticate(socket)
    if ApiScope.WRITE not in caller.scopes:
        await note_refusal(socket, caller, why=f"missing_scope:{ApiScope.WRITE}")
        raise DeniedError("api.missing_scope", scope=ApiScope.WRITE)
    return caller


async def _started(socket: WebSocket) -> LiveStart:
    try:
        async with asyncio.timeout(IDLE_S):
            message = await socket.receive()
    except TimeoutError as error:
        raise InputError("api.live_needs_start") from error
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1006))
    try:
        return LiveStart.model_validate_json(message.get("text") or "")
    except ValidationError as error:
        raise InputError("api.invalid", faults=first_fault(error)) from error


async def _allowed(parts: ApiParts, tenant: str, details: CallDetails) -> Lexicon:
    """Return the names to listen for, once it is sure that the call may be listened to.

    Raises:
        ConflictError: There is no consent, or it was withdrawn.
    """
    async with parts.store.read(tenant) as work:
        consent = await work.consents.status(details.consent_reference)
        if consent.status is not ConsentStatus.GRANTED:
            raise ConflictError("api.live_needs_consent")
        return tuple(await work.lexicons.all())


def _sound_of(start: LiveStart) -> SoundStream:
    if start.encoding == "opus":
        return OpusStream(channels=start.channels)
    return PcmStream(rate=start.sample_rate, channels=start.channels)


async def _sound(socket: WebSocket) -> bytes | None:
    """Return the next piece of sound, or None when the call is over: told so, or nothing came for long.

    Raises:
        WebSocketDisconnect: The caller hung up.
        InputError: A piece is larger than any piece of sound need be.
    """
    try:
        async with asyncio.timeout(IDLE_S):
            message = await socket.receive()
    except TimeoutError:
        return None
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1006))
    content = cast("bytes | None", message.get("bytes"))
    if content is not None and len(content) > MOST_MESSAGE_BYTES:
        raise InputError("api.too_large")
    return content


async def _keep(parts: ApiParts, tenant: str, path: Path, details: CallDetails) -> Call:
    """Store the recording and queue its digest, exactly as an upload."""
    with await asyncio.to_thread(path.open, "rb") as source:
        kept = await parts.store.keep_file(tenant, source)
    async with parts.store.begin(tenant) as work:
        call = await work.calls.submit(kept, details, media_type="audio/flac")
    log.info("live_call.stored", call_id=call.call_id, status=call.status)
    return call


async def _show(socket: WebSocket, turns: list[LiveTurn]) -> None:
    for one in turns:
        await socket.send_json(
            {"type": "final" if one.is_final else "partial", "turn": dump(one.turn, keep_none=False)}
        )


async def _tell_stored(socket: WebSocket, call: Call | None, fault: ZhanqingError | None) -> None:
    if fault is not None:
        await _tell(socket, fault)
    if call is not None:
        await socket.send_json({"type": "stored", "call": call_document(call)})
    elif fault is None:
        await _tell(socket, InputError("api.empty_audio"))
    await socket.close(_FAILED if fault is not None else 1000)


async def _tell(socket: WebSocket, error: ZhanqingError) -> None:
    detail = error.line(language_of(cast(Request, socket)))  # it only reads a header
    await socket.send_json({"type": "error", "code": error.code, "status": status_of(error), "detail": detail})


async def _tell_end(socket: WebSocket, error: ZhanqingError) -> None:
    await _tell(socket, error)
    await socket.close(_REFUSED)


async def _refuse(socket: WebSocket, error: ZhanqingError) -> None:
    """Answer the handshake itself with the problem that any route would answer with."""
    headers: dict[str, Any] = error.headers if isinstance(error, RefusedError) else {}
    request = cast(Request, socket)  # a problem needs its address, its headers and its state
    await socket.send_denial_response(
        problem(request, status_of(error), error.code, error.line(language_of(request)), headers=headers)
    )
