from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bots.clock import Clock, SystemClock
from bots.dingtalk import checks
from bots.dingtalk.api import DingtalkApi
from bots.dingtalk.callback import DingtalkCallback
from bots.dingtalk.config import DingtalkConfig
from bots.dingtalk.stream import DingtalkStream
from bots.inbound import Attachment
from bots.platform import CallbackRequest, Finding
from bots.testing.asgi import served
from bots.testing.clock import LeapingClock
from bots.testing.dingtalk import SECRET, FakeDingtalk, standing
from domain.errors import InputError, PlatformError, SignatureError
from domain.messages import text


@pytest.fixture
def fake() -> Iterator[FakeDingtalk]:
    with standing(FakeDingtalk(SystemClock())) as fake:
        yield fake


def config(fake: FakeDingtalk, **changed: Any) -> DingtalkConfig:
    return DingtalkConfig(**{"client_id": "app-1", "client_secret": SECRET, "api_base": fake.place.http, **changed})


async def findings(fake: FakeDingtalk, *, clock: Clock | None = None, **changed: Any) -> list[Finding]:
    one = DingtalkStream(config(fake, **changed), clock or SystemClock())
    try:
        return await one.check()
    finally:
        await one.close()


def said(found: list[Finding]) -> list[tuple[bool, str]]:
    for finding in found:
        assert text(finding.key, "zh", **finding.params)
        assert text(finding.key, "en", **finding.params)
    return [(finding.ok, finding.key.removeprefix("bots.dingtalk_")) for finding in found]


async def test_all_is_well(fake: FakeDingtalk) -> None:
    assert said(await findings(fake, card_template_id="tpl.schema")) == [
        (True, "credentials_well"),
        (True, "robot_well"),
        (True, "card_well"),
        (True, "clock_well"),
        (True, "stream_well"),
    ]
    assert fake.cards == {}
    assert fake.shown == []


async def test_a_wrong_secret_is_all_that_is_said(fake: FakeDingtalk) -> None:
    assert said(await findings(fake, client_secret="wrong")) == [(False, "bad_credentials")]


async def test_nobody_there(fake: FakeDingtalk) -> None:
    assert said(await findings(fake, api_base="http://127.0.0.1:1")) == [(False, "unreachable")]


@pytest.mark.parametrize("permission", ["Card.Streaming.Write", "Card.Instance.Write", "Robot.Message.Send"])
async def test_a_missing_permission_is_named(fake: FakeDingtalk, permission: str) -> None:
    fake.permissions.discard(permission)
    wrong = [finding for finding in await findings(fake, card_template_id="tpl.schema") if not finding.ok]
    assert [(finding.key, finding.params) for finding in wrong] == [
        ("bots.dingtalk_no_permission", {"permission": permission})
    ]


async def test_without_a_template_it_says_what_is_missed(fake: FakeDingtalk) -> None:
    assert (True, "no_card") in said(await findings(fake))


async def test_an_address_that_is_not_on_the_list(fake: FakeDingtalk) -> None:
    fake.fail("/v1.0/oauth2/accessToken", 403, "Forbidden.AccessDenied.IpNotInWhiteList")
    assert said(await findings(fake)) == [(False, "ip_not_allowed")]


async def test_a_robot_that_the_platform_does_not_know(fake: FakeDingtalk) -> None:
    fake.fail("/v1.0/robot/messageFiles/download", 400, "invalidParameter.robotCode")
    assert (False, "robot_unknown") in said(await findings(fake))


async def test_a_clock_that_is_off(fake: FakeDingtalk) -> None:
    ahead = LeapingClock(SystemClock().now() + 300)
    (finding,) = [one for one in await findings(fake, clock=ahead) if "clock" in one.key]
    assert (finding.ok, finding.key) == (False, "bots.dingtalk_clock_off")
    assert abs(int(str(finding.params["s"])) - 300) <= 2


@pytest.mark.parametrize("date", ["", "yesterday", "Sun, 99 Nov 2026 03:00:00 GMT"])
def test_a_date_that_is_none_says_nothing_about_the_clock(date: str) -> None:
    api = DingtalkApi(DingtalkConfig(client_id="app-1", client_secret=SECRET), SystemClock())
    api.date = date
    assert checks.clock(api, SystemClock()).ok


