"""openai with OpenTelemetry's own instrumentation, which makes no spans for the Responses API."""

from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

import otel
from openai_calls import call_chat, call_embeddings, client

provider = otel.start()
OpenAIInstrumentor().instrument()
openai = client()
call_chat(openai)
call_embeddings(openai)
provider.shutdown()
