"""A chat endpoint on loopback that plays a script, good and bad; for tests and for the engine contract."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[dict[str, Any]], str]
"""The request body → what the model says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One answer of the endpoint.

    Attributes:
        says: What the model writes, streamed in pieces.
        status: Another status than 200 is sent with an OpenAI-shaped error and no text.
        silent: Hold the connection without a word until the endpoint closes.
        cut_after: Break the connection after so many characters.
        waits_at: Words before which the stream stands still until `go_on` is set.
        refuses: Send a refusal instead of text.
    """

    says: str | Answer = ""
    status: int = 200
    silent: bool = False
    cut_after: int | None = None
    waits_at: str | None = None
    refuses: bool = False


@dataclass(slots=True, kw_only=True)
class ScriptedEndpoint:
    """What was asked so far and where the endpoint listens; the last scene repeats."""

    base_url: str
    scenes: list[Scene]
    requests: list[dict[str, Any]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def next_scene(self, body: dict[str, Any]) -> Scene:
        """Record a request and return the scene it gets."""
        self.requests.append(body)
        return self.scenes[min(len(self.requests), len(self.scenes)) - 1]


@contextmanager
def scripted_endpoint(*scenes: Scene) -> Iterator[ScriptedEndpoint]:
    """Yield an endpoint on a free loopback port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    endpoint = ScriptedEndpoint(base_url=f"http://127.0.0.1:{server.server_address[1]}/v1", scenes=list(scenes))
    server.endpoint = endpoint  # type: ignore[attr-defined]  # read by the handler below
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.closing.set()
        endpoint.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()


def sources_in(body: dict[str, Any]) -> list[dict[str, str]]:
    """Return the numbered sources that a request's prompt shows: id, from, text."""
    listed = re.search(r"^\[.*\]$", body["messages"][-1]["content"], re.MULTILINE)
    found: list[dict[str, str]] = json.loads(listed.group()) if listed else []
    return found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"  # the connection's end is the stream's end

    def do_POST(self) -> None:
        """Play the next scene."""
        endpoint: ScriptedEndpoint = self.server.endpoint  # type: ignore[attr-defined]  # set above
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        scene = endpoint.next_scene(body)
        if scene.silent:
            endpoint.closing.wait()
            return
        if scene.status != 200:
            self._send(scene.status, "application/json", json.dumps({"error": {"message": "scripted", "type": "x"}}))
            return
        self._stream(scene.says(body) if callable(scene.says) else scene.says, scene)

    def _stream(self, text: str, scene: Scene) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        sent = text if scene.cut_after is None else text[: scene.cut_after]
        pause = sent.find(scene.waits_at) if scene.waits_at else len(sent)
        self._pieces(sent[:pause])
        if scene.waits_at:
            self.server.endpoint.go_on.wait()  # type: ignore[attr-defined]  # set above
        self._pieces(sent[pause:])
        if scene.cut_after is not None:
            return
        if scene.refuses:
            self._event({"delta": {"refusal": "no"}})
        self._event({"delta": {}, "finish_reason": "stop"})
        usage = {"prompt_tokens": 100, "completion_tokens": len(text), "total_tokens": 100 + len(text)}
        self._write(
            {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [], "usage": usage}
        )
        self.wfile.write(b"data: [DONE]\n\n")

    def _pieces(self, text: str) -> None:
        for at in range(0, len(text), 16):
            self._event({"delta": {"content": text[at : at + 16]}})

    def _event(self, choice: dict[str, Any]) -> None:
        choices = [{"index": 0, "finish_reason": None, **choice}]
        self._write({"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": choices})

    def _write(self, chunk: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode())
        self.wfile.flush()

    def _send(self, status: int, content_type: str, body: str) -> None:
        raw = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
