"""Applications for the load test, one per worker process: ours, and a bare one with a single insert.

Their database and folder come in `ZHANQING_TEST_LOAD_URL` and `ZHANQING_TEST_LOAD_FOLDER`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from api.app import create_app
from api.rate_limit import MemoryRateLimiter
from api.testing import QuotingCoach, TestParts
from store.engine import make_engine
from store.sealing import Sealer, installation_key
from store.work import Store
from zhanqing.logs import configure_logs


def ours() -> FastAPI:
    """The API as it is served, without a worker of its own."""
    configure_logs("warning")
    url, folder = os.environ["ZHANQING_TEST_LOAD_URL"], Path(os.environ["ZHANQING_TEST_LOAD_FOLDER"])
    store = Store(make_engine(url), blobs=folder / "blobs", sealer=Sealer(installation_key(folder)))
    return create_app(TestParts(store=store, coach=QuotingCoach(store), limiter=MemoryRateLimiter(10_000_000)))


def bare() -> FastAPI:
    """The least that keeps a message: one row, one commit."""
    app = FastAPI()
    engine = create_async_engine(os.environ["ZHANQING_TEST_LOAD_URL"])

    @app.post("/messages")
    async def keep(request: Request) -> dict[str, Any]:
        body = await request.json()
        async with engine.begin() as connection:
            words = {"conversation": body["conversation"], "text": body["text"]}
            await connection.execute(text("INSERT INTO bare (conversation, text) VALUES (:conversation, :text)"), words)
        return {"ok": True}

    return app
