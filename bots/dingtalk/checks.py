"""What is wrong with an app's configuration, tried out with calls that change nothing."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from bots.clock import Clock
from bots.dingtalk import bodies
from bots.dingtalk.api import DingtalkApi
from bots.dingtalk.config import DingtalkConfig
from bots.dingtalk.signature import sign
from bots.errors import RefusedError
from bots.platform import Finding
from domain.errors import PlatformError

_NOTHING = "zhanqing-check"
_SKEW_S = 60.0


async def credentials(api: DingtalkApi) -> list[Finding]:
    """Ask for a token."""
    try:
        await api.token()
    except PlatformError as error:
        return [_wrong(error)]
    return [_well("bots.dingtalk_credentials_well")]


async def robot(api: DingtalkApi, config: DingtalkConfig) -> Finding:
    """Ask for a file that does not exist: the platform checks the permission and the robot first."""
    body = {"robotCode": config.robot, "downloadCode": _NOTHING}
    error = await _refusal(api, "POST", bodies.DOWNLOAD, body)
    code = str(error.params.get("code", "")) if error else ""
    if "robot" in code.lower():
        return Finding(ok=False, key="bots.dingtalk_robot_unknown", params={"code": code})
    return _wrong(error) if error and _is_ours(error) else _well("bots.dingtalk_robot_well")


async def cards(api: DingtalkApi, config: DingtalkConfig) -> Finding:
    """Ask to change and to write on a card that does not exist."""
    if not config.card_template_id:
        return _well("bots.dingtalk_no_card")
    calls: list[tuple[str, dict[str, Any]]] = [
        (bodies.STREAMING, {**_EMPTY, "outTrackId": _NOTHING}),
        (bodies.CREATE, bodies.change(_NOTHING, {})),
    ]
    for path, body in calls:
        error = await _refusal(api, "PUT", path, body)
        if error and _is_ours(error):
            return _wrong(error)
    return _well("bots.dingtalk_card_well")


def clock(api: DingtalkApi, ours: Clock) -> Finding:
    """Compare the clocks."""
    try:
        off_s = round(ours.now() - parsedate_to_datetime(api.date).timestamp())
    except ValueError:  # a proxy took the date away, or made its own of it
        off_s = 0
    if abs(off_s) <= _SKEW_S:
        return _well("bots.dingtalk_clock_well")
    return Finding(ok=False, key="bots.dingtalk_clock_off", params={"s": off_s})


async def callback(config: DingtalkConfig, ours: Clock) -> list[Finding]:
    """Call our own public address as the platform would; nothing where no address is known."""
    if not config.callback_url:
        return []
    timestamp = str(int(ours.now() * 1000))
    headers = {
        "timestamp": timestamp,
        "sign": sign(config.client_secret, timestamp),
        "content-type": "application/json",
    }
    try:
        async with httpx.AsyncClient(timeout=config.timeout_s, trust_env=False) as client:
            answer = await client.post(config.callback_url, content=b"{}", headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL):
        return [Finding(ok=False, key="bots.dingtalk_callback_unreachable", params={})]
    if answer.status_code != 200:
        return [Finding(ok=False, key="bots.dingtalk_callback_wrong", params={"status": answer.status_code})]
    return [_well("bots.dingtalk_callback_well")]


_EMPTY = {"guid": _NOTHING, "key": "content", "content": "", "isFull": True, "isFinalize": False, "isError": False}


async def _refusal(api: DingtalkApi, method: str, path: str, body: dict[str, Any]) -> PlatformError | None:
    try:
        await api.call(method, path, body)
    except PlatformError as error:
        return error
    return None


def _is_ours(error: PlatformError) -> bool:
    """Whether an error is about the configuration, and not about the thing that we made up."""
    return not (isinstance(error, RefusedError) and error.code == "bots.dingtalk_refused")


def _well(key: str) -> Finding:
    return Finding(ok=True, key=key, params={})


def _wrong(error: PlatformError) -> Finding:
    return Finding(ok=False, key=error.code, params=error.params)
