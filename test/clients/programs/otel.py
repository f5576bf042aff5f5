"""OpenTelemetry as an application sets it up: exporter and resource come from the OTEL_ variables."""

import os

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

PROVIDER = os.environ["PROVIDER_URL"]


def start() -> TracerProvider:
    """Starts tracing. Shut it down at the end, or the last spans are lost."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider
