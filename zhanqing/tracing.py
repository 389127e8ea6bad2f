"""Traces by setting: where an OpenTelemetry collector is named, requests and jobs become spans there.

Spans carry what log lines may: routes' templates, ids, counts, statuses. Without the setting nothing is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from domain.errors import MissingError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter


def start_tracing(endpoint: str | None, *, service: str, exporter: SpanExporter | None = None) -> Callable[[], None]:
    """Send spans to a collector from now on; return what sends the last ones when the process ends.

    Args:
        endpoint: OTLP over HTTP, e.g. `http://collector:4318/v1/traces`; None sends nothing.
        service: What this process is called there: `zhanqing-api`, `zhanqing-worker`.
        exporter: Takes the spans in place of the collector; for tests.

    Raises:
        MissingError: `zhanqing.no_otel`: an endpoint is set and the extra is not installed.
    """
    if endpoint is None:
        return lambda: None
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise MissingError("zhanqing.no_otel") from error

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(provider)
    return provider.shutdown
