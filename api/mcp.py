"""The MCP server at `/mcp`, for those who installed the extra: search_cases, brief, reply and why.

The same API keys, scopes, rights and log as the routes. Sessions are not kept, so any replica answers.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from importlib.metadata import version
from typing import Any, cast

from fastapi import Request
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import BaseModel, Field
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api.callers import Caller, authenticate, note_refusal
from api.documents import AskBody, BriefBody
from api.errors import language_of, problem, status_of
from api.parts import search_of
from api.routes import decisions, suggestions
from api.routes.cases import hit_document
from domain.errors import DeniedError, ZhanqingError
from domain.messages import text
from domain.suggestions import ErasedDecision
from store.keys import ApiScope
from wire.documents import dump

PATH = "/mcp"
_OUTER = "zhanqing_request"


class CasesFound(BaseModel):
    """War cases for a text, best first."""

    hits: list[dict[str, Any]] = Field(description="Each with its case_id, outcome, score and quoted passages.")
    warnings: list[str]


class Advice(BaseModel):
    """What the coach says: every sentence a claim with citations, or an abstention with its reason."""

    decision_id: str
    abstained: bool
    reason: str | None
    suggestions: list[dict[str, Any]]
    label: str
    aigc: dict[str, str]


class Why(BaseModel):
    """How a suggestion came about, from storage alone."""

    decision_id: str
    erased: bool
    inputs: list[str]
    engine: str
    checks: list[dict[str, Any]]
    feedback: list[dict[str, Any]]
    chain: dict[str, Any]


class McpGate:
    """Lets requests with a good API key through to the MCP application, and remembers whose they are."""

    def __init__(self) -> None:
        self._server = _server()
        # Every call carries its key, no cookie does: a page that rebinds its name gains nothing here.
        security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        self._app = self._server.streamable_http_app(
            streamable_http_path=PATH, stateless_http=True, json_response=True, transport_security=security
        )

    def running(self) -> AbstractAsyncContextManager[None]:
        """What must be entered while the application runs."""
        return cast(AbstractAsyncContextManager[None], self._server.session_manager.run())

    def route(self) -> Route:
        """The route at `/mcp`."""
        return Route(PATH, endpoint=self, include_in_schema=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        request = Request(scope)
        try:
            await authenticate(request)
        except ZhanqingError as error:
            headers = getattr(error, "headers", {})
            refused = problem(request, status_of(error), error.code, error.line(language_of(request)), headers=headers)
            await refused(scope, receive, send)
            return
        state = {**scope.get("state", {}), _OUTER: request}
        await self._app({**scope, "state": state}, receive, send)


async def search_cases(context: Context, text: str, top_k: int = 5) -> CasesFound:
    """Find published war cases (真实战例) for a customer's words or a question, with the passages to quote."""
    request, caller = await _allowed(context, ApiScope.READ)
    try:
        search = await search_of(request)
        found = await search.search(caller.tenant, text[:2000], top_k=max(1, min(top_k, 20)))
    except ZhanqingError as error:
        raise _told(error, request) from error
    return CasesFound(hits=[hit_document(hit) for hit in found.hits], warnings=list(found.warnings))


async def reply(context: Context, text: str, account_id: str = "", deal_id: str = "") -> Advice:
    """Recommend replies to a customer's words; each sentence cites its source. A human decides what is sent."""
    request, caller = await _allowed(context, ApiScope.COACH)
    body = AskBody(text=text[:20_000], account_id=account_id or None, deal_id=deal_id or None)
    return await _advice(request, suggestions.said_reply(request, caller, body))


async def brief(context: Context, account_id: str, conversation_ids: list[str] | None = None) -> Advice:
    """Draft the 战情简报 of a customer: background, blocker, needed support, strategy, mentor."""
    request, caller = await _allowed(context, ApiScope.COACH)
    body = BriefBody(account_id=account_id, conversation_ids=(conversation_ids or [])[:50])
    return await _advice(request, suggestions.said_brief(request, caller, body))


async def why(context: Context, decision_id: str) -> Why:
    """Say where a suggestion came from: sources read, checks passed, feedback, its place in the chain."""
    request, caller = await _allowed(context, ApiScope.READ)
    try:
        decision = await decisions.seen_decision(request, caller, decision_id)
    except ZhanqingError as error:
        raise _told(error, request) from error
    chain: dict[str, Any] = dump(decision.chain)
    if isinstance(decision, ErasedDecision):
        return Why(decision_id=decision_id, erased=True, inputs=[], engine="", checks=[], feedback=[], chain=chain)
    return Why(
        decision_id=decision_id,
        erased=False,
        inputs=list(decision.inputs),
        engine=decision.engine,
        checks=[dump(check) for check in decision.checks],
        feedback=[dump(each) for each in decision.feedback],
        chain=chain,
    )


def _server() -> MCPServer:
    server = MCPServer("zhanqing", title="战情", version=version("zhanqing"), instructions=text("api.mcp_instructions"))
    for tool in (search_cases, brief, reply, why):
        server.add_tool(tool)
    return server


async def _allowed(context: Context, scope: ApiScope) -> tuple[Request, Caller]:
    """Return the request and its caller if the key's scopes allow the tool; a refusal is logged."""
    inner = context.request_context.request
    request = cast(Request, inner.scope["state"][_OUTER])
    caller = await authenticate(request)
    if scope not in caller.scopes:
        await note_refusal(request, caller, why=f"missing_scope:{scope}")
        raise _told(DeniedError("api.missing_scope", scope=scope), request)
    return request, caller


async def _advice(request: Request, saying: Any) -> Advice:
    try:
        envelope = await saying
    except ZhanqingError as error:
        raise _told(error, request) from error
    return Advice(
        decision_id=envelope.decision_id,
        abstained=envelope.abstained,
        reason=envelope.reason,
        suggestions=[dump(suggestion) for suggestion in envelope.suggestions],
        label=envelope.label,
        aigc=dump(envelope.aigc),
    )


def _told(error: ZhanqingError, request: Request) -> ToolError:
    """Say what is wrong in the caller's language; the code stays the same as over HTTP."""
    return ToolError(f"{error.code}: {error.line(language_of(request))}")
