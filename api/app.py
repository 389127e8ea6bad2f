"""The HTTP application: routes under `/v1`, problems for errors, one edge around all of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from api.callers import KeyLookup
from api.console import advice as console_advice
from api.console import calls as console_calls
from api.console import cases as console_cases
from api.console import chats as console_chats
from api.console import oidc, signing_in
from api.console import operations as console_operations
from api.console import team as console_team
from api.console.answers import problem_page
from api.errors import OPENAI_PATHS, Problem, install_error_handlers
from api.parts import ApiParts
from api.rate_limit import MemoryRateLimiter
from api.requests import BodyLimit, RequestEdge, RequestFigures
from api.routes import (
    bots,
    calls,
    cards,
    cases,
    coaching,
    conversations,
    crm,
    crm_sync,
    decisions,
    documents,
    grants,
    health,
    integrations,
    knowledge,
    live,
    openai,
    privacy,
    suggestions,
    voices,
)
from store.turn_intake import TurnIntake

if TYPE_CHECKING:
    from api.mcp import McpGate

Lifespan = Callable[[], AbstractAsyncContextManager[None]]

ROUTERS = (
    health.router,
    calls.router,
    live.router,
    conversations.router,
    crm.router,
    crm_sync.router,
    suggestions.router,
    decisions.router,
    coaching.router,
    cases.router,
    knowledge.router,
    documents.router,
    cards.router,
    privacy.router,
    voices.router,
    grants.router,
    integrations.router,
    openai.router,
    bots.router,
    signing_in.router,
    oidc.router,
    console_calls.router,
    console_team.router,
    console_cases.router,
    console_advice.router,
    console_chats.router,
    console_operations.router,
)

SIGN_INS_PER_MINUTE = 30


def create_app(parts: ApiParts, *, lifespan: Lifespan | None = None) -> FastAPI:
    """Return the application.

    Args:
        parts: What the routes work with.
        lifespan: Entered while the application runs, e.g. the in-process worker.
    """

    mcp = _mcp_gate()

    @asynccontextmanager
    async def run(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if mcp is not None:
                await stack.enter_async_context(mcp.running())
            if lifespan is not None:
                await stack.enter_async_context(lifespan())
            yield

    app = FastAPI(
        title="战情 Zhanqing",
        version=version("zhanqing"),
        summary="A conversational sales coach that cites its source in every sentence.",
        lifespan=run,
        docs_url=None,
        redoc_url=None,
    )
    app.state.parts = parts
    app.state.figures = RequestFigures()
    app.state.live_calls = set()
    app.state.key_lookup = KeyLookup(lambda: parts.store.across_tenants(writes=False))
    app.state.turn_intake = TurnIntake(lambda tenant: parts.store.begin(tenant))
    app.state.sign_ins = MemoryRateLimiter(SIGN_INS_PER_MINUTE)
    app.state.console_problem = problem_page
    install_error_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    if mcp is not None:
        app.router.routes.append(mcp.route())
    limits = parts.limits
    app.add_middleware(BodyLimit, max_upload_bytes=limits.max_upload_bytes, max_body_bytes=limits.max_body_bytes)
    if limits.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=limits.cors_origins, allow_methods=["*"], allow_headers=["*"])
    app.add_middleware(RequestEdge, figures=app.state.figures)
    _document_problems(app)
    return app


def _mcp_gate() -> McpGate | None:
    """Return the MCP server where its extra is installed."""
    if find_spec("mcp") is None:
        return None
    from api.mcp import McpGate

    return McpGate()


def _document_problems(app: FastAPI) -> None:
    """Put the problem's schema where the documented responses point."""
    make = app.openapi

    def openapi() -> dict[str, object]:
        schema = make()
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        if "Problem" not in schemas:
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= problem.pop("$defs", {})
            schemas["Problem"] = problem
        for path, item in schema["paths"].items():
            if path.startswith(OPENAI_PATHS):
                for operation in item.values():
                    operation["responses"].pop("422", None)  # there a bad request is 400
        return schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the schema
