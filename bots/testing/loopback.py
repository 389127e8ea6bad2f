"""A small HTTP server on a free loopback port, in its own thread, so that blocking clients may call it too."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as an object; empty if it is none."""
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the server answers; `lost` closes the connection without a word after the work was done."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    lost: bool = False


def json_reply(found: Mapping[str, Any], *, status: int = 200) -> Reply:
    """Return an answer with a JSON body."""
    body = json.dumps(found, ensure_ascii=False).encode()
    return Reply(status=status, body=body, headers={"content-type": "application/json; charset=utf-8"})


@contextmanager
def serving(answer: Callable[[Request], Reply]) -> Iterator[str]:
    """Yield the base URL at which every request gets its `answer`; one request at a time."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.answer = answer  # type: ignore[attr-defined]  # read by the handler below
    server.turn = threading.Lock()  # type: ignore[attr-defined]  # read by the handler below
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30

    def do_GET(self) -> None:
        """Answer."""
        self._answer()

    def do_POST(self) -> None:
        """Answer."""
        self._answer()

    def do_PUT(self) -> None:
        """Answer."""
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: addresses hold tokens."""

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {key.lower(): value for key, value in self.headers.items()}
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        request = Request(method=self.command, path=parts.path, query=query, headers=headers, body=body)
        with self.server.turn:  # type: ignore[attr-defined]  # set above
            reply: Reply = self.server.answer(request)  # type: ignore[attr-defined]  # set above
        if reply.lost:
            self.close_connection = True
            return
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)
