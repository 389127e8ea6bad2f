"""The MCP server through its official client: the same keys, scopes, rights and citations as the routes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from api.app import create_app
from api.testing import QuotingCoach, TestParts, key_for
from domain.accounts import Account
from store.keys import ApiScope, Role
from store.work import Store

if TYPE_CHECKING:
    from mcp import Client

pytestmark = pytest.mark.mcp


@asynccontextmanager
async def serving(parts: TestParts, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """Yield an HTTP client of the running application."""
    app = create_app(parts)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", headers=headers) as http,
    ):
        yield http


@asynccontextmanager
async def client_on(parts: TestParts, **headers: str) -> AsyncIterator[Client]:
    from httpx2 import ASGITransport, AsyncClient
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    app = create_app(parts)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://test", headers=headers) as http,
        Client(streamable_http_client("http://test/mcp", http_client=http)) as client,
    ):
        yield client


def text_of(result: Any) -> str:
    return " ".join(getattr(part, "text", "") for part in result.content)


async def test_four_tools_are_offered_with_typed_results(parts: TestParts, key: dict[str, str]) -> None:
    async with client_on(parts, **key) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == {"search_cases", "brief", "reply", "why"}
    assert all(tool.output_schema and tool.description for tool in tools.values())
    assert "context" not in tools["reply"].input_schema["properties"]


async def test_a_reply_cites_its_sources_and_why_explains_it(
    parts: TestParts, key: dict[str, str], coach: QuotingCoach
) -> None:
    async with client_on(parts, **key) as client:
        said = (await client.call_tool("reply", {"text": "太贵了"})).structured_content
        why = (await client.call_tool("why", {"decision_id": said["decision_id"]})).structured_content
    claims = said["suggestions"][0]["claims"]
    assert [claim["citations"][0]["quote"] for claim in claims] == [claim["text"] for claim in claims]
    assert (said["label"], said["aigc"]["Label"]) == ("由AI生成，仅供参考，请核实后使用", "1")
    assert (why["inputs"], why["chain"]["index"]) == (["doc:talk"], 0)
    assert coach.asked[0]["text"] == "太贵了"


async def test_a_brief_is_about_an_account_that_is_there(
    parts: TestParts, key: dict[str, str], api_store: Store, coach: QuotingCoach
) -> None:
    async with api_store.begin("acme") as work:
        await work.accounts.put(Account(account_id="A1", name="华星电子"))
    async with client_on(parts, **key) as client:
        said = await client.call_tool("brief", {"account_id": "A1"})
        missing = await client.call_tool("brief", {"account_id": "A9"})
    assert not said.is_error
    assert missing.is_error and "api.no_account" in text_of(missing)
    (asked,) = coach.asked
    assert asked["account"] == Account(account_id="A1", name="华星电子")


async def test_cases_are_searched_in_the_callers_tenant(parts: TestParts, key: dict[str, str]) -> None:
    async with client_on(parts, **key) as client:
        found = (await client.call_tool("search_cases", {"text": "太贵", "top_k": 99})).structured_content
    assert found == {"hits": [], "warnings": []}
    assert parts.search.asked == [  # type: ignore[attr-defined]  # the fake remembers
        {"tenant": "acme", "text": "太贵", "top_k": 20, "facets": None}
    ]


@pytest.mark.parametrize("given", ["", "Bearer zq_aaaaaaaa_" + "x" * 43])
async def test_nobody_gets_in_without_a_good_key(parts: TestParts, given: str) -> None:
    async with serving(parts, authorization=given) as http:
        answered = await http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert (answered.status_code, answered.json()["code"]) == (401, "api.unauthenticated")


async def test_a_key_without_the_scope_is_refused_and_logged(parts: TestParts, api_store: Store) -> None:
    header = await key_for(api_store, "acme", scopes=frozenset({ApiScope.READ}))
    async with client_on(parts, **header) as client:
        refused = await client.call_tool("reply", {"text": "太贵了"})
        assert not (await client.call_tool("search_cases", {"text": "太贵"})).is_error
    assert refused.is_error and "api.missing_scope" in text_of(refused)
    async with api_store.read("acme") as work:
        (event,) = await work.access.log(limit=9, allowed=False)
    assert event.why == "missing_scope:coach"


async def test_anothers_decision_and_customer_are_not_told(parts: TestParts, api_store: Store) -> None:
    async with api_store.begin("acme") as work:
        await work.accounts.put(Account(account_id="A1", name="华星电子", owner="r1"))
    said = await QuotingCoach(api_store).ask("acme", "怎么回", rep_id="r1")
    header = await key_for(api_store, "acme", role=Role.REP, rep_id="r2")
    async with client_on(parts, **header) as client:
        why = await client.call_tool("why", {"decision_id": said.decision_id})
        brief = await client.call_tool("brief", {"account_id": "A1"})
    assert why.is_error and "store.no_decision" in text_of(why)
    assert brief.is_error and "api.not_yours" in text_of(brief)
