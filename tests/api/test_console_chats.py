"""A one-time code for a rep's chat account, from the console."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from store.chat_people import CODE_LIFE
from store.testing import SteppingClock
from store.work import Store
from tests.api.conftest import TestParts, client_of
from tests.api.test_console import csrf_of, sign_in, staff

__all__ = ["staff"]
CODE = re.compile(r'<code class="secret">(\d{8})</code>')


@pytest.fixture
async def browser(parts: TestParts, staff: None) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(parts) as client:
        yield client


async def code_for(browser: httpx.AsyncClient, rep_id: str) -> str:
    csrf = await csrf_of(browser, "/console/chats")
    return CODE.findall((await browser.post(f"/console/chats/{rep_id}/code", data={"csrf": csrf})).text)[0]


async def test_a_code_is_shown_once_and_binds_whoever_sends_it_first(
    browser: httpx.AsyncClient, api_store: Store
) -> None:
    await sign_in(browser, "lead@acme.cn")
    code = await code_for(browser, "r2")
    assert code not in (await browser.get("/console/chats")).text
    async with api_store.begin("acme") as work:
        rep = await work.chat_people.bind(code, platform="wecom", user_id="lilei")
        again = await work.chat_people.bind(code, platform="wecom", user_id="somebody")
    assert rep is not None and rep.name == "李雷" and again is None
    assert "企业微信 · lilei" in (await browser.get("/console/chats")).text


async def test_a_code_ends_after_half_an_hour(
    browser: httpx.AsyncClient, api_store: Store, clock: SteppingClock
) -> None:
    await sign_in(browser, "boss@acme.cn")
    code = await code_for(browser, "r3")
    clock.pass_s(CODE_LIFE.total_seconds() + 1)
    async with api_store.begin("acme") as work:
        assert await work.chat_people.bind(code, platform="wecom", user_id="han") is None


@pytest.mark.parametrize(("login", "seen"), [("boss@acme.cn", 3), ("lead@acme.cn", 2), ("wang@acme.cn", 1)])
async def test_everybody_sees_the_reps_whose_work_they_see(browser: httpx.AsyncClient, login: str, seen: int) -> None:
    await sign_in(browser, login)
    assert (await browser.get("/console/chats")).text.count('/code"') == seen


@pytest.mark.parametrize("rep_id", ["r3", "nobody"])
async def test_nobody_makes_a_code_for_a_rep_they_do_not_see(browser: httpx.AsyncClient, rep_id: str) -> None:
    await sign_in(browser, "lead@acme.cn")
    csrf = await csrf_of(browser, "/console/chats")
    assert (await browser.post(f"/console/chats/{rep_id}/code", data={"csrf": csrf})).status_code == 404


async def test_a_foreign_form_makes_no_code(browser: httpx.AsyncClient) -> None:
    await sign_in(browser, "boss@acme.cn")
    assert (await browser.post("/console/chats/r1/code", data={"csrf": "x"})).status_code == 403
