"""Is the process alive, can it work, and its figures."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from api.callers import SECURED, Admin
from api.errors import documented
from api.parts import parts_of
from domain.errors import MissingError
from store.migrate import SchemaState, state

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


@router.get("/healthz")
async def healthz() -> Alive:
    """Answer while the process lives."""
    return Alive()


@router.get("/readyz", responses=documented())
async def readyz(request: Request) -> Alive:
    """Answer when the database is there and of this version."""
    if await state(parts_of(request).store.engine) is not SchemaState.HEAD:
        raise MissingError("store.schema_behind")
    return Alive()


@router.get("/metrics", dependencies=SECURED, responses=documented(), response_class=Response)
async def metrics(request: Request, _caller: Admin) -> Response:
    """Return the figures of this process for Prometheus."""
    return Response(generate_latest(request.app.state.figures.registry), media_type=CONTENT_TYPE_LATEST)
