"""The wire of the DingTalk that stands on this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bots.testing.dingtalk import FakeCard, FakeDingtalk, Shown

_MAX_BODY = 20_000
_BROKEN_OFF = 1006
_TOKEN = "x-acs-dingtalk-access-token"  # noqa: S105 - the header's name

Answer = tuple[int, dict[str, Any]]
_OK: Answer = (200, {"success": True, "result": True})


def routes(fake: FakeDingtalk) -> Starlette:
    """Return the application that speaks for the platform."""

    def called(work: Callable[[FakeDingtalk, dict[str, Any]], Answer]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return await _call(fake, request, work)

        return answer

    async def open_connection(request: Request) -> Response:
        return await _unauthorised(fake, request, fake.open_connection)

    async def login(request: Request) -> Response:
        return await _unauthorised(fake, request, fake.login)

    async def session(request: Request) -> Response:
        return await _by_session(fake, request)

    async def file(request: Request) -> Response:
        return Response(fake.files[request.path_params["code"]])

    async def connect(socket: WebSocket) -> None:
        await _connect(fake, socket)

    post = ["POST"]
    return Starlette(
        routes=[
            WebSocketRoute("/connect", connect),
            Route("/v1.0/gateway/connections/open", open_connection, methods=post),
            Route("/v1.0/oauth2/accessToken", login, methods=post),
            Route("/v1.0/card/instances", called(_create), methods=post),
            Route("/v1.0/card/instances", called(_update), methods=["PUT"]),
            Route("/v1.0/card/instances/deliver", called(_deliver), methods=post),
            Route("/v1.0/card/streaming", called(_stream), methods=["PUT"]),
            Route("/v1.0/robot/oToMessages/batchSend", called(_to_people), methods=post),
            Route("/v1.0/robot/groupMessages/send", called(_to_group), methods=post),
            Route("/v1.0/robot/messageFiles/download", called(_download), methods=post),
            Route("/robot/sendBySession", session, methods=post),
            Route("/files/{code}", file),
        ]
    )


class _Socket:
    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._serving = asyncio.current_task()

    async def send(self, frame: Mapping[str, Any]) -> None:
        raw = frame.get("raw")
        # Somebody who is just leaving does not get it; without an answer it is sent again.
        with suppress(WebSocketDisconnect, RuntimeError, OSError):
            await self._socket.send_text(raw if isinstance(raw, str) else json.dumps(frame, ensure_ascii=False))

    async def hang_up(self, code: int) -> None:
        if code == _BROKEN_OFF and self._serving:
            self._serving.cancel()  # the server then drops the connection without a word
            return
        with suppress(WebSocketDisconnect, RuntimeError, OSError):
            await self._socket.close(code)


async def _connect(fake: FakeDingtalk, socket: WebSocket) -> None:
    if not fake.admit(socket.query_params.get("ticket", "")):
        await socket.close(1008)
        return
    await socket.accept()
    line = _Socket(socket)
    await fake.joined(line)
    try:
        while True:
            await fake.answered(json.loads(await socket.receive_text()))
    except (WebSocketDisconnect, asyncio.CancelledError):
        pass
    finally:
        await fake.left(line)


async def _unauthorised(fake: FakeDingtalk, request: Request, work: Callable[[Mapping[str, Any]], Answer]) -> Response:
    body = json.loads(await request.body())
    path = request.url.path
    fake.calls.append((f"{request.method} {path}", body))
    if fake.faults.get(path):
        fault = fake.faults[path].popleft()
        return JSONResponse(dict(fault.body), status_code=fault.status)
    status, said = work(body)
    await fake.note_change()
    return JSONResponse(said, status_code=status)


async def _call(
    fake: FakeDingtalk, request: Request, work: Callable[[FakeDingtalk, dict[str, Any]], Answer]
) -> Response:
    raw = await request.body()
    body = json.loads(raw)
    path = request.url.path
    fake.calls.append((f"{request.method} {path}", body))
    fault = fake.refusal(path, request.headers.get(_TOKEN, ""))
    if fault is not None:
        status, said = fault.status, dict(fault.body)
    elif len(raw) > _MAX_BODY:
        status, said = _bad("param.tooLarge")
    else:
        status, said = work(fake, body)
        fake.wrong += [str(said["code"])] if status != 200 else []
    await fake.note_change()
    return JSONResponse(said, status_code=status)


async def _by_session(fake: FakeDingtalk, request: Request) -> Response:
    raw = await request.body()
    body = json.loads(raw)
    name = request.query_params.get("session", "")
    fake.calls.append(("POST /robot/sendBySession", body))
    if fake.faults.get(request.url.path):
        fault = fake.faults[request.url.path].popleft()
        return JSONResponse(dict(fault.body), status_code=fault.status)
    said: dict[str, Any] = {"errcode": 0, "errmsg": "ok"}
    if len(raw) > _MAX_BODY:
        said = {"errcode": 460101, "errmsg": "消息内容过长，请保持大小在 20000bytes 以内"}
    elif fake.sessions.get(name, 0.0) <= fake.clock.now():
        said = {"errcode": 300001, "errmsg": "session 不存在"}
    elif body.get("msgtype") == "text":
        _show(fake, "webhook", name, {"title": "", "text": body["text"]["content"]})
    elif body.get("msgtype") == "markdown" and body["markdown"].get("title") and body["markdown"].get("text"):
        _show(fake, "webhook", name, body["markdown"])
    else:
        said = {"errcode": 40035, "errmsg": "缺少参数"}
    fake.wrong += [str(said["errcode"])] if said["errcode"] else []
    await fake.note_change()
    return JSONResponse(said)


def _create(fake: FakeDingtalk, body: dict[str, Any]) -> Answer:
    variables = _variables(body)
    if body.get("cardTemplateId") != fake.template_id:
        return _bad("param.templateNotFound")
    if variables is None or not body.get("outTrackId"):
        return _bad("param.cardParamMap")
    if body["outTrackId"] in fake.cards:
        return _bad("param.outTrackIdExisted")
    fake.cards[body["outTrackId"]] = FakeCard(variables=variables)
    return _OK


def _deliver(fake: FakeDingtalk, body: dict[str, Any]) -> Answer:
    card = fake.cards.get(body.get("outTrackId", ""))
    space = str(body.get("openSpaceId", ""))
    if card is None:
        return _bad("param.cardNotFound")
    is_group = space.startswith("dtv1.card//IM_GROUP.") and body.get("imGroupOpenDeliverModel", {}).get("robotCode")
    person = space.removeprefix("dtv1.card//IM_ROBOT.")
    if not is_group and (person not in fake.people or "imRobotOpenDeliverModel" not in body):
        return _bad("param.openSpaceId")
    if card.space:
        return _bad("param.delivered")
    card.space = space
    return _OK


def _stream(fake: FakeDingtalk, body: dict[str, Any]) -> Answer:
    card = fake.cards.get(body.get("outTrackId", ""))
    if card is None or not card.space:
        return _bad("param.cardNotFound")
    if not isinstance(body.get("content"), str) or body.get("key") not in card.variables or not body.get("isFull"):
        return _bad("param.content")
    if body.get("guid") in card.guids:
        return _OK
    if card.is_final:
        return _bad("param.cardFinalized")
    card.guids.add(str(body.get("guid")))
    card.variables[body["key"]] = body["content"]
    card.updates.append((fake.clock.now(), body["content"]))
    card.is_final, card.is_error = bool(body.get("isFinalize")), bool(body.get("isError"))
    return _OK


def _update(fake: FakeDingtalk, body: dict[str, Any]) -> Answer:
    card = fake.cards.get(body.get("outTrackId", ""))
    variables = _variables(body)
    if card is None:
        return _bad("param.cardNotFound")
    if variables is None:
        return _bad("param.cardParamMap")
    by_key = body.get("cardUpdateOptions", {}).get("updateCardDataByKey")
    card.variables = {**card.variables, **variables} if by_key else variables
    return _OK


def _to_people(fake: FakeDingtalk, body: dict[str, Any]) -> Answer:
    param = _message(fake, body)
    if param is None:
        return _bad("param.msgParam")
    known = [person for person in body["userIds"] if person in fake.people]
    for person in known:
        _show(fake, "person", person, param)
    unknown = [person for person in body["userIds"] if person not in fake.people]
    return 200, {"processQueryKey": "q-1", "invalidStaffIdList": unknown, "flowControlledStaffIdList": []}


def _to_group(fake: FakeDingtalk, body: dict[str, Any]) -> Answer:
    param = _message(fake, body)
    if param is None:
        return _bad("param.msgParam")
    _show(fake, "group", body["openConversationId"], param)
    return 200, {"processQueryKey": "q-1"}


def _download(fake: FakeDingtalk, body: dict[str, Any]) -> Answer:
    if body.get("robotCode") != fake.client_id or body.get("downloadCode") not in fake.files:
        return _bad("param.downloadCode")
    return 200, {"downloadUrl": f"{fake.place.http}/files/{body['downloadCode']}"}


def _message(fake: FakeDingtalk, body: dict[str, Any]) -> dict[str, Any] | None:
    if body.get("robotCode") != fake.client_id or body.get("msgKey") != "sampleMarkdown":
        return None
    param = body.get("msgParam")
    read = json.loads(param) if isinstance(param, str) else None
    return read if isinstance(read, dict) and read.get("title") and read.get("text") else None


def _variables(body: dict[str, Any]) -> dict[str, str] | None:
    given = body.get("cardData", {}).get("cardParamMap")
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        return None
    return dict(given)


def _show(fake: FakeDingtalk, way: str, to: str, message: Mapping[str, Any]) -> None:
    fake.shown.append(Shown(way=way, to=to, title=message["title"], text=message["text"], at=fake.clock.now()))


def _bad(code: str) -> Answer:
    return 400, {"code": code, "message": code, "requestid": "r-1"}
