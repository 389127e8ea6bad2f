"""Requests and jobs become spans where a collector is named: with ids and templates, never with anybody's words."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from api import requests as api_requests
from api.testing import QuotingCoach, TestParts, client_of, key_for
from domain.errors import MissingError
from store.work import Store
from zhanqing.tracing import start_tracing
from zhanqing.worker import runs
from zhanqing.worker.runs import JobRun, JobRunner

WORDS = "暗语七七四九"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What is recorded; each module gets a tracer of a provider of our own."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    for module in (api_requests, runs):
        monkeypatch.setattr(module, "_tracer", provider.get_tracer("test"))
    return kept


async def test_a_request_is_one_span_named_by_its_route_in_its_callers_trace(
    store: Store, spans: InMemorySpanExporter
) -> None:
    header = await key_for(store, "acme")
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with client_of(TestParts(store=store, coach=QuotingCoach(store)), **header) as client:
        await client.get(f"/v1/conversations/{WORDS}", params={"q": WORDS}, headers={"traceparent": traceparent})
    (span,) = spans.get_finished_spans()
    assert span.name == "GET /v1/conversations/{conversation_id}"
    assert (span.attributes or {})["http.response.status_code"] == 404
    assert f"{span.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert WORDS not in span.to_json()


async def test_a_job_is_one_span_even_if_it_breaks_on_customer_words(store: Store, spans: InMemorySpanExporter) -> None:
    async def broken(_run: JobRun) -> None:
        raise ValueError(WORDS)

    async with store.begin("acme") as work:
        job = await work.jobs.add("digest_call", {"call_id": "c1"}, dedupe_key="c1")
    await JobRunner(store, {"digest_call": broken}, owner="w").run_next()
    (span,) = spans.get_finished_spans()
    assert (span.name, (span.attributes or {})["zhanqing.job_id"]) == ("job digest_call", job.job_id)
    assert WORDS not in span.to_json()


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """A collector on loopback that keeps what it gets."""
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1/traces", got
    server.shutdown()
    server.server_close()


def test_spans_reach_the_collector_before_the_process_ends(
    collector: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, got = collector
    made: list[TracerProvider] = []
    monkeypatch.setattr(trace, "set_tracer_provider", made.append)
    finish = start_tracing(endpoint, service="zhanqing-api")
    with made[0].get_tracer("test").start_as_current_span("GET /healthz"):
        pass
    finish()
    assert b"GET /healthz" in b"".join(got) and b"zhanqing-api" in b"".join(got)


def test_without_an_endpoint_nothing_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "set_tracer_provider", lambda _: pytest.fail("a provider was set"))
    start_tracing(None, service="zhanqing-api")()


def test_an_endpoint_without_the_extra_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(MissingError) as caught:
        start_tracing("http://collector", service="zhanqing-api")
    assert caught.value.code == "zhanqing.no_otel"