@contextmanager
def our_address(status: int = 0, *, secret: str = SECRET) -> Iterator[str]:
    """A route like the one of the service: 403 for what is not signed."""
    platform = DingtalkCallback(DingtalkConfig(client_id="app-1", client_secret=secret), SystemClock())

    async def receive(request: Request) -> Response:
        call = CallbackRequest(
            method=request.method, query=request.query_params, headers=request.headers, body=await request.body()
        )
        try:
            return Response(platform.receive(call).body, status_code=status or 200)
        except SignatureError:
            return Response(status_code=403)

    with served(Starlette(routes=[Route("/bots/dingtalk", receive, methods=["POST"])])) as place:
        yield f"{place.http}/bots/dingtalk"


async def callback_finding(fake: FakeDingtalk, url: str) -> Finding:
    one = DingtalkCallback(config(fake, callback_url=url), SystemClock())
    found = await one.check()
    await one.close()
    return found[-1]


async def test_our_own_address_is_called_as_the_platform_would(fake: FakeDingtalk) -> None:
    with our_address() as url:
        assert (await callback_finding(fake, url)).key == "bots.dingtalk_callback_well"
    with our_address(502) as url:
        wrong = await callback_finding(fake, url)
    assert (wrong.key, wrong.params) == ("bots.dingtalk_callback_wrong", {"status": 502})
    with our_address(secret="another") as url:
        assert (await callback_finding(fake, url)).params == {"status": 403}
    assert (await callback_finding(fake, url)).key == "bots.dingtalk_callback_unreachable"


async def test_a_file_is_fetched_under_its_own_name(fake: FakeDingtalk, tmp_path: Path) -> None:
    fake.files["code-1"] = b"RIFF" * 1000
    one = DingtalkStream(config(fake), SystemClock())
    name = await one.fetch(Attachment(locator="code-1", file_name="通话.wav"), tmp_path / "file")
    await one.close()
    assert name == "通话.wav"
    assert (tmp_path / "file").read_bytes() == b"RIFF" * 1000


async def test_a_file_that_is_too_large_or_gone_is_not_kept(fake: FakeDingtalk, tmp_path: Path) -> None:
    fake.files["code-1"] = b"x" * 1001
    one = DingtalkStream(config(fake, max_file_bytes=1000), SystemClock())
    with pytest.raises(InputError):
        await one.fetch(Attachment(locator="code-1"), tmp_path / "file")
    with pytest.raises(PlatformError):
        await one.fetch(Attachment(locator="code-2"), tmp_path / "file")
    await one.close()
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(
    "url", ["https://evil.example/f", "http://evil.example/f", "http://10.0.0.1/f", "ftp://a.dingtalk.com/f", "", 5]
)
async def test_a_file_elsewhere_is_not_fetched(fake: FakeDingtalk, tmp_path: Path, url: object) -> None:
    path = "/v1.0/robot/messageFiles/download"
    fake.fail(path, 200, "")
    fake.faults[path][0].body["downloadUrl"] = url  # type: ignore[index]
    one = DingtalkStream(config(fake), SystemClock())
    with pytest.raises((InputError, PlatformError)):
        await one.fetch(Attachment(locator="code-1"), tmp_path / "file")
    await one.close()
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": ""},
        {"client_secret": ""},
        {"api_base": "http://api.dingtalk.com"},
        {"oapi_base": "ftp://127.0.0.1"},
        {"card_min_interval_s": 0.1},
        {"cards_per_s": 0},
    ],
)
def test_nonsense_is_refused_at_the_start(changed: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        DingtalkConfig(**{"client_id": "app-1", "client_secret": SECRET, **changed})


def test_no_secret_shows_in_a_configuration() -> None:
    one = DingtalkConfig(
        client_id="app-1", client_secret="s1", event_token="s2", event_aes_key="s3", proxy="http://u:s4@h"
    )
    assert not any(secret in repr(one) for secret in ("s1", "s2", "s3", "s4"))


def tree(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    yield from itertools.chain.from_iterable(map(tree, kind.__subclasses__()))


LIBRARY_ERRORS = sorted({*tree(httpx.HTTPError), *tree(httpx.InvalidURL), *tree(httpx.StreamError)}, key=str)


@pytest.mark.parametrize("kind", LIBRARY_ERRORS, ids=lambda kind: kind.__name__)
async def test_no_error_of_the_http_library_slips_through(kind: type[Exception]) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        error = kind.__new__(kind)
        Exception.__init__(error, "with a token in it")
        raise error

    ours = DingtalkConfig(client_id="app-1", client_secret=SECRET)
    api = DingtalkApi(ours, SystemClock(), transport=httpx.MockTransport(fail))
    with pytest.raises(PlatformError) as caught:
        await api.call("POST", "/v1.0/card/instances", {})
    await api.close()
    assert "token" not in str(caught.value)
