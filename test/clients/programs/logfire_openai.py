"""Logfire's instrumentation of openai within an application's span."""

import logfire
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from app_span import app_span
from openai_calls import call_chat, call_embeddings, call_responses, client

logfire.configure(
    send_to_logfire=False, console=False, additional_span_processors=[BatchSpanProcessor(OTLPSpanExporter())]
)
logfire.instrument_openai()
openai = client()
with app_span():
    call_chat(openai)
    call_responses(openai)
    call_embeddings(openai)
logfire.shutdown()
