"""An ASGI application on a real socket of this machine, in a thread of its own.

The thread matters: some official SDKs block the loop they run in, and a server in the same loop could not answer.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import uvicorn

_Said = TypeVar("_Said")
Asgi = Callable[..., Coroutine[Any, Any, None]]


class Place:
    """Where a served application lives."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.loop = asyncio.new_event_loop()

    @property
    def http(self) -> str:
        """Its address for HTTP."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        """Its address for WebSockets."""
        return f"ws://127.0.0.1:{self.port}"

    async def run(self, work: Coroutine[Any, Any, _Said], *, timeout_s: float = 30.0) -> _Said:
        """Run a coroutine in the application's loop and wait for it from another one."""
        return await asyncio.wait_for(asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop)), timeout_s)


@contextmanager
def served(app: Asgi, *, port: int = 0) -> Iterator[Place]:
    """Serve the application until the block ends, on a free port unless one is given."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        place = Place(listener.getsockname()[1])
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_level="critical",
            ws="websockets-sansio",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=_serve, args=(server, place, listener), daemon=True)
        thread.start()
        try:
            yield place
        finally:
            server.should_exit = True
            thread.join(timeout=5)


def _serve(server: uvicorn.Server, place: Place, listener: socket.socket) -> None:
    asyncio.set_event_loop(place.loop)
    place.loop.run_until_complete(server.serve(sockets=[listener]))
    place.loop.close()
