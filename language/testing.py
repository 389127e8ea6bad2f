"""Fakes of this room's seams for tests that have no weights."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from language.encoder import Prefix, unit_rows


class HashingEncoder:
    """Encodes a text by the characters and character pairs it holds; texts that share words are alike.

    Deterministic across processes. The prefix leaves the vector alone.
    """

    dimension = 384
    fingerprint = "hashing-384"

    def encode(self, texts: Sequence[str], *, prefix: Prefix) -> npt.NDArray[np.float32]:
        """Return float32 (len(texts), 384), L2-normalised; a text of no characters points along the first axis."""
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            for gram in _grams(text):
                code = zlib.crc32(gram.encode("utf-8"))
                vectors[row, code % self.dimension] += 1 if code & 1 << 31 else -1
        return unit_rows(vectors)


def _grams(text: str) -> Iterator[str]:
    folded = "".join(text.casefold().split())
    yield from folded
    yield from (folded[start : start + 2] for start in range(len(folded) - 1))


class EmbeddingsServer(ThreadingHTTPServer):
    """An embeddings endpoint on loopback, served while its `with` block runs.

    It answers with the fake encoder's vectors, doubled and in reverse order, or with `answer` when that is set, and
    remembers what it was asked.
    """

    status = 200
    answer: Any = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _EmbeddingsHandler)
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def reply(self, request: dict[str, Any]) -> bytes:
        """Return the body for one request."""
        if self.answer is not None:
            return json.dumps(self.answer).encode()
        vectors = 2 * HashingEncoder().encode(request["input"], prefix="query")
        rows = [{"index": index, "embedding": vector.tolist()} for index, vector in enumerate(vectors)]
        return json.dumps({"data": rows[::-1], "model": request["model"]}).encode()


class _EmbeddingsHandler(BaseHTTPRequestHandler):
    server: EmbeddingsServer

    def do_POST(self) -> None:
        """Answer one request."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append({"path": self.path, **request})
        self.server.keys.append(self.headers["Authorization"])
        body = self.server.reply(request)
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep test output clean."""
