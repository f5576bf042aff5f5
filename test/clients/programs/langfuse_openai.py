"""Langfuse's wrapper of openai, its exporter pointed at Aforo."""

from langfuse import Langfuse, propagate_attributes
from langfuse.openai import OpenAI
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

import otel
from openai_calls import call_chat, call_embeddings, call_responses

langfuse = Langfuse(public_key="none", secret_key="none", span_exporter=OTLPSpanExporter())
openai = OpenAI(base_url=f"{otel.PROVIDER}/v1", api_key="none")
with propagate_attributes(session_id="weather"):
    call_chat(openai)
    call_responses(openai)
    call_embeddings(openai)
langfuse.flush()
